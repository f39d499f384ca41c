"""The receiving side of a publish session: from decrypted packets to feeds, and RTCP upstream.

Pure but for the random SSRC given to it: packets and time go in, RTCP and deadlines come out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from . import codecs, rtcp, rtp
from .counters import Counters
from .feed import Feed
from .feedback import SIMULCAST_SHARE, BitrateAdvice, KeyframeRequests
from .layers import LayerState, Source
from .loudness import Loudness
from .picture import picture_size
from .receive import ReceiveStream
from .rtp import Heard
from .samples import Totals
from .sdp import AUDIO_LEVEL, MID, REPAIRED_RID, RID
from .session import Codec, MediaLine, Offer
from .sync import SourceClock, TrackClock

REPORT_S: Final = 1.0
"""Receiver reports and REMB: often enough for a sender to ramp up, a few bytes a second."""
MAX_SSRCS: Final = 8
"""Mapped per m-line or layer: media, retransmission, and some restarts of the sender."""


class Track:
    """One m-line of a publisher, or one layer of it: an SSRC at a time, and its retransmissions."""

    def __init__(self, line: MediaLine, source: SourceClock, rid: str | None = None) -> None:
        self.line = line
        self.rid = rid
        self.feed = Feed(line.kind, line.codecs[0], rid)
        self.requests = KeyframeRequests()
        self.clock = TrackClock(source, line.codecs[0].clock_rate)
        self.feed.clock = self.clock
        self.feed.requests = self.requests
        self.stream = ReceiveStream(line.codecs[0].clock_rate)
        self.ssrc: int | None = None
        self.by_type = {codec.payload_type: codec for codec in line.codecs}
        self.by_rtx = {
            codec.rtx_payload_type: codec
            for codec in line.codecs
            if codec.rtx_payload_type is not None
        }
        self.level_id = line.extensions.get(AUDIO_LEVEL, 0)
        self.loudness = Loudness()
        self.nacks_wanted = any("nack" in codec.feedback for codec in line.codecs)
        self.last_sr: tuple[int, float] | None = None
        self.keyframe_timestamp: int | None = None
        self.lost_before = 0  # of earlier SSRCs
        self.reported_bytes = 0
        self.bytes = 0

    @property
    def lost(self) -> int:
        """Packets given up, of every SSRC this track had."""
        return self.lost_before + self.stream.lost

    def begin(self, ssrc: int, codec: Codec, now: float) -> None:
        """The track is now this SSRC; another one before it has ended."""
        self.stream.give_up()
        self.lost_before += self.stream.lost
        restarted = self.ssrc is not None
        self.ssrc = ssrc
        self.stream = ReceiveStream(codec.clock_rate)
        self.last_sr = None
        if restarted:
            self.clock.restart()
            self.feed.restart(now)

    def keyframe(self, codec: Codec, payload: bytes, timestamp: int, *, whole: bool) -> bool:
        """Whether a keyframe begins with this packet that everybody can begin with.

        `whole` says that nothing is missing before it.
        """
        if not codecs.is_keyframe_part(codec.name, payload):
            return False
        self.keyframe_timestamp = timestamp
        if not whole and not codecs.stands_alone(codec.name, payload):
            return False
        self.requests.arrived()
        self.feed.size = picture_size(codec.name, payload) or self.feed.size
        return True


class Publisher:
    """Everything a publish session receives."""

    def __init__(
        self,
        offer: Offer,
        *,
        ssrc: int,
        ceiling_kbps: int,
        counters: Counters,
        now: float,
    ) -> None:
        self.ssrc = ssrc  # ours, in RTCP
        self._counters = counters
        clock = SourceClock()
        lines = [line for line in offer.lines if line.accepted]
        self.tracks = [
            Track(line, clock, None if layer is None else layer.rid)
            for line in lines
            for layer in (line.layers or (None,))
        ]
        self.sources = {
            line.kind: Source([track.feed for track in self.tracks if track.line is line])
            for line in lines
        }
        for source in self.sources.values():
            for feed in source.feeds:
                feed.source = source
        self._by_ssrc: dict[int, tuple[Track, bool]] = {}
        self._mid_id, self._rid_id, self._repaired_id = (
            next((line.extensions[uri] for line in lines if uri in line.extensions), 0)
            for uri in (MID, RID, REPAIRED_RID)
        )
        layered = any(line.layers for line in lines)
        self._advice = BitrateAdvice(round(ceiling_kbps * (SIMULCAST_SHARE if layered else 1)))
        self._report_at = now + REPORT_S
        self._reported_s = now
        self.packets = self.bytes = self.plis = self.nacks = 0
        self.last_media_s: float | None = None
        for track in self.tracks:
            line = track.line
            if line.rtx_ssrc is not None and line.ssrc is not None:
                self._by_ssrc[line.rtx_ssrc] = (track, True)
            if line.ssrc is not None:
                self._by_ssrc[line.ssrc] = (track, False)

    def source(self, kind: str) -> Source | None:
        """The voice or the picture, if the publisher has one."""
        return self.sources.get(kind)

    # ------------------------------------------------------------------ packets in

    def receive(self, data: memoryview, now: float) -> Feed | None:
        """A decrypted RTP packet; the feed that has something new pending, if any.

        Raises ValueError for a malformed packet.
        """
        header = rtp.parse(data)
        entry = self._by_ssrc.get(header.ssrc) or self._map(header)
        if entry is None:
            self._counters.rtp_unmapped += 1
            return None
        return self.take(header.ssrc, (header.heard(data, entry[0].level_id),), now)

    def track(self, ssrc: int) -> Track | None:
        """What this SSRC belongs to; None as long as nothing is known of it."""
        entry = self._by_ssrc.get(ssrc)
        return None if entry is None else entry[0]

    @property
    def missing(self) -> bool:
        """Whether something is asked for again, or will be: what makes `deadline_s` come nearer."""
        for track in self.tracks:  # noqa: SIM110 - for every batch: a generator takes as long again
            if track.stream.missing:
                return True
        return False

    def take(self, ssrc: int, run: Sequence[Heard], now: float) -> Feed | None:
        """Packets of a mapped SSRC in order of arrival; the feed that has something new, if any."""
        track, repaired = self._by_ssrc[ssrc]
        done = 0
        if track.ssrc == ssrc and not repaired:
            done = self._take_next(track, run, now)
        taken = done > 0
        for heard in run[done:]:
            codec = (track.by_rtx if repaired else track.by_type).get(heard[0])
            if codec is None:
                self._counters.rtp_unmapped += 1
            elif repaired:
                taken |= self._take_repaired(track, codec, heard, now)
            else:
                if track.ssrc != ssrc:
                    track.begin(ssrc, codec, now)
                taken |= self._take(track, codec, heard, now, False)
        return track.feed if taken else None

    def _take_next(self, track: Track, run: Sequence[Heard], now: float) -> int:
        """Take what follows on the highest number in the present codec, which nearly always is all
        there is; of how many packets the run begins with that is so."""
        stream, feed = track.stream, track.feed
        number, codec = stream.highest, feed.codec
        if number is None or track.by_type.get(codec.payload_type) is not codec:
            return 0
        kind, picture, vp8 = codec.payload_type, feed.kind == "video", codec.name == "VP8"
        packets, timestamps, size = feed.pending, [], 0
        for heard in run:
            found, marker, sequence, timestamp, level, payload, length = heard
            if (sequence - number) & 0xFFFF != 1 or found != kind:
                break
            number += 1
            size += length
            timestamps.append(timestamp)
            if level is not None:
                track.loudness.heard(level, now)
            keyframe = (
                picture
                and timestamp != track.keyframe_timestamp
                and track.keyframe(codec, payload, timestamp, whole=True)
            )
            place = codecs.vp8_place(payload) if vp8 else None
            packets.append(
                rtp.Packet(number, timestamp, marker, payload, now, level, keyframe, place)
            )
        if timestamps:
            stream.receive_next(timestamps, now)
            track.clock.packet(timestamps[-1], now)
            self.packets += len(timestamps)
            self.bytes += size
            track.bytes += size
            self.last_media_s = now
        return len(timestamps)

    def _take_repaired(self, track: Track, codec: Codec, heard: Heard, now: float) -> bool:
        """A retransmission (RFC 4588 4): the original number stands before the payload."""
        kind, marker, _, timestamp, level, payload, size = heard
        if len(payload) < 2 or track.ssrc is None:
            self._counters.rtp_probes += 1
            return False
        sequence = int.from_bytes(payload[:2], "big")
        original = kind, marker, sequence, timestamp, level, payload[2:], size
        return self._take(track, codec, original, now, True)

    def _take(self, track: Track, codec: Codec, heard: Heard, now: float, repaired: bool) -> bool:
        _, marker, sequence, timestamp, level, payload, size = heard
        stream, feed = track.stream, track.feed
        highest = stream.highest
        number = stream.receive(sequence, timestamp, now, recovered=repaired)
        if number is None:
            self._counters.rtp_duplicate += 1
            return False
        self.packets += 1
        self.bytes += size
        track.bytes += size
        self.last_media_s = now
        if level is not None:
            track.loudness.heard(level, now)
        if codec is not feed.codec:
            feed.codec = codec
            feed.restart(now)
        keyframe = False
        if highest is None or number > highest:
            if feed.kind == "video" and timestamp != track.keyframe_timestamp:
                # Behind a gap its parameter sets may be missing. They are sent again, but too late
                # for whoever would begin here: nobody is switched on at this keyframe.
                whole = highest is None or number == highest + 1
                keyframe = track.keyframe(codec, payload, timestamp, whole=whole)
            track.clock.packet(timestamp, now)
        vp8 = codecs.vp8_place(payload) if codec.name == "VP8" else None
        feed.add(rtp.Packet(number, timestamp, marker, payload, now, level, keyframe, vp8))
        return True

    def _map(self, header: rtp.Header) -> tuple[Track, bool] | None:
        """Find the m-line of a new SSRC: by MID, then by payload type (RFC 9143 9.2); and its layer
        by RID, or by the repaired RID of a retransmission (RFC 8852 4).

        These stop being sent once the sender has seen a report, so the mapping is kept for good.
        """
        mid = header.extensions.get(self._mid_id) if self._mid_id else None
        rid = header.extensions.get(self._rid_id) if self._rid_id else None
        repaired = header.extensions.get(self._repaired_id) if self._repaired_id else None
        kind = header.payload_type
        fitting: list[tuple[Track, bool]] = []
        for track in self.tracks:
            again = kind in track.by_rtx
            named = track.rid.encode() if track.rid is not None else None
            if (
                (mid is None or track.line.mid.encode() == mid)
                and (again or kind in track.by_type)
                and (named is None or named == (repaired if again else rid))
            ):
                fitting.append((track, again))
        if len(fitting) != 1 or len(self._by_ssrc) >= MAX_SSRCS * len(self.tracks):
            return None
        self._by_ssrc[header.ssrc] = fitting[0]
        return fitting[0]

    def feedback(self, feedback: rtcp.Feedback, now: float) -> None:
        """The publisher's own RTCP: sender reports."""
        for report in feedback.senders:
            for track in self.tracks:
                if track.ssrc == report.ssrc:
                    track.last_sr = ((report.ntp >> 16) & 0xFFFFFFFF, now)
                    track.clock.sender_report(report.ntp, report.rtp_timestamp, now)

    # ------------------------------------------------------------------ RTCP out

    @property
    def deadline_s(self) -> float:
        """When `advance` has something to do."""
        deadline = self._report_at
        for track in self.tracks:
            if track.nacks_wanted and (at := track.stream.nack_at) is not None:
                deadline = min(deadline, at)
            if track.ssrc is not None and (at := track.requests.at) is not None:
                deadline = min(deadline, at)
        return deadline

    def advance(self, now: float, send: Callable[[bytes], None]) -> None:
        """Send what is due: NACK, PLI, and every second a receiver report with REMB."""
        for track in self.tracks:
            if track.ssrc is None:
                continue
            if track.nacks_wanted and (numbers := track.stream.nack(now)):
                send(self._compound(rtcp.nack(self.ssrc, track.ssrc, numbers)))
                self.nacks += len(numbers)
                self._counters.nacks_out += len(numbers)
            if track.requests.due(now, waiting=track.feed.wants_keyframe):
                send(self._compound(rtcp.picture_loss(self.ssrc, track.ssrc)))
                self.plis += 1
                self._counters.plis_out += 1
        if now >= self._report_at:
            self._report(now, send)

    def _compound(self, packet: bytes) -> bytes:
        # RFC 3550 6.1: a compound begins with a report; 8 bytes more than RFC 5506 would allow.
        return rtcp.receiver_report(self.ssrc, ()) + packet

    def _report(self, now: float, send: Callable[[bytes], None]) -> None:
        elapsed = max(0.001, now - self._reported_s)
        self._report_at, self._reported_s = now + REPORT_S, now
        blocks: list[rtcp.ReportBlock] = []
        videos: list[int] = []
        arrived = lost = 0.0
        for track in self.tracks:
            if track.ssrc is None:
                continue
            report = track.stream.report()
            lsr, dlsr = 0, 0
            if track.last_sr is not None:
                lsr = track.last_sr[0]
                dlsr = int((now - track.last_sr[1]) * 65536) & 0xFFFFFFFF
            blocks.append(
                rtcp.ReportBlock(
                    track.ssrc,
                    report.fraction,
                    report.lost,
                    report.highest,
                    report.jitter,
                    lsr,
                    dlsr,
                )
            )
            if track.line.kind == "video":
                rate = (track.bytes - track.reported_bytes) * 8 / elapsed
                arrived += rate
                lost += report.fraction * rate  # one packet of a thumbnail's five says little
                videos.append(track.ssrc)
            track.reported_bytes = track.bytes
        if not blocks:
            return
        packet = rtcp.receiver_report(self.ssrc, blocks)
        if videos:
            fraction = round(lost / arrived) if arrived else 0
            packet += rtcp.remb(self.ssrc, self._advice.second(fraction, arrived), videos)
        send(packet)

    # ------------------------------------------------------------------ figures

    def finish(self) -> None:
        """Nothing more will come: what is missing is lost."""
        for track in self.tracks:
            track.stream.give_up()

    @property
    def totals(self) -> Totals:
        """Running totals for samples."""
        lost = sum(track.lost for track in self.tracks)
        return Totals(self.packets, 0, self.bytes, lost, self.nacks, self.plis, 0)

    @property
    def layers(self) -> tuple[LayerState | None, ...]:
        """The pictures that arrive, the largest first; empty without video."""
        source = self.source("video")
        if source is None or self.last_media_s is None:
            return ()
        arriving = (feed for feed in reversed(source.ladder) if feed.heard_s is not None)
        return tuple(LayerState.of(feed, self.last_media_s) for feed in arriving)

    def level(self, now: float) -> int | None:
        """How loud the voice is now, -dBov; None without one."""
        return next((t.loudness.level(now) for t in self.tracks if t.line.kind == "audio"), None)

    @property
    def jitter_ms(self) -> float | None:
        """The worst track's jitter; None before anything arrived."""
        values = [track.stream.jitter_ms for track in self.tracks if track.ssrc is not None]
        return max(values) if values else None

    @property
    def rtt_ms(self) -> float | None:
        """By answered NACKs; None while none was needed."""
        values = [t.stream.rtt_s * 1000 for t in self.tracks if t.stream.rtt_s is not None]
        return min(values) if values else None
