"""WHIP and WHEP sessions of a virtual terminal: offer, answer, media, goodbye (RFC 9725)."""

from __future__ import annotations

import asyncio
import secrets
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urljoin

import aiohttp
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
)
from aiortc.sdp import SessionDescription

from .journal import Received
from .streams import ReceiverReports
from .transport import Remote, Transport, TransportError, first_family, local_fingerprint

OPUS, H264, VP8 = 111, 102, 96
CLOCK_RATES: Final = {OPUS: 48000, H264: 90000, VP8: 90000}
H264_PARAMETERS: Final = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
REPORT_INTERVAL_S: Final = 1.0
NACK_INTERVAL_S: Final = 0.05
#: Sent packets kept for retransmission: three seconds of 2.5 Mbit/s.
SENT_HISTORY: Final = 1024
HTTP_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
NTP_EPOCH_OFFSET_S: Final = 2208988800


class SessionRefusedError(Exception):
    """The server refused a session; `status` is the HTTP status, `retry_after_s` its advice."""

    def __init__(self, status: int, text: str, retry_after_s: float | None) -> None:
        super().__init__(f"HTTP {status}: {text[:200]}")
        self.status = status
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Line:
    """One m-line to offer. `ssrc` is set when we send on it."""

    kind: str
    direction: str
    ssrc: int | None = None


def offer_text(transport: Transport, lines: Sequence[Line], cname: str) -> str:
    """An offer with these m-lines, bundled (RFC 8829, RFC 9143)."""
    out = [
        "v=0",
        f"o=- {secrets.randbits(62)} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE " + " ".join(str(i) for i in range(len(lines))),
        "a=msid-semantic: WMS *",
    ]
    for mid, line in enumerate(lines):
        types = f"{OPUS}" if line.kind == "audio" else f"{H264} {VP8}"
        out += [
            f"m={line.kind} 9 UDP/TLS/RTP/SAVPF {types}",
            "c=IN IP4 0.0.0.0",
            "a=rtcp:9 IN IP4 0.0.0.0",
            f"a=ice-ufrag:{transport.ice_ufrag}",
            f"a=ice-pwd:{transport.ice_pwd}",
            f"a=fingerprint:sha-256 {local_fingerprint()}",
            "a=setup:actpass",
            f"a=mid:{mid}",
            "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
            f"a={line.direction}",
            "a=rtcp-mux",
            "a=rtcp-rsize",
        ]
        if line.kind == "audio":
            out += [f"a=rtpmap:{OPUS} opus/48000/2", f"a=fmtp:{OPUS} minptime=10;useinbandfec=1"]
        else:
            out += [f"a=rtpmap:{H264} H264/90000", f"a=fmtp:{H264} {H264_PARAMETERS}"]
            out += [f"a=rtpmap:{VP8} VP8/90000"]
            for payload_type in (H264, VP8):
                out += [f"a=rtcp-fb:{payload_type} nack", f"a=rtcp-fb:{payload_type} nack pli"]
        if line.ssrc is not None:
            out += [f"a=ssrc:{line.ssrc} cname:{cname}", f"a=msid:{cname} {cname}-{mid}"]
    return "\r\n".join(out) + "\r\n"


def parse_answer(text: str) -> Remote:
    """The server's credentials, fingerprint and candidates; ValueError if one is missing."""
    answer = SessionDescription.parse(text)
    line = next((m for m in answer.media if m.port), None)
    if line is None or line.dtls is None:
        raise ValueError("the answer accepts no m-line")
    ice = line.ice
    if ice is None or not ice.usernameFragment or not ice.password:
        raise ValueError("the answer has no ICE credentials")
    fingerprint = next((f.value for f in line.dtls.fingerprints if f.algorithm == "sha-256"), None)
    candidates = tuple(
        (c.ip, c.port) for c in line.ice_candidates if c.protocol == "udp" and c.component == 1
    )
    if fingerprint is None or not candidates:
        raise ValueError("the answer has no SHA-256 fingerprint or no UDP candidate")
    return Remote(ice.usernameFragment, ice.password, fingerprint, first_family(candidates))


class Signalling:
    """POST an offer, keep the resource, DELETE it at the end."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self._http = http
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._resource: str | None = None

    async def offer(self, sdp: str) -> str:
        """The answer; raises SessionRefusedError."""
        headers = self._headers | {"Content-Type": "application/sdp"}
        async with self._http.post(
            self._url, data=sdp.encode(), headers=headers, timeout=HTTP_TIMEOUT
        ) as response:
            text = await response.text()
            if response.status != 201:
                after = response.headers.get("Retry-After", "")
                raise SessionRefusedError(
                    response.status, text, float(after) if after.isdigit() else None
                )
            self._resource = urljoin(self._url, response.headers["Location"])
            return text

    async def delete(self) -> None:
        """Say goodbye; a server that is gone already is fine."""
        if self._resource is None:
            return
        resource, self._resource = self._resource, None
        try:
            async with self._http.delete(
                resource, headers=self._headers, timeout=HTTP_TIMEOUT
            ) as response:
                await response.read()
        except (aiohttp.ClientError, TimeoutError):
            return


class Receiver:
    """A WHEP session that counts and acknowledges what it gets, and decodes nothing.

    `loses` is asked for every packet; True throws it away unseen, as a bad line would.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        token: str,
        *,
        audio: int,
        video: int,
        loses: Callable[[], bool] | None = None,
    ) -> None:
        self._signalling = Signalling(http, url, token)
        self._lines = [Line("audio", "recvonly")] * audio + [Line("video", "recvonly")] * video
        self.reports = ReceiverReports(secrets.randbits(32), CLOCK_RATES)
        self.transport = Transport(self._on_packet, loses=loses)
        self.first_packet_s: float | None = None
        self.last_packet_at = 0.0
        self._asked_at = 0.0
        self._frames = 0
        self._sound = 0

    async def connect(self) -> None:
        """Open the session and the media path."""
        self._asked_at = time.monotonic()
        offer = offer_text(self.transport, self._lines, "receiver")
        remote = parse_answer(await self._signalling.offer(offer))
        try:
            await self.transport.connect(remote)
        except BaseException:
            await self._signalling.delete()
            raise

    async def run(self) -> None:
        """Report, ask again and keep consent until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.transport.keep_consent(), name="consent")
            tasks.create_task(self._report(), name="reports")
            tasks.create_task(self._ask_again(), name="nacks")

    async def close(self) -> None:
        """A last report, goodbye, and the socket back."""
        for packet in self.reports.report(time.monotonic()):
            self.transport.send_rtcp(packet)
        try:
            await self._signalling.delete()
        finally:
            self.transport.close()

    def silent_for_s(self) -> float:
        """Seconds since the last packet, or since the request if none has come."""
        return time.monotonic() - (self.last_packet_at or self._asked_at)

    def received(self) -> Received:
        """Whole frames and bytes of sound so far, for the room's own journal."""
        return Received(self._frames, self._sound, self.last_packet_at or float("-inf"))

    def _on_packet(self, data: bytes, is_rtcp: bool) -> None:
        now = time.monotonic()
        if is_rtcp:
            self.reports.rtcp(data, now)
            return
        if self.first_packet_s is None:
            self.first_packet_s = now - self._asked_at
        self.last_packet_at = now
        marked, payload_type = data[1] >> 7, data[1] & 0x7F
        if payload_type == OPUS:
            self._sound += len(data)
        else:
            self._frames += marked  # the marker ends a frame (RFC 6184 5.1, RFC 7741 4.1)
        self.reports.rtp(data, now)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            for packet in self.reports.report(time.monotonic()):
                self.transport.send_rtcp(packet)

    async def _ask_again(self) -> None:
        while True:
            await asyncio.sleep(NACK_INTERVAL_S)
            for packet in self.reports.nacks():
                self.transport.send_rtcp(packet)


@dataclass(slots=True)
class Outgoing:
    """One stream we send: numbering, sender report counters, and a history for NACK."""

    ssrc: int
    payload_type: int
    clock_rate: int
    sequence: int
    timestamp_offset: int
    packets: int = 0
    octets: int = 0
    last_timestamp: int = 0

    @classmethod
    def make(cls, payload_type: int) -> Self:
        """A stream with random numbering (RFC 3550 5.1)."""
        return cls(
            ssrc=secrets.randbits(32) or 1,
            payload_type=payload_type,
            clock_rate=CLOCK_RATES[payload_type],
            sequence=secrets.randbits(15),
            timestamp_offset=secrets.randbits(32),
        )

    def packet(self, payload: bytes, timestamp: int, *, marker: bool) -> bytes:
        """The next RTP packet (RFC 3550 5.1)."""
        self.last_timestamp = (timestamp + self.timestamp_offset) & 0xFFFFFFFF
        header = struct.pack(
            "!BBHII",
            0x80,
            self.payload_type | (0x80 if marker else 0),
            self.sequence,
            self.last_timestamp,
            self.ssrc,
        )
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        return header + payload

    def sender_report(self, wall_s: float) -> bytes:
        """RTCP SR that ties the last timestamp to wall time (RFC 3550 6.4.1)."""
        ntp = int((wall_s + NTP_EPOCH_OFFSET_S) * (1 << 32))
        info = RtcpSenderInfo(
            ntp_timestamp=ntp & 0xFFFFFFFFFFFFFFFF,
            rtp_timestamp=self.last_timestamp,
            packet_count=self.packets & 0xFFFFFFFF,
            octet_count=self.octets & 0xFFFFFFFF,
        )
        return bytes(RtcpSrPacket(ssrc=self.ssrc, sender_info=info))


class Publisher:
    """A WHIP session that sends packets made elsewhere, in real time."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, token: str, *, audio: bool, video: int | None
    ) -> None:
        self._signalling = Signalling(http, url, token)
        self.audio = Outgoing.make(OPUS) if audio else None
        self.video = Outgoing.make(video) if video is not None else None
        self.transport = Transport(self._on_packet)
        self.retransmitted = 0
        self.keyframes_asked = 0
        self._sent: deque[tuple[int, int, bytes]] = deque(maxlen=SENT_HISTORY)

    @property
    def sent(self) -> int:
        """Packets sent, retransmissions not counted."""
        return sum(s.packets for s in (self.audio, self.video) if s is not None)

    async def connect(self) -> None:
        """Open the session and the media path."""
        lines = [
            Line(kind, "sendonly", stream.ssrc)
            for kind, stream in (("audio", self.audio), ("video", self.video))
            if stream is not None
        ]
        offer = offer_text(self.transport, lines, "publisher")
        remote = parse_answer(await self._signalling.offer(offer))
        try:
            await self.transport.connect(remote)
        except BaseException:
            await self._signalling.delete()
            raise

    async def run(self) -> None:
        """Sender reports and consent until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.transport.keep_consent(), name="consent")
            tasks.create_task(self._report(), name="reports")

    def send(
        self, stream: Outgoing, payloads: Sequence[bytes], timestamp: int, *, marker_last: bool
    ) -> None:
        """Send one frame's payloads; the last one is marked when `marker_last`."""
        if not self.transport.connected:
            raise TransportError("not connected")
        last = len(payloads) - 1
        for index, payload in enumerate(payloads):
            sequence = stream.sequence
            packet = stream.packet(payload, timestamp, marker=marker_last and index == last)
            self._sent.append((stream.ssrc, sequence, packet))
            self.transport.send_rtp(packet)

    async def close(self) -> None:
        """Goodbye, and the socket back."""
        try:
            await self._signalling.delete()
        finally:
            self.transport.close()

    def _on_packet(self, data: bytes, is_rtcp: bool) -> None:
        if not is_rtcp:
            return
        try:
            packets = RtcpPacket.parse(data)
        except ValueError:
            return
        for packet in packets:
            if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
                self._again(packet.media_ssrc, set(packet.lost))
            elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_PLI:
                self.keyframes_asked += 1

    def _again(self, ssrc: int, lost: set[int]) -> None:
        for sent_ssrc, sequence, packet in self._sent:
            if sent_ssrc == ssrc and sequence in lost:
                self.retransmitted += 1
                self.transport.send_rtp(packet)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            for stream in (self.audio, self.video):
                if stream is not None and stream.packets:
                    self.transport.send_rtcp(stream.sender_report(time.time()))
