from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from sync_classroom.relay.feedback import PLI_INTERVAL_S
from sync_classroom.relay.forwarding import SlotState
from sync_classroom.relay.session import Direction, Sample
from tests.support.virtual_media import HIGH, LOW, MIDDLE, Lesson, Receiver, truth


def of(lesson: Lesson, peer: str) -> list[Sample]:
    return [sample for sample in lesson.samples if sample.peer == peer]


def check_line(samples: list[Sample], *, longest_s: float = 10.0) -> None:
    """Samples follow each other without gap or overlap, none too long."""
    for sample in samples:
        assert timedelta() < sample.to_at - sample.from_at <= timedelta(seconds=longest_s + 0.01)
    for before, after in pairwise(samples):
        assert before.to_at == after.from_at


def test_forty_eight_subscribers_two_percent_loss_one_minute() -> None:
    """Three of them on lines too narrow for the video; half retransmit by RTX."""
    lesson = Lesson(5, upstream_loss=0.005)
    slow = {7, 20, 41}
    for number in range(48):
        lesson.join(
            f"seat-{number}",
            rtx=number % 2 == 0,
            loss=0.02,
            capacity_bps=600_000 if number in slow else None,
        )
    lesson.publish(60.0, packets_per_frame=4)
    lesson.run(61.0)
    lesson.settle()
    for session, _, receiver in lesson.subscribers:
        receiver.process()
        session.receive_rtcp(memoryview(receiver.report()), lesson.clock.now)
        session.last_samples(lesson.clock.now)
    lesson.published.last_samples(lesson.clock.now)

    # Upstream: everything lost was asked for and came.
    published = of(lesson, "host")
    assert lesson.sent == 60 * (30 * 4 + 50)
    # Audio is not negotiated for NACK, so its losses stay.
    audio_lost = lesson.publisher.tracks[0].lost
    assert sum(s.packets for s in published) == lesson.sent - audio_lost
    assert sum(s.lost for s in published) == audio_lost
    assert lesson.publisher.tracks[1].lost == 0
    assert 0 < audio_lost < 60
    assert sum(s.nacks for s in published) == lesson.counters.nacks_out > 20
    check_line(published)

    forwarded = 0
    for number, (_, media, receiver) in enumerate(lesson.subscribers):
        samples = of(lesson, f"seat-{number}")
        sent, got = truth(receiver)
        forwarded += sent
        check_line(samples)
        assert sum(s.packets for s in samples) == sent, number
        repeated = sum(stream.slot.account.repeated for stream in media.streams)
        known = sum(stream.slot.account.acked for stream in media.streams)
        assert known == got if number % 2 == 0 else got - repeated <= known <= got, number
        assert number in slow or repeated < 40
        # Packets that came only after their sample had ended are nobody's: a few in a minute, many
        # behind a line that is full.
        acked = sum(s.acked for s in samples)
        assert known - (400 if number in slow else 40) <= acked <= got, number
        assert sum(s.lost for s in samples) == sent - acked, number
        assert sum(s.nacks for s in samples) == receiver.nacked, number
        assert all(s.acked <= s.packets for s in samples)
        audio, video = media.streams
        if number in slow:
            assert video.slot.dropped > 1000
            assert audio.slot.account.sent == lesson.sound - audio_lost
        else:
            assert sent == lesson.sent - audio_lost, number
            assert video.slot.dropped == audio.slot.dropped == 0
            if number % 2:  # plain retransmission: nearly all of the video is whole in the end
                assert video.slot.account.acked > 0.995 * video.slot.account.sent
            else:  # RTX has its own SSRC: acknowledged is what came at the first try
                assert 0.97 < video.slot.account.acked / video.slot.account.sent < 0.99
    assert lesson.counters.forwarded == forwarded
    assert lesson.counters.retransmitted == sum(r.retransmitted for _, _, r in lesson.subscribers)
    assert lesson.counters.nacks_in == sum(r.nacked for _, _, r in lesson.subscribers)


def pauses(receiver: Receiver) -> float:
    """The longest time without a new frame, seconds."""
    return max(b.at_s - a.at_s for a, b in pairwise(receiver.frames))


def test_slow_lines_are_given_a_lower_layer_and_nobody_waits() -> None:
    """48 subscribers, 2 % loss, one minute; three lines carry only the lowest layer, two more.

    Half retransmit by RTX, and are probed by it; the others are tried with the layer itself.
    """
    lesson = Lesson(5, upstream_loss=0.005, layers=(HIGH, LOW, MIDDLE))
    lines = {7: 300_000, 20: 350_000, 40: 300_000, 10: 800_000, 30: 900_000}
    for number in range(48):
        lesson.join(
            f"seat-{number}",
            rtx=number % 2 == 0 or number in lines,
            loss=0.02,
            capacity_bps=lines.get(number),
        )
    lesson.publish(60.0)
    lesson.run(60.0)
    shown = {
        number: media.layers(lesson.clock.now)[0]
        for number, (_, media, _) in enumerate(lesson.subscribers)
    }
    lesson.run(1.0)
    lesson.settle()
    for session, _, receiver in lesson.subscribers:
        receiver.process()
        session.receive_rtcp(memoryview(receiver.report()), lesson.clock.now)
        session.last_samples(lesson.clock.now)
    lesson.published.last_samples(lesson.clock.now)
    forwarded = retransmitted = 0
    for number, (_, media, receiver) in enumerate(lesson.subscribers):
        layer = shown[number]
        assert layer is not None
        expected = "h" if number not in lines else "l" if lines[number] < 400_000 else "m"
        assert layer.rid == expected, number
        # Every frame is whole when the next begins, and its numbers follow on.
        start = receiver.frames[0].timestamp
        frames = sorted(receiver.frames, key=lambda f, s=start: (f.timestamp - s) & 0xFFFFFFFF)
        # A line that drowned waits for one keyframe, which may be asked for every half second.
        assert pauses(receiver) < (PLI_INTERVAL_S + 0.1 if number in lines else 0.15), number
        # But for those that a change of layers cut short.
        assert sum(not frame.complete for frame in frames) <= sum(f.keyframe for f in frames) / 2
        for before, after in pairwise(frames):
            assert (after.picture_id - before.picture_id) & 0x7FFF == 1
            assert 0 < (after.timestamp - before.timestamp) & 0xFFFFFFFF < 0.7 * 90_000
            assert after.rid == before.rid or after.keyframe
        sent, _ = truth(receiver)
        samples = of(lesson, f"seat-{number}")
        check_line(samples)
        assert sum(s.packets for s in samples) == sent, number
        assert samples[-1].layer == layer.picture
        slot = media.streams[1].slot
        assert slot.dropped <= 4  # late ones of before a keyframe
        assert media.streams[0].slot.account.sent == lesson.sound - lesson.publisher.tracks[0].lost
        forwarded += sent
        retransmitted += receiver.retransmitted
    assert lesson.counters.forwarded == forwarded
    assert lesson.counters.retransmitted == retransmitted
    assert lesson.counters.probes_out > 0
    assert lesson.counters.pictures_stopped == 0
    # Each was shown the lowest first, which came first; then went up, and the slow ones came down.
    assert 48 * 2 <= lesson.counters.layer_switches < 48 * 4
    # One request for a keyframe serves all: not one a subscriber.
    assert lesson.counters.plis_out < 40
    published = [s for s in of(lesson, "host") if s.layer is not None]
    assert {s.layer for s in published} == {"1280x720"}


def test_a_layer_that_the_sender_drops_is_left_and_taken_again_when_it_is_back() -> None:
    lesson = Lesson(8, upstream_loss=0.0, layers=(LOW, MIDDLE, HIGH))
    receiver = lesson.join("seat-0", rtx=True, loss=0.0)
    lesson.publish(40.0)
    lesson.run(15.0)
    media = lesson.subscribers[0][1]
    assert receiver.frames[-1].rid == "h"
    lesson.silent = {"h"}
    lesson.run(5.0)
    assert receiver.frames[-1].rid == "m"
    assert pauses(receiver) < 1.2
    lesson.silent = set()
    lesson.run(10.0)
    assert receiver.frames[-1].rid == "h"
    assert media.streams[1].slot.dropped == 0


def test_a_thumbnail_is_sent_the_lowest_layer_whatever_its_line_carries() -> None:
    lesson = Lesson(8, upstream_loss=0.0, layers=(LOW, MIDDLE, HIGH))
    receiver = lesson.join("host", rtx=True, loss=0.0, height=180)
    lesson.publish(20.0)
    lesson.run(20.0)
    assert {frame.rid for frame in receiver.frames} == {"l"}
    assert lesson.counters.probes_out == 0


def test_packets_after_the_last_report_are_the_tail_of_the_close() -> None:
    lesson = Lesson(1, upstream_loss=0.0)
    receiver = lesson.join("seat-0", rtx=False, loss=0.0)
    lesson.publish(3.5)
    lesson.run(3.5)
    session = lesson.subscribers[0][0]
    session.last_samples(lesson.clock.now)
    reported, tail = of(lesson, "seat-0")
    sent, _ = truth(receiver)
    assert reported.packets == reported.acked > 0
    assert (tail.acked, tail.lost) == (0, 0)
    assert reported.packets + tail.packets == sent
    assert reported.to_at == tail.from_at
    assert (tail.to_at - tail.from_at).total_seconds() == pytest.approx(0.5, abs=0.011)


def test_without_reports_everything_is_written_off_and_counted_once() -> None:
    lesson = Lesson(1, upstream_loss=0.0)
    receiver = lesson.join("seat-0", rtx=False, loss=0.0)
    session = lesson.subscribers[0][0]
    lesson.publish(40.0)
    lesson.run(5.0)
    silent, receiver.report = receiver.report, lambda: b""  # type: ignore[method-assign]
    lesson.run(25.0)
    receiver.report = silent  # type: ignore[method-assign]
    lesson.run(11.0)
    receiver.process()
    session.receive_rtcp(memoryview(receiver.report()), lesson.clock.now)
    session.last_samples(lesson.clock.now)
    samples = of(lesson, "seat-0")
    check_line(samples)
    sent, _ = truth(receiver)
    assert sum(s.packets for s in samples) == sent == 40 * 320
    states = [(s.acked == s.packets, s.acked == 0) for s in samples]
    # Five reported seconds, two samples of silence, then reports again.
    assert states == [(True, False), (False, True), (False, True), (True, False), (True, False)]
    assert samples[1].lost == samples[2].lost == 0


def test_an_idle_session_claims_nothing() -> None:
    lesson = Lesson(1, upstream_loss=0.0)
    lesson.join("seat-0", rtx=False, loss=0.0)
    lesson.run(30.0)
    lesson.subscribers[0][0].last_samples(lesson.clock.now)
    assert lesson.samples == []


def test_a_joiner_is_shown_the_cached_keyframe_and_counted_exactly() -> None:
    lesson = Lesson(2, upstream_loss=0.0)
    lesson.publish(10.0)
    lesson.run(2.0)
    receiver = lesson.join("late", rtx=False, loss=0.0)
    session, media, _ = lesson.subscribers[0]
    assert media.streams[1].slot.state is SlotState.REPLAYING
    lesson.run(9.0)
    assert media.streams[1].slot.state is SlotState.LIVE
    receiver.process()
    session.receive_rtcp(memoryview(receiver.report()), lesson.clock.now)
    session.last_samples(lesson.clock.now)
    # All the video from the first keyframe on, and the sound since it joined.
    assert media.streams[1].slot.account.sent == 10 * 270
    sent, got = truth(receiver)
    assert sum(s.packets for s in of(lesson, "late")) == sent == got
    assert lesson.counters.plis_out == 0


def test_status_shows_figures_since_the_session_was_opened() -> None:
    lesson = Lesson(3, upstream_loss=0.0)
    lesson.join("seat-0", rtx=False, loss=0.0)
    session = lesson.subscribers[0][0]
    state = session.state(lesson.clock.now)
    assert (state.packets, state.loss, state.last_media_s, state.rtt_ms) == (0, None, None, None)
    lesson.publish(3.0)
    lesson.run(3.1)
    state = session.state(lesson.clock.now)
    assert state.direction is Direction.SUBSCRIBE
    assert (state.packets, state.loss, state.connected, state.path) == (960, 0.0, True, "udp")
    assert state.last_media_s is not None
    assert state.last_media_s < 1.0
    published = lesson.published.state(lesson.clock.now)
    assert (published.packets, published.loss, published.source) == (960, 0.0, "camera")
    assert published.last_media_s == pytest.approx(0.1, abs=0.04)
