"""The held rate by week and what is built, as geometry."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sync_classroom.domain.measures import Ratio
from sync_classroom.web.pages.coverage_trend import build, overlay, trend
from tests.support.rosters import programme

WEEKS = {"2026-W36": Ratio(1, 2), "2026-W37": Ratio(4, 4), "2026-W38": Ratio(0, 0)}
NAMED = {k: (k[-3:], date(2026, 9, 1), date(2026, 9, 6)) for k in WEEKS}


def test_each_week_has_its_place_and_no_line_leads_over_one_without_lessons() -> None:
    found = trend(WEEKS, NAMED)
    assert found is not None
    assert [(w.name, w.x, w.y, w.rate.exact) for w in found.weeks] == [
        ("W36", "16.6667%", "50.0000%", "1/2"),
        ("W37", "50.0000%", "10.0000%", "4/4"),
        ("W38", "83.3333%", None, "0/0"),
    ]
    (line,) = found.lines
    assert (line.x1, line.y1, line.x2, line.y2) == (
        "16.6667%", "50.0000%", "50.0000%", "10.0000%",
    )  # fmt: skip
    assert found.grid == (("100 %", "10.0000%"), ("50 %", "50.0000%"), ("0 %", "90.0000%"))


def test_a_week_of_which_no_lesson_is_over_has_no_place_yet() -> None:
    found = trend(WEEKS, NAMED, {"2026-W37"})
    assert found is not None
    assert [w.y for w in found.weeks] == ["50.0000%", None, None]
    assert found.lines == ()


def test_one_week_is_no_trend() -> None:
    assert trend({"2026-W36": Ratio(1, 2)}, NAMED) is None


def test_many_weeks_are_not_all_named() -> None:
    weeks = {f"2026-W{n:02}": Ratio(1, 1) for n in range(1, 54)}
    found = trend(weeks, {k: (k, date(2026, 1, 1), date(2026, 1, 1)) for k in weeks})
    assert found is not None
    assert sum(w.label for w in found.weeks) == 18


def test_targets_are_judged_by_their_own_day() -> None:
    roster = programme()
    rooms = {
        ident: replace(room, commissioned_on=date(2021, 6, 1) if n % 2 else date(2020, 6, 1))
        for n, (ident, room) in enumerate(roster.classrooms.items())
    }
    roster = replace(roster, classrooms=rooms)
    remote = [r for r in rooms.values() if str(r.school).startswith("remote")]
    early = sum(r.commissioned_on.year == 2020 for r in remote)
    found = build(roster, [(date(2030, 1, 1), 60), (date(2020, 12, 31), 30)], date(2026, 11, 23))
    assert found is not None
    assert [(g.wanted, g.built, g.met, g.still_ahead) for g in found.goals] == [
        (30, early, False, False),
        (60, len(remote), False, True),
    ]
    assert (found.top, found.built) == (60, len(remote))
    assert found.years[0][0] == "2021"
    assert build(roster, [], date(2026, 11, 23)) is None


def test_two_periods_lie_on_each_other_by_the_number_of_the_week() -> None:
    found = overlay(
        {1: Ratio(1, 2), 2: Ratio(0, 0), 3: Ratio(3, 3)}, {1: Ratio(0, 4), 2: Ratio(1, 1)}
    )
    assert found is not None
    assert [(w.number, w.x, w.y_now, w.y_before) for w in found.weeks] == [
        (1, "16.6667%", "50.0000%", "90.0000%"),
        (2, "50.0000%", None, "10.0000%"),
        (3, "83.3333%", "10.0000%", None),
    ]
    assert found.now == ()
    (line,) = found.before
    assert (line.x1, line.y1, line.x2, line.y2) == ("16.6667%", "90.0000%", "50.0000%", "10.0000%")
    assert overlay({1: Ratio(1, 2)}, {}) is None
    assert overlay({}, {}) is None
