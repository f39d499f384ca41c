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
from sync_classroom.domain.edit import decide
from sync_classroom.domain.edit_sheet import EditDesk
from sync_classroom.domain.edits import MoveLesson
from sync_classroom.domain.ids import (
    BellSetId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    SeatId,
    SeriesId,
    TermId,
)
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.roster import BellSet, DayException, Period, Roster
from sync_classroom.domain.series import Series, SeriesSeat, WeekKind, WeekRule, expand
from sync_classroom.domain.suggestions import (
    Hindrance,
    Nearness,
    Obstacle,
    RuleTarget,
    Suggestion,
    Target,
    free_places,
    rule_targets,
    targets,
    wanted_by,
)
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from sync_classroom.domain.warnings import WarningRule, check
from sync_classroom.domain.working_copy import Images, WorkingCopy
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
    mine, hosts = "remote-1-c1", "host-1-c1"
    a = own(seats=[(R1, mine)], host_class=hosts)
    b = other("b", "08:10", "08:50", seats=[("remote-1-r2", mine), ("remote-1-r3", hosts)])
    first, *_ = judged(a, b)
    assert [(o.kind, o.resource, o.seat) for o in first.obstacles] == [
        (ResourceKind.CLASS, hosts, None),
        (ResourceKind.CLASS, mine, "a-s0"),
    ]
    assert wanted_by(a) == {
        (ResourceKind.CLASSROOM, R1): "a-s0",
        (ResourceKind.CLASS, mine): "a-s0",
    }


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
    # From period 3 on it would go on after lunch, until 14:10.
    assert [o.why for o in found[2].obstacles] == [Hindrance.TOO_LONG]
    assert [o.why for o in found[3].obstacles] == [Hindrance.NO_PERIODS_LEFT]
    assert [t.free for t in found] == [True, True, False, False]


def test_a_school_without_bells_has_no_places() -> None:
    without = replace(roster(), bell_sets={})
    assert judged(own(), of=without) == ()
    assert suggested(own(), of=without) == ()


def test_a_lesson_outside_all_periods_begins_with_one_and_keeps_its_length() -> None:
    late = own(start="19:00", end="19:30")
    found = judged(late)
    assert [t.free for t in found] == [True] * 4
    assert (found[0].starts_at, found[0].ends_at) == (at("08:10"), at("08:40"))
    assert places(suggested(late))[0] == ("2026-11-23", 1, "same_day")


def test_a_place_is_where_moving_the_lesson_there_puts_it() -> None:
    for lesson_ in (own(), own(start="08:10", end="09:40"), own(start="19:00", end="19:30")):
        of = roster()
        desk = EditDesk(of, Calendar(of), SHANGHAI, EARLY, "admin", lambda: "1")
        for target in judged(lesson_, last=date(2026, 11, 24)):
            copy = WorkingCopy(Images({lesson_.id: lesson_}))
            command = MoveLesson(lesson_.id, target.place)
            if not target.free:
                with pytest.raises(ProblemError):
                    decide(command, copy, desk)
                continue
            after = decide(command, copy, desk).after.occurrences
            times = {(o.starts_at, o.ends_at) for o in after.values() if o and not o.withdrawn}
            here = target.starts_at == lesson_.starts_at
            assert times == (set() if here else {(target.starts_at, target.ends_at)})


def test_a_room_that_an_edit_would_refuse_is_in_the_way() -> None:
    base = roster()
    room = base.classrooms[ClassroomId(R2)]
    late = replace(room, commissioned_on=date(2026, 11, 24))
    gone = replace(base.classrooms[ClassroomId("host-1-r1")], retired_on=date(2026, 11, 24))
    of = replace(base, classrooms={**base.classrooms, late.id: late, gone.id: gone})
    found = judged(own(), of=of, last=date(2026, 11, 24))
    classroom = ResourceKind.CLASSROOM
    assert {t.obstacles for t in found[:4]} == {
        (Obstacle(Hindrance.NOT_BOOKABLE, classroom, R2, None, SeatId("a-s1")),)
    }
    assert {t.obstacles for t in found[4:]} == {
        (Obstacle(Hindrance.NOT_BOOKABLE, classroom, "host-1-r1"),)
    }


def test_another_term_is_no_place_for_a_lesson_of_this_one() -> None:
    base = roster()
    (term,) = base.terms.values()
    short = replace(term, last_day=date(2026, 11, 23))
    next_ = replace(term, id=TermId("next"), week1_monday=MONDAY, first_day=date(2026, 11, 24))
    of = replace(base, terms={short.id: short, next_.id: next_})
    found = judged(replace(own(), term=short.id), of=of, last=date(2026, 11, 24))
    assert [t.free for t in found] == [True] * 4 + [False] * 4
    assert found[-1].obstacles == (Obstacle(Hindrance.OUTSIDE_TERM),)


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


def rule(**more: Any) -> Series:
    """A weekly rule of the host without a place, for the seats of `own`."""
    seats = (SeriesSeat(ClassroomId(R1)), SeriesSeat(ClassroomId(R2)))
    (term,) = roster().terms
    values: dict[str, Any] = {"host": own().host, "seats": seats, **more}
    return Series(SeriesId("s"), term, "课", "英语", **values)


def rules(series: Series, *plan: Occurrence, now: datetime = EARLY) -> tuple[RuleTarget, ...]:
    of = roster()
    return rule_targets(
        series,
        index=ClashIndex(plan), calendar=Calendar(of), roster=of, zone=SHANGHAI, now=now,
    )  # fmt: skip


def test_a_rule_may_go_wherever_all_its_lessons_to_come_are_free() -> None:
    b = other("b", "08:30", "09:10", seats=[R2], day="2026-12-01")
    found = rules(rule(), b)
    assert [(t.weekday, t.period) for t in found] == [
        (day, period) for day in range(1, 6) for period in (1, 2, 3, 4)
    ]
    taken = {(t.weekday, t.period): t.obstacles for t in found if not t.free}
    obstacle = Obstacle(Hindrance.TAKEN, ResourceKind.CLASSROOM, R2, OccurrenceId("b"))
    assert taken == {(2, n): ((date(2026, 12, 1), obstacle),) for n in (1, 2)}
    later = rules(rule(), b, now=at("08:10", "2026-12-01"))
    assert [(t.weekday, t.period) for t in later if not t.free] == [(2, 2)]
    assert later[0].lessons < found[0].lessons


def test_alternate_weeks_are_not_in_a_rules_way() -> None:
    placed = rule(weekday=1, period=2, weeks=WeekRule(WeekKind.ODD))
    odd = expand(placed, Calendar(roster()), SHANGHAI)
    plan = [replace(o, id=OccurrenceId(f"x{n}")) for n, o in enumerate(odd.occurrences)]
    even = rules(rule(weeks=WeekRule(WeekKind.EVEN)), *plan)
    assert all(t.free for t in even)
    every = [t for t in rules(rule(), *plan) if not t.free]
    assert [(t.weekday, t.period, len(t.obstacles)) for t in every] == [(1, 2, 4 * len(plan))]


def test_a_rules_own_lessons_are_not_in_its_way_and_a_double_needs_two_periods() -> None:
    placed = rule(weekday=1, period=2, span=2)
    own_ = expand(placed, Calendar(roster()), SHANGHAI).occurrences
    found = rules(placed, *own_)
    assert [t.free for t in found[:4]] == [True, True, True, False]
    assert found[3].obstacles == ()
    assert len(found[3].without_period) == found[0].lessons


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
