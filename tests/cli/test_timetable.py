from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.bundle import plan_to_dict
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence, Plan
from tests.cli.conftest import Command
from tests.support.plans import at, lesson
from tests.support.rosters import programme


def written(tmp_path: Path, *occurrences: Occurrence) -> str:
    path = tmp_path / "plan.json"
    plan = Plan(programme(), {o.id: o for o in occurrences})
    path.write_text(json.dumps(plan_to_dict(plan)), "utf-8")
    return str(path)


def clashing() -> list[Occurrence]:
    """Two lessons that share a teacher and a room, a cancelled one, and one on a Sunday."""
    gone = Change(ChangeKind.CANCELLED, at("08:00"), "x", "")
    return [
        lesson("b", "09:20", "09:40", room="host-1-r2", seats=["remote-1-r1", "remote-2-r1"]),
        lesson("a", "09:00", "09:40", seats=["remote-1-r1"], expected=46),
        lesson("c", "09:00", "09:40", changes=[gone]),
        lesson("d", day="2026-11-22", seats=["remote-1-r1"]),
    ]


def checked(command: Command, path: str, *more: str) -> tuple[int, dict[str, Any]]:
    done = command("timetable", "check", path, "--format", "json", *more)
    return done.exit_code, json.loads(done.stdout)


def test_clashes_and_warnings_are_printed_as_the_design_says(
    command: Command, tmp_path: Path
) -> None:
    status, found = checked(command, written(tmp_path, *clashing()))
    assert status == 1
    assert found == {
        "blocks": [
            {"resource": {"kind": "classroom", "id": "remote-1-r1"}, "occurrences": ["a", "b"]},
            {"resource": {"kind": "teacher", "id": "host-1-t1"}, "occurrences": ["a", "b"]},
        ],
        "warnings": [
            {"rule": "not_teaching", "occurrence": "d", "seat": "d-s0"},
            {"rule": "capacity", "occurrence": "a", "seat": "a-s0"},
        ],
    }


@pytest.mark.parametrize("occurrences", [(), (lesson("a", seats=["remote-1-r1"]),)])
def test_a_plan_without_findings_ends_with_0(
    command: Command, tmp_path: Path, occurrences: Sequence[Occurrence]
) -> None:
    assert checked(command, written(tmp_path, *occurrences)) == (0, {"blocks": [], "warnings": []})


def test_warnings_alone_end_with_0(command: Command, tmp_path: Path) -> None:
    status, found = checked(command, written(tmp_path, clashing()[1]))
    assert (status, len(found["blocks"]), len(found["warnings"])) == (0, 0, 1)


def test_a_gap_is_asked_for(command: Command, tmp_path: Path) -> None:
    path = written(tmp_path, lesson("a", "09:00", "09:40"), lesson("b", "09:45", "10:25"))
    assert checked(command, path)[0] == 0
    assert checked(command, path, "--setup-gap", "301")[0] == 1


def test_a_malformed_plan_ends_with_2_and_names_record_and_field(
    command: Command, tmp_path: Path
) -> None:
    path = Path(written(tmp_path, *clashing()))
    text = path.read_text("utf-8")
    path.write_text(text.replace('"periods": 1', '"periods": -1', 1), "utf-8")
    done = command("timetable", "check", str(path), "--format", "json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "occurrences 'b': field 'periods' must be a whole number, 0 or more" in done.stderr
    path.write_text(text[:-40], "utf-8")
    done = command("timetable", "check", str(path))
    assert (done.exit_code, "is not JSON" in done.stderr) == (2, True)
    done = command("timetable", "check", str(tmp_path / "nowhere.json"))
    assert (done.exit_code, "There is no readable plan" in done.stderr) == (2, True)


def test_tables_name_what_clashes(command: Command, tmp_path: Path) -> None:
    done = command("timetable", "check", written(tmp_path, *clashing()))
    assert done.exit_code == 1
    words = " ".join(done.stdout.split())
    assert "classroom 学校 remote-1 1号直播教室" in words
    assert "2026-11-23 09:20–09:40" in words
    assert "not_teaching d d-s0" in words
    assert "2 clashes, 2 warnings." in words


def test_tables_stay_short_and_say_how_much_more_there_is(command: Command, tmp_path: Path) -> None:
    sunday = lesson("a", day="2026-11-22", seats=["remote-1-r1"])
    many = [
        replace(sunday, id=type(sunday.id)(f"o{n}"), starts_at=at("09:00"), ends_at=at("09:40"))
        for n in range(21)
    ]
    done = command("timetable", "check", written(tmp_path, *many))
    # 210 pairs share a teacher, the host's room and the seat's.
    assert "630 clashes, 21 warnings." in done.stdout
    assert "530 more: --format json." in done.stdout
    assert done.stdout.count("\n") < 400


def test_the_console_speaks_chinese(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    done = command("timetable", "check", written(tmp_path, *clashing()))
    assert "受援校当天不上课" in done.stdout
    assert "冲突 2 处，提醒 2 条。" in done.stdout
