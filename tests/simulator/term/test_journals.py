"""Simulated terminals note what they received, by their own clocks, and sometimes know better."""

from __future__ import annotations

from datetime import timedelta

from sync_classroom.domain.roster import SchoolRole
from sync_classroom.domain.timetable import Mode
from sync_classroom.simulator.term import journals as module
from sync_classroom.simulator.term.fates import HostFate, SeatFate
from sync_classroom.simulator.term.journals import TerminalJournals, noting_rooms
from tests.support.simulated import simulated

TERM = simulated()
ROOMS = noting_rooms(TERM.roster)
LESSON, SEAT = next(
    (o, s)
    for o in TERM.occurrences
    if o.mode is Mode.LIVE and not o.changes
    for s in o.seats
    if s.classroom in ROOMS
)
HOST = HostFate(absent=False, starts_s=-20, ends_s=2405)


def noted(host: HostFate, fate: SeatFate, seed: int = 1) -> list[tuple[int, int, int]]:
    """First and last second of each sample, and for how many of them media moved."""
    samples = TerminalJournals(seed, TERM.roster).of(LESSON, SEAT, host, fate)
    return [
        (
            round((s.from_at - LESSON.starts_at).total_seconds()),
            round((s.to_at - LESSON.starts_at).total_seconds()),
            s.moved_ms // 1000,
        )
        for s in samples
    ]


def test_one_room_of_each_school_keeps_a_journal() -> None:
    remote = [s.id for s in TERM.roster.schools.values() if s.role is SchoolRole.REMOTE]
    assert sorted(TERM.roster.classrooms[r].school for r in ROOMS) == sorted(remote)
    other = next(r for r in TERM.roster.classrooms.values() if r.id not in ROOMS)
    seat = type(SEAT)(SEAT.id, other.id)
    made = TerminalJournals(1, TERM.roster).of(LESSON, seat, HOST, SeatFate(False, 0, 60))
    assert list(made) == []


def test_a_room_notes_from_when_it_joins_until_it_leaves_also_while_nothing_comes() -> None:
    assert noted(HOST, SeatFate(False, -10, 35, silences=((5, 22),))) == [
        (-10, 0, 10),
        (0, 10, 5),
        (10, 20, 0),
        (20, 30, 8),
        (30, 35, 5),
    ]
    assert noted(HOST, SeatFate(True, 0, 100)) == []
    absent = HostFate(absent=True, starts_s=0, ends_s=0)
    got = noted(absent, SeatFate(False, 0, 2400))
    assert (got[-1], {m for _, _, m in got}) == ((890, 900, 0), {0})


def test_numbers_go_on_and_clocks_are_wrong_by_the_same_for_a_room() -> None:
    keeper = TerminalJournals(1, TERM.roster)
    first = list(keeper.of(LESSON, SEAT, HOST, SeatFate(False, 0, 30)))
    second = list(keeper.of(LESSON, SEAT, HOST, SeatFate(False, 30, 60)))
    numbers = [int(s.id.rpartition(":")[2]) for s in (*first, *second)]
    assert numbers == [1, 2, 3, 4, 5, 6]
    skews = {s.from_at - s.clock_from for s in (*first, *second)}
    assert len(skews) == 1
    assert abs(skews.pop()) <= timedelta(seconds=module.SKEW_S)


def test_some_terminals_stand_still_where_the_relay_saw_nothing_wrong() -> None:
    whole = SeatFate(False, 0, 2400)
    stuck = [sum(m == 0 for _, _, m in noted(HOST, whole, seed)) for seed in range(200)]
    assert 0 < sum(n > 0 for n in stuck) < 30
    least, most = (s // 10 for s in module.STUCK_S)
    assert all(least <= n <= most + 1 for n in stuck if n)
