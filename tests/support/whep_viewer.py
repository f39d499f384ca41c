"""A WHEP player of ours that decodes: every picture and all sound, over HTTP and aiortc."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import av
from aiohttp import ClientSession
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from tests.support.media_peers import connection
from tests.support.waiting import PATIENCE_S, until


@dataclass
class WhepViewer:
    """`pictures` are (seconds of the loop's clock, frame); `sounds` likewise, as the jitter buffer
    let them out; at most `keep` of each, the latest."""

    connection: RTCPeerConnection
    keep: int
    pictures: list[tuple[float, av.VideoFrame]] = field(default_factory=list)
    sounds: list[tuple[float, av.AudioFrame]] = field(default_factory=list)
    count: dict[str, int] = field(default_factory=lambda: {"audio": 0, "video": 0})
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def consume(self, track: MediaStreamTrack) -> None:
        loop = asyncio.get_running_loop()
        kept: list[Any] = self.pictures if track.kind == "video" else self.sounds
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            self.count[track.kind] += 1
            kept.append((loop.time(), frame))
            del kept[: -self.keep]

    async def wait(self, *, video: int = 0, audio: int = 0) -> None:
        """Until so many more pictures and pieces of sound have been decoded."""
        wanted = {"video": self.count["video"] + video, "audio": self.count["audio"] + audio}
        await until(lambda: all(self.count[kind] >= wanted[kind] for kind in wanted))


@asynccontextmanager
async def watching(
    http: ClientSession, url: str, *, token: str = "", keep: int = 3000
) -> AsyncIterator[WhepViewer]:
    """Play `url` from the moment somebody publishes there; DELETE at the end."""
    pc = connection()
    viewer = WhepViewer(pc, keep)

    @pc.on("track")
    def _(track: MediaStreamTrack) -> None:
        viewer.tasks.append(asyncio.create_task(viewer.consume(track)))

    for kind in ("audio", "video"):
        pc.addTransceiver(kind, direction="recvonly")
    await pc.setLocalDescription(await pc.createOffer())
    access = {"Authorization": f"Bearer {token}"} if token else {}
    headers = {"Content-Type": "application/sdp", **access}
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    try:
        while True:
            async with http.post(url, data=pc.localDescription.sdp, headers=headers) as response:
                text = await response.text()
                if response.status == 201:
                    session = urljoin(url, response.headers["Location"])
                    break
                assert response.status == 409, text
            assert asyncio.get_running_loop().time() < deadline, "nobody publishes"
            await asyncio.sleep(0.1)
        await pc.setRemoteDescription(RTCSessionDescription(text, "answer"))
        yield viewer
        async with http.delete(session, headers=access) as response:
            assert response.status in (200, 404)
    finally:
        await pc.close()
        for task in viewer.tasks:
            task.cancel()  # a connection that never came about ends no track
        await asyncio.gather(*viewer.tasks, return_exceptions=True)
