"""What waits for the thread: bounded, and one layer of several."""

from __future__ import annotations

from sync_classroom.relay.feed import Feed
from sync_classroom.relay.recording.line import MAX_QUEUED, Line
from sync_classroom.relay.rtp import Packet
from tests.support.recordings import OPUS, VP8


def test_a_slow_disk_costs_packets_and_not_memory() -> None:
    class Nobody:
        tracks = ()

    line = Line("camera", Nobody())
    feed = Feed("audio", OPUS)

    class Known:
        anchor = (0.0, 0)
        reported = True

    feed.clock = Known()  # type: ignore[assignment]
    batch = [Packet(n, 0, False, b"x", arrival_s=0.0) for n in range(100)]
    for _ in range(MAX_QUEUED // 100 + 5):
        line.take(feed, batch)
    assert line.put == MAX_QUEUED // 100 * 100
    assert line.lost == 500
    assert len(line.events) == MAX_QUEUED // 100


def test_of_several_layers_the_largest_that_is_sent_is_recorded() -> None:
    class Nobody:
        tracks = ()

    class Known:
        anchor = (0.0, 0)
        reported = True

    line = Line("camera", Nobody())  # type: ignore[arg-type]
    low, high = Feed("video", VP8, "l"), Feed("video", VP8, "h")
    low.size, high.size = (320, 180), (1280, 720)
    taken: list[str | None] = []
    for at_s, feed, key in (
        (0.0, high, False),  # nothing to begin with
        (0.1, low, True),
        (0.2, high, True),  # larger: gone over to
        (0.3, low, True),
        (0.4, high, False),
        (1.5, low, True),  # the large one is not sent any more
        (1.6, high, False),
    ):
        feed.clock = Known()  # type: ignore[assignment]
        feed.tap = line
        before = line.put
        feed.add(Packet(1, 0, True, b"x", arrival_s=at_s, keyframe=key))
        feed.take_batch()
        taken.append(feed.rid if line.put > before else None)
    assert taken == [None, "l", "h", None, "h", "l", None]
    assert [event for event in line.events if isinstance(event, str)] == ["video"] * 3
