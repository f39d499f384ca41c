"""What changed between two periods, and what to know of them first."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.comparison import (
    Caveat,
    CaveatKind,
    Change,
    caveats,
    change_of,
    in_force_on,
)
from sync_classroom.domain.coverage import Coverage, compute
from sync_classroom.domain.definitions import Unit
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SchoolId
from sync_classroom.domain.measures import Ratio
from sync_classroom.domain.roster import Roster
from sync_classroom.domain.rules import DEFAULT, RulesVersion
from sync_classroom.domain.timetable import Plan
from tests.support.plans import lesson
from tests.support.rosters import programme

FIRST = RulesVersion(1, DEFAULT)
SECOND = RulesVersion(2, replace(DEFAULT, version="2", held=0.9), date(2026, 11, 1))
DUE = {
    OccurrenceId(day): lesson(day, day=day, seats=["remote-1-r1"])
    for day in ("2026-10-20", "2026-11-23")
}


def figures(first: date, last: date, *, roster: Roster | None = None) -> Coverage:
    """The figures of these days, of two lessons that nobody gave."""
    return compute(Plan(roster or programme(), DUE), (), first=first, last=last)


@pytest.mark.parametrize(
    ("now", "before", "change"),
    [
        (Ratio(241, 250), Ratio(240, 250), Change(1, 4)),
        (Ratio(1, 3), Ratio(1, 2), Change(-1, 167)),
        (Ratio(1, 2), Ratio(2, 4), Change(0, 0)),
        (Ratio(5000, 10000), Ratio(5001, 10000), Change(-1, 0)),
        (Ratio(5005, 10000), Ratio(5000, 10000), Change(1, 1)),  # half a tenth is rounded up
        (Ratio(0, 7), Ratio(7, 7), Change(-1, 1000)),
        (Ratio(1, 2), Ratio(0, 0), None),
        (Ratio(0, 0), Ratio(1, 2), None),
        (Ratio(0, 0), Ratio(0, 0), None),
    ],
)
def test_a_rate_changes_in_tenths_of_a_point_where_both_have_a_denominator(
    now: Ratio, before: Ratio, change: Change | None
) -> None:
    assert change_of(Unit.RATIO, now, before) == change


def test_counts_and_seconds_change_by_their_difference() -> None:
    assert change_of(Unit.COUNT, 3, 8) == Change(-1, 5)
    assert change_of(Unit.SECONDS, 3600, 0) == Change(1, 3600)
    assert change_of(Unit.COUNT, 4, 4) == Change(0, 0)
    assert change_of(Unit.COUNT, 4, None) is None
    assert change_of(Unit.RATIO, None, Ratio(1, 2)) is None


RATIOS = st.integers(1, 10**7).flatmap(
    lambda whole: st.integers(0, whole).map(lambda part: Ratio(part, whole))
)


@given(RATIOS, RATIOS)
def test_a_change_is_the_nearest_tenth_and_turns_round_with_its_sides(
    now: Ratio, before: Ratio
) -> None:
    change = change_of(Unit.RATIO, now, before)
    back = change_of(Unit.RATIO, before, now)
    assert change is not None
    assert back == Change(-change.sign, change.amount)
    true = Fraction(now.numerator, now.denominator) - Fraction(before.numerator, before.denominator)
    assert change.sign == (true > 0) - (true < 0)
    assert abs(abs(true) * 1000 - change.amount) <= Fraction(1, 2)


def test_periods_that_are_alike_need_no_words() -> None:
    now = figures(date(2026, 11, 23), date(2026, 11, 23))
    before = figures(date(2026, 10, 20), date(2026, 10, 20))
    assert caveats(now, before, [FIRST]) == ()


def test_a_period_without_anything_due_has_no_rates() -> None:
    now = figures(date(2026, 11, 23), date(2026, 11, 24))
    before = figures(date(2026, 9, 5), date(2026, 9, 6))
    assert caveats(now, before, [FIRST]) == (
        Caveat(CaveatKind.NOTHING_DUE, day=date(2026, 9, 5), last=date(2026, 9, 6)),
    )


def test_lengths_that_differ_and_days_in_both_are_named() -> None:
    now = figures(date(2026, 11, 1), date(2026, 11, 30))
    before = figures(date(2026, 10, 1), date(2026, 11, 5))
    assert caveats(now, before, [FIRST]) == (
        Caveat(CaveatKind.OVERLAP, day=date(2026, 11, 1), last=date(2026, 11, 5)),
        Caveat(CaveatKind.DAYS, 30, 36),
    )


def test_rooms_and_schools_that_came_later_are_named() -> None:
    roster = programme()
    late = date(2026, 11, 1)
    room, school = ClassroomId("remote-2-r1"), SchoolId("remote-8")
    roster = replace(
        roster,
        classrooms={
            **roster.classrooms, room: replace(roster.classrooms[room], commissioned_on=late)
        },
        schools={**roster.schools, school: replace(roster.schools[school], joined_on=late)},
    )  # fmt: skip
    now = figures(date(2026, 11, 23), date(2026, 11, 23), roster=roster)
    before = figures(date(2026, 10, 20), date(2026, 10, 20), roster=roster)
    assert caveats(now, before, [FIRST]) == (
        Caveat(CaveatKind.SCHOOLS, 8, 7),
        Caveat(CaveatKind.ROOMS, 48, 47),
    )


def test_rules_that_were_not_in_force_then_are_named() -> None:
    now = figures(date(2026, 11, 23), date(2026, 11, 23))
    before = figures(date(2026, 10, 20), date(2026, 10, 20))
    now, before = (replace(f, rules=SECOND.rules) for f in (now, before))
    assert caveats(now, before, [FIRST, SECOND]) == (
        Caveat(CaveatKind.OLD_RULES, 2, 1, last=date(2026, 10, 20)),
    )
    assert [in_force_on(d, [FIRST, SECOND]) for d in (date(2026, 10, 31), date(2026, 11, 1))] == [
        1,
        2,
    ]


def test_figures_read_while_the_rules_changed_are_not_of_one_version() -> None:
    now = replace(figures(date(2026, 11, 23), date(2026, 11, 23)), rules=SECOND.rules)
    before = figures(date(2026, 10, 20), date(2026, 10, 20))
    assert caveats(now, before, [FIRST, SECOND]) == (Caveat(CaveatKind.RULES, 2, 1),)


def test_a_plan_without_a_date_is_not_compared() -> None:
    empty = compute(Plan(programme(), {}), ())
    with pytest.raises(ValueError, match="between periods"):
        caveats(empty, empty, [FIRST])
