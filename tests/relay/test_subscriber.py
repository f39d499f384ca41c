from __future__ import annotations

import pytest

from sync_classroom.relay import rtcp
from sync_classroom.relay.rtp import Packet
from sync_classroom.relay.session import Codec
from sync_classroom.relay.subscriber import (
    FIRST_REPORT_S,
    MAX_RESENT_PER_S,
    REPORT_GRID_S,
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
    assert media.downlink._last_rtt_s == pytest.approx(0.05, abs=1e-4)
    assert media.jitter_ms == 20.0
    assert slot.account.acked >= before


def test_reports_about_other_streams_change_nothing() -> None:
    lesson, media, _ = flowing()
    totals = media.totals(reported=True)
    block = rtcp.ReportBlock(424242, 0, 0, 5, 0, 0, 0)
    media.feedback(rtcp.parse(rtcp.receiver_report(1, [block])), lesson.clock.now)
    assert media.totals(reported=True) == totals


def test_nacks_are_answered_twice_a_round_trip_and_bounded_per_second() -> None:
    lesson, media, receiver = flowing()
    slot = media.streams[1].slot
    now = lesson.clock.now
    wanted = [(slot.account.next - 1 - n) & 0xFFFF for n in range(5)]
    request = rtcp.parse(rtcp.nack(1, slot.ssrc, sorted(wanted)))
    for _ in range(3):
        media.feedback(request, now)
    assert (receiver.retransmitted, media.nacks) == (5, 15)
    assert media.downlink.rtt_s is not None
    interval_s = media.downlink.rtt_s / 2
    media.feedback(request, now + interval_s - 0.01)
    assert receiver.retransmitted == 5
    media.feedback(request, now + interval_s)
    assert receiver.retransmitted == 10
    media.downlink.estimate_bps = 1_000_000_000
    for n in range(MAX_RESENT_PER_S):
        media.feedback(request, now + 10.0 * (n + 1))
    assert receiver.retransmitted == MAX_RESENT_PER_S


def test_retransmissions_take_at_most_half_of_what_the_line_carries() -> None:
    lesson, media, receiver = flowing()
    slot = media.streams[1].slot
    now = lesson.clock.now
    reports(media, now + 2.0)
    media.downlink.estimate_bps = 400_000
    wanted = [(slot.account.next - 1 - n) & 0xFFFF for n in range(50)]
    request = rtcp.parse(rtcp.nack(1, slot.ssrc, sorted(wanted)))
    media.feedback(request, now + 2.0)
    # 25,000 bytes a second are 25 packets of some 1016.
    assert receiver.retransmitted == 25
    media.feedback(request, now + 2.5)
    assert receiver.retransmitted == 25
    later = now + 3.0 + REPORT_GRID_S
    reports(media, later)
    media.feedback(request, later)
    assert 45 <= receiver.retransmitted <= 50


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


def test_the_clock_has_a_line_judged_only_when_no_report_has() -> None:
    lesson, media, receiver = flowing()
    slot = media.streams[1].slot
    now = lesson.clock.now
    highest = receiver.heard[slot.ssrc].highest
    block = rtcp.ReportBlock(slot.ssrc, 0, 0, highest & 0xFFFF, 0, 0, 0)
    report = rtcp.parse(rtcp.receiver_report(1, [block]))
    media.feedback(report, now + 1.5)
    assert media.downlink.unjudged_s(now + 1.5) == 0.0
    reports(media, now + 2.0)
    assert media.downlink.unjudged_s(now + 2.0) == 0.5  # by the report, not by the clock
    reports(media, now + 3.2)
    assert media.downlink.unjudged_s(now + 3.2) == 0.0  # silence is judged, too


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
