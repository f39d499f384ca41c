"""What a virtual terminal receives and reports: counts per SSRC, receiver reports, NACK. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from aiortc.rtp import (
    RTCP_RTPFB_NACK,
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
)

#: How far back a packet may arrive and still be told from a duplicate.
HISTORY_PACKETS: Final = 2048
#: SSRCs a server may send to one subscriber: two audio, thirteen video, retransmission for each.
MAX_STREAMS: Final = 32
#: A packet is asked for so many times, then it is lost.
NACK_TRIES: Final = 5
NACK_LIMIT: Final = 64
#: Out-of-order by fewer packets than this is not yet a loss (design: 2 packets or 20 ms).
REORDER_PACKETS: Final = 2
#: Added to the first sequence number, so that one from before it stays positive.
FIRST_CYCLE: Final = 0x10000


@dataclass(slots=True)
class Received:
    """Counters of one SSRC. Sequence numbers are extended and never wrap."""

    ssrc: int
    clock_rate: int
    first: int = -1
    highest: int = -1
    packets: int = 0
    bytes: int = 0
    duplicates: int = 0
    jitter: float = 0.0
    last_sr: int = 0
    last_sr_at: float = 0.0
    seen: OrderedDict[int, None] = field(default_factory=OrderedDict)
    missing: dict[int, int] = field(default_factory=dict)
    _transit: float | None = None
    _expected_before: int = 0
    _packets_before: int = 0

    def add(self, sequence: int, timestamp: int, size: int, now: float) -> bool:
        """Count one packet; False if it was a duplicate."""
        extended = self._extend(sequence)
        if extended in self.seen:
            self.duplicates += 1
            return False
        self.seen[extended] = None
        if len(self.seen) > HISTORY_PACKETS:
            self.seen.popitem(last=False)
        self.missing.pop(extended, None)
        if self.first < 0:
            self.first = self.highest = extended
        elif extended > self.highest:
            for lost in range(max(self.highest + 1, extended - NACK_LIMIT), extended):
                self.missing[lost] = 0
            self.highest = extended
        self.packets += 1
        self.bytes += size
        self._update_jitter(timestamp, now)
        return True

    @property
    def expected(self) -> int:
        """Packets the sender numbered so far (RFC 3550 A.3)."""
        return self.highest - self.first + 1 if self.first >= 0 else 0

    @property
    def lost(self) -> int:
        """Packets that never came."""
        return max(0, self.expected - self.packets)

    def report(self, now: float) -> RtcpReceiverInfo:
        """A report block; the fraction lost is since the last one (RFC 3550 6.4.1)."""
        expected = self.expected - self._expected_before
        received = self.packets - self._packets_before
        self._expected_before, self._packets_before = self.expected, self.packets
        fraction = 0 if expected <= 0 else max(0, min(255, (expected - received) * 256 // expected))
        delay = int((now - self.last_sr_at) * 65536) if self.last_sr else 0
        return RtcpReceiverInfo(
            ssrc=self.ssrc,
            fraction_lost=fraction,
            packets_lost=self.lost,
            highest_sequence=(self.highest - FIRST_CYCLE) & 0xFFFFFFFF,
            jitter=int(self.jitter),
            lsr=self.last_sr,
            dlsr=delay & 0xFFFFFFFF,
        )

    def to_ask_again(self) -> list[int]:
        """Sequence numbers (16 bit) to put into a NACK now; each is asked for a few times only."""
        asked = []
        for sequence in list(self.missing):
            if sequence > self.highest - REORDER_PACKETS:
                continue
            if self.missing[sequence] >= NACK_TRIES:
                del self.missing[sequence]
                continue
            self.missing[sequence] += 1
            asked.append(sequence & 0xFFFF)
        return asked[:NACK_LIMIT]

    def _extend(self, sequence: int) -> int:
        if self.highest < 0:
            return sequence + FIRST_CYCLE
        delta = (sequence - self.highest) & 0xFFFF
        return self.highest + (delta if delta < 0x8000 else delta - 0x10000)

    def _update_jitter(self, timestamp: int, now: float) -> None:
        transit = now * self.clock_rate - timestamp
        if self._transit is not None:
            difference = abs(transit - self._transit)
            if difference < self.clock_rate:  # a source switch jumps; it is not jitter
                self.jitter += (difference - self.jitter) / 16
        self._transit = transit


class ReceiverReports:
    """All streams of one subscriber and the RTCP it owes for them."""

    def __init__(self, ssrc: int, clock_rates: dict[int, int]) -> None:
        self._ssrc = ssrc
        self._clock_rates = clock_rates
        self.streams: dict[int, Received] = {}
        self.ignored = 0

    def rtp(self, data: bytes, now: float) -> Received | None:
        """Count an RTP packet (RFC 3550 5.1); None if it is not one we can follow."""
        if len(data) < 12:
            self.ignored += 1
            return None
        ssrc = int.from_bytes(data[8:12], "big")
        stream = self.streams.get(ssrc)
        if stream is None:
            rate = self._clock_rates.get(data[1] & 0x7F)
            if rate is None or len(self.streams) >= MAX_STREAMS:
                self.ignored += 1
                return None
            stream = self.streams[ssrc] = Received(ssrc, rate)
        sequence = int.from_bytes(data[2:4], "big")
        stream.add(sequence, int.from_bytes(data[4:8], "big"), len(data), now)
        return stream

    def rtcp(self, data: bytes, now: float) -> None:
        """Remember sender reports, for the round-trip time in our reports."""
        try:
            packets = RtcpPacket.parse(data)
        except ValueError:
            self.ignored += 1
            return
        for packet in packets:
            if isinstance(packet, RtcpSrPacket) and packet.ssrc in self.streams:
                stream = self.streams[packet.ssrc]
                stream.last_sr = (packet.sender_info.ntp_timestamp >> 16) & 0xFFFFFFFF
                stream.last_sr_at = now

    def report(self, now: float) -> list[bytes]:
        """Compound receiver reports, at most 31 blocks each (RFC 3550 6.4.2)."""
        blocks = [s.report(now) for s in self.streams.values() if s.packets]
        return [
            bytes(RtcpRrPacket(ssrc=self._ssrc, reports=blocks[i : i + 31]))
            for i in range(0, len(blocks), 31)
        ]

    def nacks(self) -> list[bytes]:
        """Generic NACKs (RFC 4585 6.2.1) for what is missing now."""
        out = []
        for stream in self.streams.values():
            if stream.missing and (lost := stream.to_ask_again()):
                nack = RtcpRtpfbPacket(
                    fmt=RTCP_RTPFB_NACK, ssrc=self._ssrc, media_ssrc=stream.ssrc, lost=lost
                )
                out.append(bytes(nack))
        return out

    @property
    def packets(self) -> int:
        """Packets received, duplicates not counted."""
        return sum(s.packets for s in self.streams.values())

    @property
    def bytes(self) -> int:
        """Bytes received in RTP packets."""
        return sum(s.bytes for s in self.streams.values())

    @property
    def lost(self) -> int:
        """Packets that never came."""
        return sum(s.lost for s in self.streams.values())

    @property
    def duplicates(self) -> int:
        """Packets that came twice."""
        return sum(s.duplicates for s in self.streams.values())
