from __future__ import annotations

import pytest

from sync_classroom.relay.cache import MAX_AGE_S, MAX_PACKETS, REPLAY_AGE_S, KeyframeCache, SentRing
from sync_classroom.relay.rtp import Packet


def packet(seq: int, at: float, *, keyframe: bool = False) -> Packet:
    return Packet(seq, seq * 3000, True, b"x", arrival_s=at, keyframe=keyframe)


def test_the_cache_begins_at_a_keyframe_and_begins_again_at_the_next() -> None:
    cache = KeyframeCache()
    cache.extend([packet(1, 0.0)])
    assert cache.packets == []
    for seq, key in ((2, True), (3, False), (4, False)):
        cache.extend([packet(seq, 0.1 * seq, keyframe=key)])
    assert [p.seq for p in cache.packets] == [2, 3, 4]
    generation = cache.generation
    cache.extend([packet(5, 0.5, keyframe=True)])
    assert [p.seq for p in cache.packets] == [5]
    assert cache.generation == generation + 1


def test_of_several_packets_the_cache_keeps_those_since_the_last_keyframe() -> None:
    cache = KeyframeCache()
    first = [packet(seq, 0.0, keyframe=seq in (2, 4)) for seq in range(6)]
    cache.extend(first)
    assert cache.packets == first[4:]
    assert cache.generation == 2
    more = [packet(6, 0.1), packet(7, 0.1)]
    cache.extend(more)
    assert cache.packets == first[4:] + more
    assert cache.generation == 2
    assert len(more) == 2  # what was given is not kept, and not grown
    cache.extend([])
    assert len(cache.packets) == 4


def test_the_cache_is_bounded_by_count() -> None:
    cache = KeyframeCache()
    cache.extend([packet(0, 0.0, keyframe=True)])
    for seq in range(1, MAX_PACKETS):
        cache.extend([packet(seq, 0.0)])
    assert len(cache.packets) == MAX_PACKETS
    cache.extend([packet(MAX_PACKETS, 0.0)])
    assert cache.packets == []
    cache.extend([packet(MAX_PACKETS + 1, 0.0)])
    assert cache.packets == []
    cache.extend([packet(seq, 0.0, keyframe=seq == 0) for seq in range(MAX_PACKETS + 1)])
    assert cache.packets == []


def test_the_cache_is_bounded_by_age() -> None:
    cache = KeyframeCache()
    cache.extend([packet(0, 10.0, keyframe=True)])
    cache.extend([packet(1, 10.0 + MAX_AGE_S)])
    assert len(cache.packets) == 2
    assert cache.fresh(10.0 + REPLAY_AGE_S)
    assert not cache.fresh(10.1 + REPLAY_AGE_S)
    cache.extend([packet(2, 10.1 + MAX_AGE_S)])
    assert cache.packets == []
    assert not cache.fresh(10.0)


def test_the_ring_finds_what_was_sent_under_a_number_and_nothing_else() -> None:
    ring = SentRing(8)
    shift = 1000
    for seq in range(20):
        if seq != 15:
            ring.slots[(seq + shift) & ring.mask] = packet(seq, 0.0)
    found = [number for number in range(990, 1030) if ring.find(number, 1020, shift) is not None]
    assert found == [1012, 1013, 1014, 1016, 1017, 1018, 1019]
    ring.clear()
    assert ring.find(1019, 1020, shift) is None


def test_the_same_number_is_not_sent_again_within_the_interval() -> None:
    ring = SentRing(8)
    assert ring.may_resend(5, 1.0, 0.1)
    assert not ring.may_resend(5, 1.09, 0.1)
    assert ring.may_resend(5, 1.1, 0.1)
    for number in range(100):
        ring.may_resend(number, 2.0, 0.1)
    assert len(ring.resent_s) <= 8


def test_a_ring_is_a_power_of_two() -> None:
    with pytest.raises(ValueError, match="power of two"):
        SentRing(12)
