from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.evidence import Evidence, SeenIds
from sync_classroom.domain.facts import (
    Fact,
    Headcount,
    HostMedia,
    Interaction,
    InteractionKind,
    ParticipantMedia,
    SeatMedia,
)
from sync_classroom.domain.ids import FactId, OccurrenceId, SeatId, TeacherId
from sync_classroom.domain.intervals import length
from sync_classroom.domain.rules import Rules
from tests.support.plans import at

O, S = OccurrenceId("o"), SeatId("s")  # noqa: E741
START = at("09:00")


def sample(n: int, sent: int = 100, acked: int = 100) -> SeatMedia:
    first = START + timedelta(seconds=10 * n)
    return SeatMedia(FactId(f"r:b:{n}"), O, S, first, first + timedelta(seconds=10), sent, acked, 1)


def delivered_s(evidence: Evidence) -> int:
    return length(evidence.seats[O, S].delivered.spans())


@pytest.mark.parametrize(
    ("sent", "acked", "delivered"),
    [(100, 80, True), (100, 79, False), (7, 6, True), (7, 5, False), (35, 28, True), (0, 0, False)],
)
def test_a_sample_is_delivered_when_enough_is_acknowledged(
    sent: int, acked: int, delivered: bool
) -> None:
    evidence = Evidence.of([sample(0, sent, acked)])
    assert delivered_s(evidence) == (10 if delivered else 0)
    seat = evidence.seats[O, S]
    assert length(seat.unheard.spans()) == (10 if sent and not delivered else 0)
    assert length(seat.idle.spans()) == (0 if sent else 10)


def test_the_bureau_may_set_another_ratio() -> None:
    evidence = Evidence.of([sample(0, 100, 79), sample(1, 100, 69)], Rules(delivered_ratio=0.7))
    assert delivered_s(evidence) == 10


def test_a_repeated_id_is_ignored() -> None:
    evidence = Evidence.of([sample(0, acked=0), sample(0, acked=100)])
    assert delivered_s(evidence) == 0


def test_media_without_packets_proves_nothing() -> None:
    end = START + timedelta(seconds=10)
    evidence = Evidence.of(
        [
            HostMedia(FactId("a"), O, START, end, 0, 0),
            ParticipantMedia(FactId("b"), O, TeacherId("t"), START, end, 0, 0),
        ]
    )
    assert evidence.host == {}
    assert list(evidence.teachers_of(O)) == []


def test_the_latest_head_count_counts_in_any_order() -> None:
    counts: list[Fact] = [
        Headcount(FactId("b"), O, S, START + timedelta(minutes=5), 41, "x"),
        Headcount(FactId("a"), O, S, START + timedelta(minutes=5), 7, "x"),
        Headcount(FactId("c"), O, S, START, 50, "x"),
    ]
    for order in (counts, counts[::-1]):
        assert Evidence.of(order).seats[O, S].present == 41


@pytest.mark.parametrize("what", InteractionKind)
def test_called_on_and_answered_are_interaction(what: InteractionKind) -> None:
    evidence = Evidence.of([Interaction(FactId("a"), O, S, START, what)])
    counts = what in (InteractionKind.CALLED_ON, InteractionKind.ANSWERED)
    assert (evidence.seats.get((O, S)) is not None) is counts


_IDS = st.one_of(
    st.builds("{}:{}".format, st.sampled_from(["a", "a:b", "b"]), st.integers(0, 3000)),
    st.builds("{}{}".format, st.sampled_from(["", "a:", "a:0", "a:00"]), st.integers(0, 20)),
    st.sampled_from(["a:٣", "a:²", "a:", "a", "a:-1", "a:99999999999999999999"]),
)


@given(st.lists(_IDS, max_size=60))
def test_seen_ids_equal_a_set_of_strings(idents: list[str]) -> None:
    seen, known = SeenIds(), set[str]()
    for ident in idents:
        assert seen.add(FactId(ident)) is (ident not in known)
        known.add(ident)


def test_memory_follows_lessons_not_samples() -> None:
    def many(count: int) -> Iterator[Fact]:
        return (sample(n) for n in range(count))

    tracemalloc.start()
    try:
        evidence = Evidence.of(many(10_000))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert delivered_s(evidence) == 100_000
    # 10,000 samples would be some 4 MB as objects; a bit for each id and one interval remain.
    assert kept < 60_000
