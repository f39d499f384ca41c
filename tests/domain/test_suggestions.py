from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.bookings import ResourceKind
from sync_classroom.domain.calendar import Calendar
from sync_classroom.domain.clash_index import ClashIndex
from sync_classroom.domain.conflicts import clashes_in
from sync_classroom.domain.ids import BellSetId, OccurrenceId, SchoolId, SeatId
from sync_classroom.domain.roster import BellSet, DayException, Period, Roster
from sync_classroom.domain.suggestions import (
    Hindrance,
    Nearness,
    Obstacle,
    Suggestion,
    Target,
    clashing_seat,
    free_places,
    targets,
)
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from sync_classroom.domain.warnings import WarningRule, check
from tests.support.plans import SHANGHAI, at, lesson
from tests.support.rosters import programme

R1, R2 = "remote-1-r1", "remote-2-r1"
MONDAY = date(2026, 11, 23)
CLOCKS = (
    (1, "08:10", "08:50"),
    (2, "09:00", "09:40"),
    (3, "10:00", "10:40"),
    (4, "13:30", "14:10"),
)
EARLY = at("07:00", "2026-09-01")


def roster(*days: DayException, remote: Sequence[tuple[int, str, str]] = CLOCKS) -> Roster:
    """Every school with the same four periods, but remote-1 with its own."""
    base = programme()
    sets: dict[BellSetId, BellSet] = {}
    for bells in base.bell_sets.values():
        clocks = remote if bells.school == "remote-1" else CLOCKS
        periods = (Period(n, time.fromisoformat(a), time.fromisoformat(b)) for n, a, b in clocks)
        sets[bells.id] = replace(bells, periods=tuple(periods))
    return replace(base, bell_sets=sets, days=days)


def around(days: int) -> set[date]:
    return {MONDAY + timedelta(days=n) for n in range(-days, days + 1)}


def own(ident: str = "a", **more: Any) -> Occurrence:
    """A lesson in period 2 of Monday."""
    return lesson(ident, **{"start": "09:00", "end": "09:40", "seats": [R1, R2], **more})


def other(ident: str, start: str, end: str, **more: Any) -> Occurrence:
    """A lesson that shares nothing with `own` but what `more` says."""
    return lesson(ident, start, end, **{"room": f"{ident}-r", "teacher": f"{ident}-t", **more})


def judged(
    lesson_: Occurrence,
    *plan: Occurrence,
    first: date = MONDAY,
    last: date = MONDAY,
    of: Roster | None = None,
    now: datetime = EARLY,
) -> tuple[Target, ...]:
    of = of or roster()
    index = ClashIndex([lesson_, *plan])
    return targets(
        lesson_, first, last,
        index=index, calendar=Calendar(of), roster=of, zone=SHANGHAI, now=now,
    )  # fmt: skip


def suggested(
    lesson_: Occurrence,
    *plan: Occurrence,
    of: Roster | None = None,
    now: datetime = EARLY,
    limit: int = 3,
) -> tuple[Suggestion, ...]:
    of = of or roster()
    index = ClashIndex([lesson_, *plan])
    return free_places(
        lesson_,
        index=index, calendar=Calendar(of), roster=of, zone=SHANGHAI, now=now, limit=limit,
    )  # fmt: skip


def places(found: Sequence[Suggestion]) -> list[tuple[str, int | None, str]]:
    return [(s.place.date.isoformat(), s.place.period, s.reason.value) for s in found]


def test_every_period_of_a_week_is_judged_in_order() -> None:
    found = judged(own(), last=date(2026, 11, 29))
    assert [(t.place.date.day, t.place.period) for t in found] == [
        (day, period) for day in range(23, 30) for period in (1, 2, 3, 4)
    ]
    assert all(t.free == (t.place.date.day < 28) for t in found)
    assert found[1].starts_at == at("09:00")
    assert found[1].ends_at == at("09:40")


def test_what_is_in_the_way_is_named_with_the_seat_that_wants_it() -> None:
    b = other("b", "08:00", "08:20", seats=[R2])
    c = other("c", "10:30", "11:00", teacher="host-1-t1")
    first, second, third, fourth = judged(own(), b, c)
    assert first.obstacles == (
        Obstacle(Hindrance.TAKEN, ResourceKind.CLASSROOM, R2, OccurrenceId("b"), SeatId("a-s1")),
    )
    assert third.obstacles == (
        Obstacle(Hindrance.TAKEN, ResourceKind.TEACHER, "host-1-t1", OccurrenceId("c")),
    )
    assert second.free
    assert fourth.free


def test_a_class_in_the_way_is_wanted_by_its_seat_or_by_the_host() -> None:
    a = own(seats=[(R1, "x")], host_class="h")
    b = other("b", "08:10", "08:50", seats=[("remote-1-r2", "x"), ("remote-1-r3", "h")])
    first, *_ = judged(a, b)
    assert [(o.kind, o.resource, o.seat) for o in first.obstacles] == [
        (ResourceKind.CLASS, "h", None),
        (ResourceKind.CLASS, "x", "a-s0"),
    ]
    clash = clashes_in([a, replace(a, id=OccurrenceId("z"))])[0]
    assert (clash.resource, clashing_seat(a, clash)) == ("h", None)


def test_a_lesson_that_books_a_room_twice_is_free_nowhere() -> None:
    found = judged(own(seats=[R1, R1]))
    assert [t.free for t in found] == [False] * 4
    assert {o.lesson for t in found for o in t.obstacles} == {"a"}


def test_what_has_begun_is_past() -> None:
    found = judged(own(), now=at("09:00"))
    assert [[o.why for o in t.obstacles] for t in found] == [
        [Hindrance.PAST],
        [Hindrance.PAST],
        [],
        [],
    ]
    assert judged(own(), now=at("08:59:59"))[1].free


def test_the_hosts_day_off_is_in_the_way_and_the_remotes_a_warning() -> None:
    host_off = DayException(SchoolId("host-1"), MONDAY, teaching=False)
    remote_off = DayException(SchoolId("remote-1"), MONDAY, teaching=False)
    for target in judged(own(), of=roster(host_off)):
        assert target.obstacles == (Obstacle(Hindrance.HOST_NOT_TEACHING),)
    for target in judged(own(), of=roster(remote_off)):
        assert target.free
        assert [(w.rule, w.seat) for w in target.warnings] == [(WarningRule.NOT_TEACHING, "a-s0")]


def test_what_does_not_depend_on_the_place_is_no_warning_of_it() -> None:
    assert judged(own(expected=99))[0].warnings == ()


def test_a_double_lesson_needs_two_periods() -> None:
    found = judged(own(start="08:10", end="09:40"))
    assert [(t.starts_at, t.ends_at) for t in found][:2] == [
        (at("08:10"), at("09:40")),
        (at("09:00"), at("10:40")),
    ]
    assert [o.why for o in found[3].obstacles] == [Hindrance.NO_PERIODS_LEFT]
    assert [t.free for t in found] == [True, True, True, False]


def test_a_school_without_bells_has_no_places() -> None:
    without = replace(roster(), bell_sets={})
    assert judged(own(), of=without) == ()
    assert suggested(own(), of=without) == ()


def test_a_lesson_outside_all_periods_goes_for_one() -> None:
    late = own(start="19:00", end="19:40")
    assert [t.free for t in judged(late)] == [True] * 4
    assert places(suggested(late))[0] == ("2026-11-23", 1, "same_day")


def test_a_withdrawn_lesson_is_judged_as_if_it_took_place() -> None:
    gone = Change(ChangeKind.CANCELLED, at("07:00"), "x", "")
    seat = Change(ChangeKind.SEAT_CANCELLED, at("07:00"), "x", "", seat=SeatId("a-s1"))
    b = other("b", "08:10", "08:50", seats=[R1])
    c = other("c", "10:00", "10:40", seats=[R2])
    found = judged(own(changes=[gone, seat]), b, c)
    assert [t.free for t in found] == [False, True, True, True]


def test_nearest_places_come_first_and_only_free_ones() -> None:
    busy = [other(f"b{n}", *CLOCKS[n - 1][1:], seats=[R1]) for n in (1, 4)]
    found = suggested(own(), *busy, limit=4)
    assert places(found) == [
        ("2026-11-23", 3, "same_day"),
        ("2026-11-24", 2, "same_week"),
        ("2026-11-24", 1, "same_week"),
        ("2026-11-24", 3, "same_week"),
    ]
    assert {s.warnings for s in found} == {()}


def test_the_same_week_comes_before_a_nearer_day_of_another() -> None:
    friday = own(day="2026-11-27")
    found = suggested(friday, limit=21)
    assert [s.reason for s in found] == (
        [Nearness.SAME_DAY] * 3 + [Nearness.SAME_WEEK] * 16 + [Nearness.OTHER_WEEK] * 2
    )
    assert found[-1].place.date == date(2026, 11, 30)


def test_a_place_in_a_schools_break_is_suggested_last_and_worse_ones_never() -> None:
    # Periods 1 and 3 of the host lie across a break of remote-1.
    local = ((1, "08:00", "08:30"), (2, "08:40", "10:10"), (3, "10:20", "14:30"))
    # On every other day around, remote-2 has a day off.
    days = [DayException(SchoolId("remote-2"), on, teaching=False) for on in around(60) - {MONDAY}]
    found = suggested(own(), of=roster(*days, remote=local), limit=9)
    assert places(found) == [
        ("2026-11-23", 4, "same_day"),
        ("2026-11-23", 1, "same_day"),
        ("2026-11-23", 3, "same_day"),
    ]
    broken = [[(w.rule, w.seat) for w in s.warnings] for s in found]
    assert broken == [[], [(WarningRule.LOCAL_BREAK, "a-s0")], [(WarningRule.LOCAL_BREAK, "a-s0")]]


def test_nothing_free_around_is_an_empty_answer() -> None:
    off = [DayException(None, on, teaching=False) for on in around(60)]
    assert suggested(own(), of=roster(*off)) == ()


_STARTS = st.sampled_from(["08:00", "08:30", "09:00", "09:40", "10:10", "13:00", "13:50"])
_ROOM = st.sampled_from([R1, R2, "remote-3-r1"])


@st.composite
def _busy(draw: st.DrawFn) -> list[Occurrence]:
    plan = []
    for n in range(draw(st.integers(0, 6))):
        start = draw(_STARTS)
        end = f"{int(start[:2]) + 1:02}{start[2:]}"
        day = draw(st.sampled_from(["2026-11-23", "2026-11-24"]))
        teacher = draw(st.sampled_from(["host-1-t1", "host-2-t1"]))
        seats = draw(st.lists(_ROOM, max_size=2, unique=True))
        host = {"room": "host-2-r1", "teacher": teacher}
        plan.append(lesson(f"b{n}", start, end, day=day, seats=seats, **host))
    return plan


OFF = DayException(SchoolId("remote-2"), date(2026, 11, 24), teaching=False)


@pytest.mark.parametrize("off", [(), (OFF,)])
@given(plan=_busy())
def test_a_target_is_free_exactly_if_the_whole_plan_has_no_clash_with_it(
    off: tuple[DayException, ...], plan: list[Occurrence]
) -> None:
    of, a = roster(*off), own()
    judged_ = judged(a, *plan, last=date(2026, 11, 27), of=of)
    for target in judged_:
        there = replace(
            a, date=target.place.date, starts_at=target.starts_at, ends_at=target.ends_at
        )
        mine = [c for c in clashes_in([there, *plan]) if "a" in c.occurrences]
        assert len(target.obstacles) == len(mine)
        assert [o.resource for o in target.obstacles] == [c.resource for c in mine]
        assert target.warnings == check([there], of)
    free = {(t.place.date, t.place.period) for t in judged_ if t.free and not t.warnings}
    found = suggested(a, *plan, of=of, limit=99)
    named = {(s.place.date, s.place.period) for s in found if not s.warnings}
    week = {place for place in named if MONDAY <= place[0] <= date(2026, 11, 27)}
    assert week == free - {(MONDAY, 2)}
