from __future__ import annotations

import random

import pytest

from sync_classroom.relay.framing import (
    KEPT_BYTES,
    MAX_FRAME,
    MAX_QUEUE_BYTES,
    MAX_QUEUE_S,
    WRITE_FRAMES,
    Frames,
    SendQueue,
    frame,
)


def keep(_: memoryview) -> bool:
    return True


def drop(_: memoryview) -> bool:
    return False


def put(queue: SendQueue, data: bytes, now: float, *, kept: bool = False) -> None:
    queue.put(memoryview(data), keep if kept else drop, now)


def written(queue: SendQueue) -> list[bytes]:
    """Everything that waits, as datagrams, taken out."""
    data = b""
    while len(queue):
        parts = queue.head()
        data += b"".join(parts)
        queue.wrote(sum(map(len, parts)))
    return Frames().feed(data)


def test_frames_come_out_whole_however_the_stream_is_cut() -> None:
    randomness = random.Random(4571)
    sent = [randomness.randbytes(randomness.randrange(1, MAX_FRAME + 1)) for _ in range(60)]
    stream = b"".join(map(frame, sent))
    for _ in range(20):
        frames, found, at = Frames(), [], 0
        while at < len(stream):
            step = randomness.choice((1, 2, 3, 700, 5000))
            found += frames.feed(stream[at : at + step])
            at += step
        assert found == sent


def test_null_frames_are_nothing() -> None:
    assert Frames().feed(b"\0\0" * 3 + frame(b"a") + b"\0\0") == [b"a"]


def test_a_frame_longer_than_a_datagram_is_an_error() -> None:
    frames = Frames()
    assert frames.feed(frame(bytes(MAX_FRAME))) == [bytes(MAX_FRAME)]
    with pytest.raises(ValueError, match="a frame of 2049 bytes"):
        frames.feed((MAX_FRAME + 1).to_bytes(2, "big"))


def test_partial_writes_go_on_where_they_stopped() -> None:
    queue = SendQueue()
    for data in (b"first", b"second", b"third"):
        put(queue, data, 0.0)
    assert queue.size == 5 + 6 + 5 + 3 * 2
    assert queue.wrote(3) == 0
    assert b"".join(queue.head()) == (frame(b"first") + frame(b"second") + frame(b"third"))[3:]
    assert queue.wrote(4 + 8 + 1) == 2
    assert b"".join(queue.head()) == frame(b"third")[1:]
    assert queue.wrote(6) == 1
    assert (len(queue), queue.size, queue.head(), queue.since_s) == (0, 0, [], None)


def test_one_write_has_a_bounded_number_of_frames() -> None:
    queue = SendQueue()
    for number in range(WRITE_FRAMES + 5):
        put(queue, bytes([number]), 0.0)
    assert len(queue.head()) == WRITE_FRAMES


def test_a_queue_that_is_too_old_loses_video_and_keeps_sound() -> None:
    queue = SendQueue()
    put(queue, b"video 1", 0.0)
    put(queue, b"sound 1", 0.1, kept=True)
    put(queue, b"video 2", 0.2)
    queue.wrote(3)  # video 1 is begun, so it must be finished
    put(queue, b"video 3", MAX_QUEUE_S)
    assert (queue.refused, len(queue)) == (0, 4)
    put(queue, b"sound 2", MAX_QUEUE_S + 0.01, kept=True)
    assert queue.refused == 2
    put(queue, b"video 4", MAX_QUEUE_S + 0.02)
    assert queue.refused == 3
    queue.wrote(6)
    assert queue.since_s == 0.1
    assert written(queue) == [b"sound 1", b"sound 2"]
    assert queue.size == 0
    put(queue, b"video 5", 9.0)
    assert written(queue) == [b"video 5"]


def test_a_queue_that_is_too_long_loses_video_and_keeps_sound_up_to_a_bound() -> None:
    queue = SendQueue()
    count = MAX_QUEUE_BYTES // 1002
    for _ in range(count):
        put(queue, bytes(1000), 0.0)
    assert queue.refused == 0
    put(queue, bytes(1000), 0.0)
    assert (queue.refused, queue.size) == (count + 1, 0)
    while queue.lost == 0:
        put(queue, bytes(1000), 0.0, kept=True)
    assert MAX_QUEUE_BYTES < queue.size <= MAX_QUEUE_BYTES + KEPT_BYTES + 2
