"""Real WebRTC peers (aiortc) that publish to and subscribe from an endpoint in this process."""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiortc import (
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack
from av import VideoFrame

from sync_classroom.relay.client_peer import client_peer
from sync_classroom.relay.endpoint import Endpoint, Session
from sync_classroom.relay.sdp import parse_offer
from sync_classroom.relay.sdp_answer import build_answer
from sync_classroom.relay.session import Direction, Sample
from sync_classroom.relay.settings import Listen, RelaySettings

VIDEO_RATE = 15


class MovingSquare(MediaStreamTrack):
    """A small synthetic picture whose brightness tells the frame number."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._start: float | None = None

    async def recv(self) -> VideoFrame:
        loop = asyncio.get_running_loop()
        if self._start is None:
            self._start = loop.time()
        await asyncio.sleep(max(0.0, self._start + self._count / VIDEO_RATE - loop.time()))
        frame = VideoFrame(160, 120, "yuv420p")
        shade = (self._count * 8) % 200
        for plane, value in zip(frame.planes, (shade, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts = self._count * (90000 // VIDEO_RATE)
        frame.time_base = fractions.Fraction(1, 90000)
        self._count += 1
        return frame


@dataclass
class Viewer:
    """A subscriber that decodes; `frames` and `sounds` count what came out of the decoders."""

    connection: RTCPeerConnection
    session: Session
    frames: int = 0
    sounds: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def consume(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                await track.recv()
                if track.kind == "video":
                    self.frames += 1
                else:
                    self.sounds += 1
        except Exception:
            return

    async def received(self) -> dict[int, int]:
        """Packets received by SSRC, as the receivers count them."""
        counts: dict[int, int] = {}
        for receiver in self.connection.getReceivers():
            for report in (await receiver.getStats()).values():
                if report.type == "inbound-rtp":
                    counts[report.ssrc] = report.packetsReceived
        return counts


def connection() -> RTCPeerConnection:
    return client_peer()


def answer(endpoint: Endpoint, session: Session, offer: Any) -> RTCSessionDescription:
    text = build_answer(
        offer,
        session.transport,
        session.streams,
        start_bitrate_kbps=1000,
        max_bitrate_kbps=2500,
    )
    return RTCSessionDescription(text, "answer")


async def publish(
    endpoint: Endpoint, room: str, peer: str = "host", source: str = "camera"
) -> tuple[RTCPeerConnection, Session]:
    pc = connection()
    pc.addTransceiver(AudioStreamTrack(), direction="sendonly")
    pc.addTransceiver(MovingSquare(), direction="sendonly")
    await pc.setLocalDescription(await pc.createOffer())
    offer = parse_offer(pc.localDescription.sdp, Direction.PUBLISH)
    session = endpoint.open_session(
        room=room, peer=peer, source=source, offer=offer, makes_room=True
    )
    await pc.setRemoteDescription(answer(endpoint, session, offer))
    return pc, session


async def subscribe(
    endpoint: Endpoint, room: str, peer: str, *, audio: int = 1, video: int = 1
) -> Viewer:
    pc = connection()
    for _ in range(audio):
        pc.addTransceiver("audio", direction="recvonly")
    for _ in range(video):
        pc.addTransceiver("video", direction="recvonly")
    viewer = Viewer(pc, None)  # type: ignore[arg-type]

    @pc.on("track")
    def _(track: MediaStreamTrack) -> None:
        viewer.tasks.append(asyncio.ensure_future(viewer.consume(track)))

    await pc.setLocalDescription(await pc.createOffer())
    offer = parse_offer(pc.localDescription.sdp, Direction.SUBSCRIBE)
    viewer.session = endpoint.open_session(
        room=room, peer=peer, source=None, offer=offer, makes_room=False
    )
    await pc.setRemoteDescription(answer(endpoint, viewer.session, offer))
    return viewer


@asynccontextmanager
async def relay(
    *, sample_s: float = 10.0, **changes: Any
) -> AsyncIterator[tuple[Endpoint, list[Sample]]]:
    """A real endpoint on a loopback port of the system's choice, and the samples it wrote."""
    samples: list[Sample] = []
    chosen = {"max_load": 1.0} | changes  # a slow machine's load is not what is tested
    settings = RelaySettings(media=Listen("127.0.0.1", 0), sample_s=sample_s, **chosen)
    endpoint = await Endpoint.open(settings, on_sample=samples.append)
    try:
        yield endpoint, samples
    finally:
        await endpoint.close()
