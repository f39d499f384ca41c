"""`init` and `lesson` at the console, on a real database."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from .conftest import Command

TOMORROW = datetime.now(UTC).date() + timedelta(days=2)
LESSON = (
    "lesson", "add", "--title", "Unit 6", "--subject", "英语", "--teacher", "host-1-t01",
    "--classroom", "host-1-r1", "--at", f"{TOMORROW} 09:00",
)  # fmt: skip


def _add(command: Command, *seats: str, extra: tuple[str, ...] = ()) -> str:
    done = command(*LESSON, *extra, *(part for seat in seats for part in ("--seat", seat)))
    assert done.exit_code == 0, done.output
    found = re.search(r"o-\d{8}-\w{8}", done.output)
    assert found
    return found.group()


def test_loading_the_roster_twice_changes_nothing(loaded: Command) -> None:
    again = loaded("init", "config/taicang.toml")
    assert again.exit_code == 0
    rows = {
        line.split()[0]: line.split()[1:]
        for line in again.output.splitlines()
        if len(line.split()) == 4
    }
    assert rows["classrooms"][:2] == ["0", "0"]
    assert int(rows["classrooms"][2]) >= 48


def test_a_roster_with_a_duplicate_id_is_refused_and_nothing_is_stored(
    command: Command, tmp_path: Path
) -> None:
    good = Path("config/taicang.toml").read_text("utf-8")
    bad = tmp_path / "bad.toml"
    bad.write_text(good.replace('id = "host-2"', 'id = "host-1"', 1), encoding="utf-8")
    done = command("init", str(bad))
    assert done.exit_code == 2
    assert "host-1" in done.output
    assert "No lessons" in command("lesson", "list").output


def test_a_lesson_is_planned_listed_and_cancelled(loaded: Command) -> None:
    lesson = _add(loaded, "remote-1-r1", "remote-2-r1")
    listed = loaded("lesson", "list", "--from", str(TOMORROW)).output
    assert lesson in listed
    assert "planned" in listed
    assert loaded("lesson", "cancel", lesson, "--reason", "台风").exit_code == 0
    figures = json.loads(loaded("coverage", "--from", str(TOMORROW), "--format", "json").output)
    assert [seat["state"] for seat in figures["seats"]] == ["cancelled_excused"] * 2
    assert figures["totals"]["due_periods"] == 0


def test_a_chinese_console_is_answered_in_chinese_and_80_columns_are_enough(
    loaded: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = _add(loaded, "remote-1-r1")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.setenv("COLUMNS", "80")
    listed = loaded("lesson", "list", "--from", str(TOMORROW)).output
    assert lesson in listed
    for part in ("待上课", "英语 · Unit 6", "城厢镇第四小学", "09:00–09:40"):
        assert part in listed
    assert loaded("lesson", "cancel", lesson, "--reason", "台风").exit_code == 0
    assert "已取消" in loaded("lesson", "list", "--from", str(TOMORROW)).output
    assert "这几天没有课次。" in loaded("lesson", "list", "--from", "2026-01-01").output
    figures = loaded("coverage", "--from", str(TOMORROW)).output
    assert "应开课时" in figures
    assert "主讲兑现率：—" in figures
    assert "programme" not in loaded("init", "config/taicang.toml").output


def test_a_double_booking_is_refused_and_says_who_holds_the_room(loaded: Command) -> None:
    lesson = _add(loaded, "remote-1-r1")
    done = loaded(
        "lesson", "add", "--title", "Water", "--subject", "科学", "--teacher", "host-2-t01",
        "--classroom", "host-2-r1", "--at", f"{TOMORROW} 09:20", "--seat", "remote-1-r1",
    )  # fmt: skip
    assert done.exit_code == 2
    assert "remote-1-r1" in done.output or "随迁子女学校一" in done.output
    assert "09:20" in done.output
    listed = loaded("lesson", "list", "--from", str(TOMORROW)).output
    assert re.findall(r"o-\d{8}-\w{8}", listed) == [lesson]


def test_a_plan_in_the_past_is_refused(loaded: Command) -> None:
    arguments = [*LESSON[:-1], "2020-09-01 09:00", "--seat", "remote-1-r1"]
    done = loaded(*arguments)
    assert done.exit_code == 2
    assert "2020-09-01" in done.output


@pytest.mark.parametrize(
    ("at", "seat", "named"),
    [
        ("soon", "remote-1-r1", "'soon'"),
        (f"{TOMORROW} 09:00", "remote-1-r1:remote-1-c1:many", "many"),
        (f"{TOMORROW} 09:00", "nowhere", "nowhere"),
    ],
)
def test_bad_input_is_named(loaded: Command, at: str, seat: str, named: str) -> None:
    done = loaded(*LESSON[:-1], at, "--seat", seat)
    assert done.exit_code == 2
    assert named in done.output
