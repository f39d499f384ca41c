"""Samples as a relay writes them: at most ten seconds, in order, and only what can be."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from sync_classroom.domain.facts import Headcount, Interaction
from sync_classroom.domain.timetable import Mode
from sync_classroom.simulator.term.fates import Crash, HostFate, SeatFate
from sync_classroom.simulator.term.media import (
    SAMPLE_S,
    Journal,
    acts_of,
    gap_fact,
    host_samples,
    lost_span,
    participant_samples,
    seat_samples,
)
from tests.support.simulated import simulated

LESSON = next(o for o in simulated().occurrences if o.mode is Mode.LIVE and not o.changes)
SEAT = LESSON.seats[0]
HOST = HostFate(absent=False, starts_s=-20, ends_s=2405)


def seconds(at: object) -> int:
    return int((at - LESSON.starts_at).total_seconds())  # type: ignore[operator]


def received(host: HostFate, fate: SeatFate) -> list[tuple[int, int, bool]]:
    """First and last second of each sample, and whether it counts as delivered."""
    return [
        (seconds(f.from_at), seconds(f.to_at), f.sent > 0 and 5 * f.acked >= 4 * f.sent)
        for f in seat_samples(LESSON, SEAT, host, fate, Journal("r", "b"), None, Random(1))
    ]


def test_the_last_sample_is_as_short_as_the_session() -> None:
    facts = list(host_samples(LESSON, HOST, Journal("r", "b"), None))
    spans = [(seconds(f.from_at), seconds(f.to_at)) for f in facts]
    assert spans[0] == (-20, -10)
    assert spans[-1] == (2400, 2405)
    assert all(last - first <= SAMPLE_S for first, last in spans)
    assert [a for _, a in spans[:-1]] == [b for b, _ in spans[1:]]
    assert [f.id for f in facts[:2]] == ["r:b0:1", "r:b0:2"]
    assert all(f.packets > 0 for f in facts)


def test_an_absent_host_sends_nothing_and_rooms_wait_in_vain() -> None:
    absent = HostFate(absent=True, starts_s=0, ends_s=0)
    assert list(host_samples(LESSON, absent, Journal("r", "b"), None)) == []
    assert received(absent, SeatFate(False, 0, 2460)) == [
        (n, n + 10, False) for n in range(0, 900, 10)
    ]


def test_a_silence_cuts_a_session_in_two() -> None:
    got = received(HOST, SeatFate(False, 0, 60, silences=((15, 32),)))
    assert got == [(0, 10, True), (10, 15, True), (32, 42, True), (42, 52, True), (52, 60, True)]


def test_nothing_is_sent_while_the_host_is_silent() -> None:
    late = HostFate(absent=False, starts_s=30, ends_s=60)
    got = received(late, SeatFate(False, 0, 60))
    assert [ok for _, _, ok in got] == [False, False, False, True, True, True]


def test_a_bad_line_loses_its_share_of_the_samples() -> None:
    got = received(HOST, SeatFate(False, 0, 2400, lost=0.5))
    assert 0.4 < sum(ok for _, _, ok in got) / len(got) < 0.6


def test_a_room_without_power_has_no_facts() -> None:
    assert received(HOST, SeatFate(True, 0, 0)) == []


def test_what_a_crash_loses_is_not_there_and_is_said() -> None:
    lost = lost_span(Crash(LESSON.date, 600, 700), LESSON)
    journal = Journal("r", "b")
    spans = [
        (seconds(f.from_at), seconds(f.to_at)) for f in host_samples(LESSON, HOST, journal, lost)
    ]
    assert not [s for s in spans if s[0] < 1300 and s[1] > 600]
    journal.reboot()
    gap = gap_fact(journal, lost)
    assert (gap.id, gap.relay, seconds(gap.from_at), seconds(gap.to_at)) == (
        "r:b1:1",
        "r",
        600,
        1300,
    )


def test_heads_are_counted_within_the_class_and_acts_lie_in_the_lesson() -> None:
    facts = [f for n in range(40) for f in acts_of(LESSON, SEAT, n, "t")]
    counts = [f for f in facts if isinstance(f, Headcount)]
    assert len(counts) > 30
    assert SEAT.expected is not None
    assert all(0 <= f.present <= SEAT.expected for f in counts)
    acts = [f for f in facts if isinstance(f, Interaction)]
    assert {f.what.value for f in acts} == {"hand_raised", "called_on", "answered", "message"}
    assert all(LESSON.starts_at < f.at < LESSON.ends_at for f in acts)


def test_a_participant_speaks_from_joining_to_leaving() -> None:
    facts = list(participant_samples(LESSON, LESSON.host.teacher, 5, 27, Journal("r", "b")))
    assert [(seconds(f.from_at), seconds(f.to_at)) for f in facts] == [(5, 15), (15, 25), (25, 27)]
    assert facts[0].from_at - LESSON.starts_at == timedelta(seconds=5)
