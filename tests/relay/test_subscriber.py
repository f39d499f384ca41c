from __future__ import annotations

from sync_classroom.relay import rtcp
from sync_classroom.relay.forwarding import Slot, SlotState
from sync_classroom.relay.rtp import Packet
from sync_classroom.relay.session import Codec
from sync_classroom.relay.subscriber import (
    CONGESTION_LOSS,
    FIRST_REPORT_S,
    MAX_RESENT_PER_S,
    REPORT_S,
    Subscriber,
)
from tests.support.virtual_media import Lesson, Receiver


def flowing(seconds: float = 2.0) -> tuple[Lesson, Subscriber, Receiver]:
    lesson = Lesson(4, upstream_loss=0.0)
    receiver = lesson.join("seat-0", rtx=False, loss=0.0)
    lesson.publish(seconds)
    lesson.run(seconds)
    return lesson, lesson.subscribers[0][1], receiver


def reports(media: Subscriber, now: float) -> list[rtcp.SenderReport]:
    packets: list[bytes] = []
    media.advance(now, packets.append)
    return [report for packet in packets for report in rtcp.parse(packet).senders]


def test_sender_reports_carry_what_was_sent_and_one_clock() -> None:
    lesson, media, _ = flowing()
    source = lesson.publisher.tracks
    now = lesson.clock.now
    # The publisher's clock reads 5000 s now; audio and video stamps are its own.
    ntp = 5000 << 32
    source[0].clock.sender_report(ntp, 960_000, now)
    source[1].clock.sender_report(ntp, 90_000, now)
    later = now + 1.0
    audio, video = reports(media, later)
    slots = [stream.slot for stream in media.streams]
    assert audio.ntp == video.ntp == lesson.relay_clock.ntp(later)
    assert audio.rtp_timestamp == (960_000 + 48_000 + slots[0].ts_shift) & 0xFFFFFFFF
    assert video.rtp_timestamp == (90_000 + 90_000 + slots[1].ts_shift) & 0xFFFFFFFF
    assert (audio.packets, video.packets) == (
        slots[0].account.sent,
        slots[1].account.sent,
    )


def test_the_first_sender_report_comes_early_and_then_one_a_second() -> None:
    lesson = Lesson(4, upstream_loss=0.0)
    start = lesson.clock.now
    lesson.join("seat-0", rtx=False, loss=0.0)
    media = lesson.subscribers[0][1]
    assert media.deadline_s == start + FIRST_REPORT_S
    lesson.publish(1.0)
    lesson.clock.run(start + 0.05)
    assert len(reports(media, start + FIRST_REPORT_S)) == 2
    assert media.deadline_s == start + FIRST_REPORT_S + REPORT_S
    assert reports(media, start + 0.5) == []


def test_round_trip_jitter_and_loss_come_from_receiver_reports() -> None:
    lesson, media, receiver = flowing()
    now = lesson.clock.now
    slot = media.streams[1].slot
    highest = receiver.heard[slot.ssrc].highest
    lsr = (lesson.relay_clock.ntp(now - 0.25) >> 16) & 0xFFFFFFFF
    block = rtcp.ReportBlock(slot.ssrc, 26, 4, highest & 0xFFFF, 1800, lsr, int(0.2 * 65536))
    before = slot.account.acked
    media.feedback(rtcp.parse(rtcp.receiver_report(1, [block])), now)
    assert media.rtt_s is not None
    assert abs(media.rtt_s - 0.05) < 1e-4
    assert media.jitter_ms == 20.0
    assert slot.account.acked >= before


def test_reports_about_other_streams_change_nothing() -> None:
    lesson, media, _ = flowing()
    totals = media.totals(reported=True)
    block = rtcp.ReportBlock(424242, 0, 0, 5, 0, 0, 0)
    media.feedback(rtcp.parse(rtcp.receiver_report(1, [block])), lesson.clock.now)
    assert media.totals(reported=True) == totals


def test_nacks_are_answered_once_per_round_trip_and_bounded_per_second() -> None:
    lesson, media, receiver = flowing()
    slot = media.streams[1].slot
    now = lesson.clock.now
    wanted = [(slot.account.next - 1 - n) & 0xFFFF for n in range(5)]
    request = rtcp.parse(rtcp.nack(1, slot.ssrc, sorted(wanted)))
    for _ in range(3):
        media.feedback(request, now)
    assert (receiver.retransmitted, media.nacks) == (5, 15)
    for n in range(MAX_RESENT_PER_S):
        media.feedback(request, now + 10.0 * (n + 1))
    assert receiver.retransmitted == MAX_RESENT_PER_S


def test_picture_loss_is_passed_to_the_feed_once() -> None:
    lesson, media, _ = flowing()
    slot = media.streams[1].slot
    assert slot.feed is not None
    assert slot.feed.requests is not None
    assert not slot.feed.requests.pending
    media.feedback(rtcp.parse(rtcp.picture_loss(1, slot.ssrc) * 3), lesson.clock.now)
    assert slot.feed.requests.pending
    assert (media.plis, lesson.counters.plis_in) == (3, 3)
    media.feedback(rtcp.parse(rtcp.picture_loss(1, 4242)), lesson.clock.now)
    assert media.plis == 3


def tell(media: Subscriber, slot: Slot, lost: int, now: float) -> None:
    """A report on everything that was sent, of which so many never came; and a low estimate."""
    highest = (slot.account.next - 1) & 0xFFFF
    block = rtcp.ReportBlock(slot.ssrc, 200, lost, highest, 0, 0, 0)
    media.feedback(rtcp.parse(rtcp.receiver_report(1, [block])), now)
    media.feedback(rtcp.parse(rtcp.remb(1, 300_000, [slot.ssrc])), now)


def test_an_estimate_below_the_rate_stops_video_only_together_with_loss() -> None:
    lesson, media, _ = flowing()
    slot = media.streams[1].slot
    tell(media, slot, 0, lesson.clock.now)
    reports(media, lesson.clock.now)
    lesson.publish(3.0)
    for enough in (False, True):
        lesson.clock.run(lesson.clock.now + REPORT_S)
        share = int(CONGESTION_LOSS * slot.account.sent)
        tell(media, slot, share + 1 if enough else share - 1, lesson.clock.now)
        reports(media, lesson.clock.now)
        assert slot._stop_at_frame_end is enough
    audio = media.streams[0].slot.account.sent
    lesson.clock.run(lesson.clock.now + 1.0)
    assert slot.state is SlotState.PAUSED
    assert media.streams[0].slot.account.sent > audio
    assert slot.dropped > 0


def test_reports_that_ride_on_nacks_do_not_make_five_percent_ten() -> None:
    """Each of them comes where something was lost and says 78 % of the few packets it is about."""
    lesson, media, _ = flowing()
    slot = media.streams[1].slot
    tell(media, slot, 0, lesson.clock.now)
    reports(media, lesson.clock.now)
    first = slot.account.sent
    lesson.publish(20.0)
    for _ in range(20):
        lesson.clock.run(lesson.clock.now + REPORT_S)
        tell(media, slot, (slot.account.sent - first) // 20, lesson.clock.now)
        reports(media, lesson.clock.now)
        assert not slot._stop_at_frame_end


def test_an_old_estimate_says_nothing() -> None:
    lesson, media, _ = flowing()
    slot = media.streams[1].slot
    tell(media, slot, 0, lesson.clock.now)
    reports(media, lesson.clock.now)
    lesson.publish(1.0)
    lesson.clock.run(lesson.clock.now + 1.0)
    tell(media, slot, slot.account.sent // 3, lesson.clock.now)
    reports(media, lesson.clock.now + 6.0)
    assert not slot._stop_at_frame_end


def test_nothing_is_due_before_it_is_connected() -> None:
    lesson = Lesson(4, upstream_loss=0.0)
    lesson.join("seat-0", rtx=False, loss=0.0)
    media = lesson.subscribers[0][1]
    media._report_at = None
    assert media.deadline_s is None
    assert reports(media, 5000.0) == []


def test_every_subscriber_is_sent_the_same_payloads() -> None:
    lesson = Lesson(6, upstream_loss=0.0)
    for number in range(3):
        lesson.join(f"seat-{number}", rtx=False, loss=0.0)
    lesson.publish(0.2)
    lesson.run(0.3)
    rings: list[list[Packet | None]] = [
        media.streams[1].slot.ring.slots for _, media, _ in lesson.subscribers
    ]
    payloads = [[p.payload for p in sorted(filter(None, r), key=lambda p: p.seq)] for r in rings]
    assert len(payloads[0]) == 54
    assert payloads[0] == payloads[1] == payloads[2]
    assert Codec("VP8", 96, 90000).name == lesson.publisher.tracks[1].feed.codec.name
