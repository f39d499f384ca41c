"""Timelines and coverage from stored facts alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.domain.coverage import compute
from sync_classroom.domain.facts import Fact, HostMedia, JournalGap, SeatMedia
from sync_classroom.domain.ids import FactId, OccurrenceId, SeatId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.timetable import Occurrence, Plan
from tests.support.coordination import Bench, bench, roster
from tests.support.plans import at, lesson

pytestmark = pytest.mark.asyncio

ONE = OccurrenceId("o-1")
DAY = date(2026, 11, 23)
LESSON = lesson("o-1", seats=["far-1-r1", "far-1-r2", "far-2-r1"])
A, B, C = (s.id for s in LESSON.seats)


def host(of: Occurrence, start: str, end: str) -> HostMedia:
    return HostMedia(FactId(f"h:{of.id}:{start}"), of.id, at(start), at(end), 100, 1000)


def seat(of: Occurrence, which: SeatId, start: str, end: str, acked: int = 100) -> SeatMedia:
    return SeatMedia(
        FactId(f"s:{which}:{start}"), of.id, which, at(start), at(end), 100, acked, 1000
    )


FACTS: list[Fact] = [
    host(LESSON, "08:58", "09:20"),
    host(LESSON, "09:20", "09:41"),
    seat(LESSON, A, "09:00", "09:35"),
    seat(LESSON, A, "08:59", "09:00"),
    seat(LESSON, B, "09:00", "09:10"),
    seat(LESSON, B, "09:10", "09:40", acked=79),
    JournalGap(FactId("g:1"), "relay-1", at("09:38"), at("09:39")),
]


@pytest_asyncio.fixture
async def table(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        await made.add(LESSON)
        made.clock.now = at("11:00")
        await made.store.append_facts(FACTS, received_at=at("11:00"))
        yield made


async def test_timeline_of_an_unknown_lesson_is_none(table: Bench) -> None:
    assert await table.booth.evidence.timeline(OccurrenceId("o-9")) is None


async def test_timeline_shows_what_arrived_and_what_it_counts_for(table: Bench) -> None:
    timeline = await table.booth.evidence.timeline(ONE)
    assert timeline is not None
    assert timeline.view.occurrence == LESSON
    assert timeline.host == ((at("08:58"), at("09:41")),)
    assert timeline.gaps == ((at("09:38"), at("09:39")),)
    assert [line.seat for line in timeline.seats] == [A, B, C]
    a, b, c = timeline.seats
    assert a.delivered == ((at("08:59"), at("09:35")),)
    assert (a.credited_s, a.rho, a.state, a.cause) == (2100, 0.875, "held", None)
    assert [s.from_at for s in a.samples] == [at("08:59"), at("09:00")]
    assert b.delivered == ((at("09:00"), at("09:10")),)
    assert (b.credited_s, b.rho, b.state, b.cause) == (600, 0.25, "partial", "network")
    assert (c.credited_s, c.state, c.cause) == (0, "missed", "terminal_offline")
    assert timeline.of(B) is b
    with pytest.raises(KeyError):
        timeline.of(SeatId("o-9-s01"))


async def test_coverage_is_what_the_domain_computes_from_everything(table: Bench) -> None:
    found = await table.booth.evidence.coverage(DAY, DAY)
    known = Plan(roster=await table.store.load_roster(), occurrences={ONE: LESSON})
    assert found == compute(known, FACTS, first=DAY, last=DAY)
    assert found.to_dict()["totals"]["due_periods"] == 3
    assert found.to_dict()["totals"]["held_periods"] == 1
    assert found.to_dict()["totals"]["credited_s"] == 2700


async def test_coverage_of_many_lessons_read_a_few_at_a_time(table: Bench) -> None:
    lessons = [
        lesson(f"o-m{n}", f"{10 + n}:00", f"{10 + n}:40", seats=["far-1-r1", "far-2-r1"])
        for n in range(11)
    ]
    facts: list[Fact] = []
    for one in lessons:
        hour = one.starts_at.hour
        facts += [
            host(one, f"{hour}:00", f"{hour}:40"),
            seat(one, one.seats[0].id, f"{hour}:00", f"{hour}:40"),
        ]
    await table.add(*lessons)
    await table.store.append_facts(facts, received_at=at("23:00"))
    found = await table.booth.evidence.coverage(DAY, DAY)
    everything = {o.id: o for o in [LESSON, *lessons]}
    known = Plan(roster=roster(), occurrences=everything)
    assert found.to_dict() == compute(known, [*FACTS, *facts], first=DAY, last=DAY).to_dict()
    assert found.to_dict()["totals"]["held_periods"] == 12


async def test_cut_at_midnight_does_not_change_a_credit(table: Bench) -> None:
    """A minute of a classroom credits the earlier lesson, also when it began the day before."""
    first = lesson("o-x", "23:30", "23:59", seats=["far-1-r3"])
    first = type(first)(
        **{f: getattr(first, f) for f in first.__slots__} | {"ends_at": at("00:30", "2026-11-24")}
    )
    second = lesson(
        "o-y",
        "00:10",
        "00:40",
        day="2026-11-24",
        school="host-2",
        room="host-2-r1",
        teacher="host-2-t1",
        seats=["far-1-r4"],
    )
    await table.add(first, second)
    # The seat's lesson was moved into the same room later: both claim 00:10 to 00:30.
    clashing = type(second)(
        **{f: getattr(second, f) for f in second.__slots__}
        | {"seats": (type(second.seats[0])(second.seats[0].id, first.seats[0].classroom),)}
    )
    honest = table.store.occurrences_on

    async def occurrences_on(a: date, b: date):  # type: ignore[no-untyped-def]
        return [clashing if o.id == "o-y" else o for o in await honest(a, b)]

    table.store.occurrences_on = occurrences_on  # type: ignore[method-assign]
    facts: list[Fact] = []
    for one in (first, clashing):
        facts.append(HostMedia(FactId(f"h:{one.id}"), one.id, one.starts_at, one.ends_at, 1, 1))
        facts.append(
            SeatMedia(
                FactId(f"s:{one.id}"),
                one.id,
                one.seats[0].id,
                one.starts_at,
                one.ends_at,
                100,
                100,
                1,
            )
        )
    await table.store.append_facts(facts, received_at=at("11:00"))
    next_day = DAY + timedelta(days=1)
    [credited] = (await table.booth.evidence.coverage(next_day, next_day)).seats
    assert (credited.occurrence.id, credited.credited_s) == ("o-y", 600)


async def test_seat_states_are_those_of_the_timeline(table: Bench) -> None:
    lesson = await table.store.get_occurrence(OccurrenceId("o-1"))
    assert lesson is not None
    line = await table.booth.evidence.timeline(lesson.id)
    assert line is not None
    states = await table.booth.evidence.seat_states([lesson])
    assert {(lesson.id, s.seat): s.state for s in line.seats} == states
    assert await table.booth.evidence.seat_states([]) == {}


async def test_period_that_cannot_be_is_refused(table: Bench) -> None:
    with pytest.raises(ProblemError) as caught:
        await table.booth.evidence.coverage(DAY, DAY - timedelta(days=1))
    assert caught.value.code == "period_invalid"
