from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.bundle import parse_plan
from sync_classroom.domain.calendar import Calendar
from sync_classroom.domain.ids import (
    BellSetId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    SeatId,
    TeacherId,
)
from sync_classroom.domain.roster import BellSet, DayException, Period, Roster
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from sync_classroom.domain.warnings import (
    PlanWarning,
    WarningContext,
    WarningRule,
    check,
    names_assistants,
    warnings_of,
)
from tests.support.naive_warnings import naive_warnings
from tests.support.plans import at, lesson
from tests.support.random_bundles import bundles
from tests.support.rosters import programme

Json = dict[str, Any]
R1, R2 = "remote-1-r1", "remote-2-r1"
REMOTE = SchoolId("remote-1")
# A grid of its own: lunch after the second period, no pause between the third and the fourth.
LOCAL = ((1, "08:20", "09:00"), (2, "09:20", "10:00"), (3, "13:30", "14:10"), (4, "14:10", "14:50"))


def roster(*days: DayException, bells: Sequence[tuple[int, str, str]] = LOCAL) -> Roster:
    base = programme()
    ident = BellSetId("remote-1-bells")
    periods = tuple(Period(n, time.fromisoformat(a), time.fromisoformat(b)) for n, a, b in bells)
    sets = {**base.bell_sets, ident: BellSet(ident, REMOTE, periods)}
    return replace(base, bell_sets=sets, days=days)


def told(of: Roster, *plan: Occurrence) -> list[tuple[str, str, str | None]]:
    return [(w.rule.value, w.occurrence, w.seat) for w in check(plan, of)]


def rules(of: Roster, *plan: Occurrence) -> list[str]:
    return [rule for rule, _, _ in told(of, *plan)]


def within(ident: str = "a", **more: Any) -> Occurrence:
    """A lesson inside the second period of remote-1."""
    given_: dict[str, Any] = {"start": "09:20", "end": "10:00", "seats": [R1], **more}
    return lesson(ident, **given_)


def test_a_lesson_that_suits_everybody_warns_of_nothing() -> None:
    assert told(roster(), within()) == []


def test_two_schools_on_different_days_off() -> None:
    off = DayException(REMOTE, date(2026, 11, 23), teaching=False)
    a = within(seats=[R2, R1, "remote-1-r2"])
    assert told(roster(off), a) == [
        ("not_teaching", "a", "a-s1"),
        ("not_teaching", "a", "a-s2"),
    ]


@pytest.mark.parametrize("day", ["2026-11-22", "2026-08-31", "2027-02-01"])
def test_weekends_and_days_outside_the_term_are_not_taught(day: str) -> None:
    assert rules(roster(), within(day=day)) == ["not_teaching"]


def test_the_hosts_own_day_off_is_its_own_decision() -> None:
    off = DayException(SchoolId("host-1"), date(2026, 11, 23), teaching=False)
    assert told(roster(off), within()) == []


def test_period_3_of_the_host_that_straddles_periods_of_the_remote_covers_its_break() -> None:
    assert rules(roster(), within(start="08:50", end="09:30")) == ["local_break"]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("09:00", "09:20", ["local_break"]),  # the break itself
        ("09:10", "09:50", ["local_break"]),
        ("09:30", "10:01", ["local_break"]),  # a minute of lunch
        ("12:00", "12:40", ["local_break"]),
        ("08:20", "09:00", []),  # begins and ends with the bell
        ("13:30", "14:50", []),  # no pause between these two
        ("07:00", "08:30", []),  # before school is no break
        ("14:40", "16:00", []),  # after school is no break
        ("16:00", "17:00", []),
        ("07:00", "16:00", ["local_break"]),
    ],
)
def test_only_time_between_two_periods_is_a_break(
    start: str, end: str, expected: list[str]
) -> None:
    assert rules(roster(), within(start=start, end=end)) == expected


def test_a_day_off_has_no_breaks_and_a_make_up_saturday_has() -> None:
    saturday = date(2026, 11, 28)
    a = within(day="2026-11-28", start="12:00", end="12:40")
    assert rules(roster(), a) == ["not_teaching"]
    worked = DayException(REMOTE, saturday, teaching=True, follows_weekday=5, follows_week=12)
    assert rules(roster(worked), a) == ["local_break"]


def test_the_bells_of_that_day_decide() -> None:
    summer = BellSet(BellSetId("summer"), REMOTE, (Period(1, time(9, 0), time(10, 0)),))
    day = DayException(REMOTE, date(2026, 11, 23), teaching=True, bell_set=summer.id)
    base = roster(day)
    both = replace(base, bell_sets={**base.bell_sets, summer.id: summer})
    a = within(start="08:50", end="09:30")
    assert rules(both, a) == []
    next_day = within(day="2026-11-24", start="08:50", end="09:30")
    assert rules(both, next_day) == ["local_break"]


def test_a_lesson_over_midnight_is_judged_by_the_bells_of_both_days() -> None:
    night = within(start="23:00", end="23:30")
    over = replace(night, ends_at=at("00:40", "2026-11-24"))
    early = ((1, "00:00", "00:20"), (2, "00:30", "01:00"))
    assert rules(roster(bells=early), night) == []
    assert rules(roster(bells=early), over) == ["local_break"]
    off = DayException(REMOTE, date(2026, 11, 24), teaching=False)
    assert rules(roster(off, bells=early), over) == []


def test_a_school_without_bells_has_no_breaks() -> None:
    base = programme()
    without = replace(base, bell_sets={})
    assert rules(without, within(start="12:00", end="12:40")) == []
    assert rules(roster(bells=LOCAL[:1]), within(start="12:00", end="12:40")) == []


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (date(2026, 11, 23), date(2026, 11, 24), []),
        (date(2026, 11, 24), None, ["not_commissioned"]),
        (date(2020, 1, 1), date(2026, 11, 23), ["not_commissioned"]),
    ],
)
def test_a_classroom_not_yet_or_no_more_in_commission(
    since: date, until: date | None, expected: list[str]
) -> None:
    base = roster()
    room = ClassroomId(R1)
    changed = replace(base.classrooms[room], commissioned_on=since, retired_on=until)
    assert rules(replace(base, classrooms={**base.classrooms, room: changed}), within()) == expected


@pytest.mark.parametrize(
    ("expected", "capacity", "warned"),
    [(45, 45, []), (46, 45, ["capacity"]), (None, 45, []), (46, None, []), (1, 0, ["capacity"])],
)
def test_an_expected_head_count_above_capacity(
    expected: int | None, capacity: int | None, warned: list[str]
) -> None:
    base = roster()
    room = ClassroomId(R1)
    rooms = {**base.classrooms, room: replace(base.classrooms[room], capacity=capacity)}
    assert rules(replace(base, classrooms=rooms), within(expected=expected)) == warned


def test_an_unmapped_make_up_day_is_told_for_the_host_and_for_each_seat() -> None:
    saturday = date(2026, 11, 28)
    a = within(day="2026-11-28", seats=[R1, R2])
    everybody = DayException(None, saturday, teaching=True)
    assert told(roster(everybody), a) == [
        ("unmapped_day", "a", None),
        ("unmapped_day", "a", "a-s0"),
        ("unmapped_day", "a", "a-s1"),
    ]
    mapped = DayException(REMOTE, saturday, teaching=True, follows_weekday=5)
    assert told(roster(everybody, mapped), a) == [
        ("unmapped_day", "a", None),
        ("unmapped_day", "a", "a-s1"),
    ]


def test_assistants_matter_only_in_a_plan_that_names_one() -> None:
    a, b = within("a", seats=[R1, "remote-1-r2"]), within("b", start="13:30", end="14:10")
    named = replace(b, seats=(replace(b.seats[0], assistant=TeacherId("remote-1-t1")),))
    assert told(roster(), a, b) == []
    assert (names_assistants([a, b]), names_assistants([a, named])) == (False, True)
    for plan in ([a, named], [named, a]):
        assert told(roster(), *plan) == [
            ("no_assistant", "a", "a-s0"),
            ("no_assistant", "a", "a-s1"),
        ]
    withdrawn = replace(named, changes=(Change(ChangeKind.CANCELLED, at("08:00"), "x", ""),))
    assert rules(roster(), a, withdrawn) == ["no_assistant"] * 2


def test_what_is_withdrawn_warns_of_nothing() -> None:
    a = within(seats=[R1, "remote-1-r2"], start="12:00", end="12:40")
    seat = Change(ChangeKind.SEAT_CANCELLED, at("08:00"), "x", "", seat=SeatId("a-s0"))
    assert told(roster(), replace(a, changes=(seat,))) == [("local_break", "a", "a-s1")]
    for kind in (ChangeKind.CANCELLED, ChangeKind.MOVED):
        gone = replace(a, changes=(Change(kind, at("08:00"), "x", ""),))
        assert told(roster(), gone) == []


def test_warnings_come_by_start_then_id_then_rule_then_seat() -> None:
    base = roster()
    room = ClassroomId(R2)
    rooms = {**base.classrooms, room: replace(base.classrooms[room], capacity=0)}
    many = replace(base, classrooms=rooms)
    plan = [
        within("c", seats=[R2, R1], expected=7, start="12:00", end="12:40"),
        within("b", start="12:00", end="12:40"),
        within("d", start="11:00", end="11:40"),
    ]
    assert told(many, *plan) == [
        ("local_break", "d", "d-s0"),
        ("local_break", "b", "b-s0"),
        ("local_break", "c", "c-s1"),
        ("capacity", "c", "c-s0"),
    ]


def test_one_lesson_is_judged_as_in_the_whole_plan() -> None:
    a = within(start="12:00", end="12:40")
    break_ = PlanWarning(WarningRule.LOCAL_BREAK, OccurrenceId("a"), SeatId("a-s0"))
    nobody = PlanWarning(WarningRule.NO_ASSISTANT, OccurrenceId("a"), SeatId("a-s0"))
    assert warnings_of(a, WarningContext(roster(), assistants=False)) == (break_,)
    assert warnings_of(a, WarningContext(roster(), assistants=True)) == (break_, nobody)


def test_an_unknown_classroom_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        warnings_of(within(seats=["nowhere"]), WarningContext(roster(), assistants=False))


_CLOCKS = ["08:50", "09:00", "09:01", "09:10", "09:40"]


@st.composite
def _plans(draw: st.DrawFn) -> Json:
    plan, _ = draw(bundles())
    rooms = plan["classrooms"]
    for room in rooms:
        room["capacity"] = draw(st.sampled_from([None, 32, 33]))
    for occurrence in plan["occurrences"]:
        start, end = sorted(draw(st.sets(st.sampled_from(_CLOCKS), min_size=2, max_size=2)))
        occurrence["starts_at"] = f"{occurrence['date']}T{start}:00+08:00"
        occurrence["ends_at"] = f"{occurrence['date']}T{end}:00+08:00"
        for seat in occurrence["seats"]:
            if draw(st.integers(0, 3)) == 0:
                seat["assistant"] = "remote-1-t"
    for school in plan["schools"]:
        clocks = sorted(draw(st.sets(st.sampled_from(_CLOCKS), max_size=5)))
        pairs = list(zip(clocks[::2], clocks[1::2], strict=False))
        plan["bell_sets"].append(
            {
                "id": f"{school['id']}-b",
                "school": school["id"],
                "periods": [{"no": n, "start": a, "end": b} for n, (a, b) in enumerate(pairs, 1)],
            }
        )
    return plan


@given(_plans())
def test_warnings_agree_with_reading_the_file_minute_by_minute(plan: Json) -> None:
    parsed = parse_plan(plan)
    calendar = Calendar(parsed.roster)

    def day(school: str, on: str) -> tuple[bool, bool, list[tuple[str, str]]]:
        answer = calendar.day(SchoolId(school), date.fromisoformat(on))
        periods = () if answer.bell_set is None else answer.bell_set.periods
        clocks = [(f"{p.start:%H:%M}", f"{p.end:%H:%M}") for p in periods]
        return answer.teaching, answer.unmapped, clocks

    occurrences = list(parsed.occurrences.values())
    found = check(occurrences, parsed.roster)
    assert [(w.rule.value, w.occurrence, w.seat) for w in found] == naive_warnings(plan, day)
    context = WarningContext(parsed.roster, assistants=names_assistants(occurrences))
    one_by_one = [w for o in occurrences for w in warnings_of(o, context)]
    assert Counter(one_by_one) == Counter(found)
