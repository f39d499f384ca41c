from __future__ import annotations

from sync_classroom.relay.counters import Counters
from sync_classroom.relay.feed import Feed
from sync_classroom.relay.publisher import Publisher
from sync_classroom.relay.recording.line import MAX_QUEUED, Line
from sync_classroom.relay.rtp import Packet
from sync_classroom.relay.sdp_simulcast import Layer
from sync_classroom.relay.session import Codec, Direction, MediaLine, Offer

VP8 = Codec("VP8", 96, 90000)
OPUS = Codec("opus", 111, 48000, 2)


def publisher(*rids: str) -> Publisher:
    layers = tuple(Layer(rid) for rid in rids)
    lines = (
        MediaLine(0, "0", "audio", True, 0, (OPUS,), {}),
        MediaLine(1, "1", "video", True, 0, (VP8,), {}, layers=layers),
    )
    offer = Offer(Direction.PUBLISH, lines, "u", "p", ())
    made = Publisher(offer, ssrc=1, ceiling_kbps=2500, counters=Counters(), now=0.0)
    for track in made.tracks:
        track.clock.packet(0, 0.0)
    return made


def packets(first: int, count: int = 2, *, key: bool = False) -> list[Packet]:
    return [
        Packet(first + n, 0, False, b"x", arrival_s=0.0, keyframe=key and n == 0)
        for n in range(count)
    ]


def recorded(line: Line) -> list[object]:
    """Restarts by their kind, packets by their numbers."""
    return [
        event if isinstance(event, str) else [packet.seq for packet in event[3]]
        for event in line.events
    ]


def push(feed: Feed, some: list[Packet], now: float, size: tuple[int, int] | None = None) -> None:
    """As a publisher and the dispatch do."""
    feed.size = size or feed.size
    for packet in some:
        packet.arrival_s = now
        feed.add(packet)
    feed.take_batch()
    assert feed.source is not None
    feed.source.heard(feed, now)


def test_a_slow_disk_costs_packets_and_not_memory() -> None:
    line = Line("camera", made := publisher())
    (video,) = made.sources["video"].feeds
    push(video, packets(1, 100, key=True), 0.0)
    for n in range(1, MAX_QUEUED // 100 + 5):
        line.take(video, packets(1 + 100 * n, 100))
    assert line.put == MAX_QUEUED // 100 * 100
    assert line.lost == 500
    assert len(line.events) == MAX_QUEUED // 100


def test_sound_and_a_single_picture_are_recorded_as_they_come() -> None:
    line = Line("camera", made := publisher())
    (video,), (voice,) = made.sources["video"].feeds, made.sources["audio"].feeds
    push(voice, packets(7), 0.0)
    push(video, packets(1, key=True), 0.0)
    push(video, packets(3), 0.1)
    voice.restart(0.2)
    video.restart(0.2)
    assert recorded(line) == [[7, 8], [1, 2], [3, 4], "audio", "video"]
    assert line.keyframe_wanted(asked=False) is None
    assert line.keyframe_wanted(asked=True) is video


def test_of_layers_the_largest_is_recorded_and_another_is_begun_at_a_keyframe() -> None:
    line = Line("camera", made := publisher("h", "l"))
    high, low = made.sources["video"].feeds
    push(low, packets(500, key=True), 0.0, (320, 180))
    push(high, packets(10, key=True), 0.0, (1280, 720))
    # Each was heard of too late for its first keyframe: another is asked for.
    assert recorded(line) == []
    assert line.keyframe_wanted(asked=False) is high
    push(low, packets(502, key=True), 0.1)
    push(high, [*packets(12), *packets(14, key=True)], 0.1)
    assert recorded(line) == [[14, 15]]
    assert line.keyframe_wanted(asked=False) is None
    # The sender drops the large layer; the small one takes over with its next keyframe.
    for n in range(20):
        push(low, packets(504 + 2 * n), 0.2 + n / 10)
    assert recorded(line) == [[14, 15]]
    assert line.keyframe_wanted(asked=False) is low
    push(low, packets(600, key=True), 2.3)
    assert recorded(line) == [[14, 15], "video", [600, 601]]
    high.restart(2.4)  # no matter: it is not recorded
    assert recorded(line)[3:] == []


def test_a_line_that_is_released_hears_nothing_more() -> None:
    line = Line("camera", made := publisher())
    (video,) = made.sources["video"].feeds
    line.release()
    push(video, packets(1, key=True), 0.0)
    assert recorded(line) == []
