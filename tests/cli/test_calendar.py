"""`calendar` at the console: one row for every date."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from .conftest import Command

KEYS = ["date", "teaching", "follows_weekday", "week", "parity", "bell_set", "source", "reason"]


def test_json_has_exactly_one_row_for_every_date(loaded: Command) -> None:
    done = loaded(
        "calendar", "--school", "remote-1", "--from", "2026-08-25", "--to", "2027-02-01",
        "--format", "json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = json.loads(done.output)
    first = date(2026, 8, 25)
    assert [r["date"] for r in rows] == [
        (first + timedelta(days=n)).isoformat() for n in range(161)
    ]
    assert {tuple(r) for r in rows} == {tuple(KEYS)}
    by_date = {r["date"]: [r[k] for k in KEYS[1:]] for r in rows}
    bells = "remote-1-bells"
    assert by_date["2026-08-31"] == [
        False, None, None, None, bells, "default", "outside the terms",
    ]  # fmt: skip
    assert by_date["2026-09-01"] == [True, 2, 1, "odd", bells, "default", ""]
    assert by_date["2026-10-01"] == [False, None, None, None, bells, "holiday", "National Day"]
    # The Saturday that is worked for Wednesday 7 October, in an even week.
    assert by_date["2026-10-10"] == [True, 3, 6, "even", bells, "make_up", "National Day"]
    assert by_date["2027-01-22"] == [True, 5, 21, "odd", bells, "default", ""]
    assert by_date["2027-01-25"][0] is False


def test_a_table_is_for_people(loaded: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    asked = ("calendar", "--school", "remote-1", "--from", "2026-10-10")
    assert "2026-10-10 Sat" in loaded(*asked).output
    assert "6 even" in loaded(*asked).output
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    chinese = loaded(*asked).output
    assert "6（双）" in chinese
    assert "国家调休" in chinese
    assert "国庆节" in chinese


def test_a_bureaus_own_file_corrects_the_country(
    loaded: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "calendar.toml"
    own.write_text(
        'days = [{ date = 2026-10-10, kind = "make_up", name = "国庆节" }]', encoding="utf-8"
    )
    monkeypatch.setenv("SYNC_CLASSROOM_PROGRAMME__CALENDAR", str(own))
    asked = ("calendar", "--school", "remote-1", "--from", "2026-10-10")
    (unmapped,) = json.loads(loaded(*asked, "--format", "json").output)
    assert (unmapped["teaching"], unmapped["follows_weekday"]) == (True, None)
    assert "unmapped" in loaded(*asked).output
    own.write_text('days = [{ date = 2026-10-10, kind = "of", name = "x" }]', encoding="utf-8")
    refused = loaded(*asked)
    assert refused.exit_code == 2
    assert "calendar.toml" in refused.output


def test_a_file_that_was_named_and_is_not_there_is_warned_of(
    loaded: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_CLASSROOM_PROGRAMME__CALENDAR", str(tmp_path / "calender.toml"))
    done = loaded("calendar", "--school", "remote-1", "--from", "2026-10-10")
    assert done.exit_code == 0
    assert "calendar.absent" in done.output
    assert "calender.toml" in done.output


def test_a_school_that_is_not_there_is_named(loaded: Command) -> None:
    done = loaded("calendar", "--school", "nowhere")
    assert done.exit_code == 2
    assert "nowhere" in done.output
