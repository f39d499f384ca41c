"""WHIP and WHEP clients that are not ours, through a whole relay.

GStreamer's webrtcbin with libnice is another ICE, DTLS, SRTP, RTP and jitter buffer than ours and
Chromium's. Pictures are counted where they come out of a decoder.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.relay.settings import Listen
from tests.support.gstreamer import gst_peer, whip_client
from tests.support.obs import obs
from tests.support.relays import RunningRelay, relay
from tests.support.waiting import until
from tests.support.whep_viewer import watching

pytestmark = pytest.mark.asyncio

ROOM = "lesson-1"


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningRelay]:
    # libnice offers loopback only where there is nothing else: the relay is met at every address.
    async with relay(tmp_path, open_mode=True, media=Listen("0.0.0.0", 0)) as started:
        yield started


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_gstreamer_publishes_and_we_decode(running: RunningRelay, codec: str) -> None:
    with gst_peer("whip", f"{running.url}/whip/{ROOM}", codec) as host:
        await host.wait("status", 201)
        async with watching(running.http, f"{running.url}/whep/{ROOM}") as viewer:
            await viewer.wait(video=45, audio=100)
            assert viewer.pictures[-1][1].width == 320
        await host.leave()
        assert host.last("deleted") == 200
    assert (await running.control.status(ROOM)).peers == ()


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_gstreamer_plays_what_gstreamer_publishes(running: RunningRelay, codec: str) -> None:
    with gst_peer("whip", f"{running.url}/whip/{ROOM}", codec) as host:
        await host.wait("status", 201)
        with gst_peer("whep", f"{running.url}/whep/{ROOM}?peer=seat-1", codec) as seat:
            await seat.wait("status", 201)
            await until(lambda: (seat.last("video") or 0) >= 45)
            await until(lambda: seat.last("audio") >= 100)
            assert await reported_loss(running, "seat-1") == 0
            await seat.leave()
            assert seat.last("deleted") == 200


async def test_obs_publishes_and_we_decode(running: RunningRelay, tmp_path: Path) -> None:
    """No candidate in its offer, none trickled: it is found by its own checks."""
    with obs(tmp_path, f"{running.url}/whip/{ROOM}") as host:
        await host.wait("status", 201)
        async with watching(running.http, f"{running.url}/whep/{ROOM}") as viewer:
            await viewer.wait(video=45, audio=100)
            assert viewer.pictures[-1][1].width == 320
        (publisher,) = (await running.control.status(ROOM)).peers
        assert (publisher.direction, publisher.loss) == ("publish", 0)
        await host.leave()
        assert host.last("deleted") == 200
    assert (await running.control.status(ROOM)).peers == ()


async def reported_loss(running: RunningRelay, peer: str) -> float:
    """What the peer's own receiver reports say is lost, once there is one (RFC 3550: in 5 s)."""
    async with asyncio.timeout(30):
        while True:
            for one in (await running.control.status(ROOM)).peers:
                if one.peer == peer and one.loss is not None:
                    return one.loss
            await asyncio.sleep(0.05)


async def test_nothing_live_is_understood_by_a_foreign_player(running: RunningRelay) -> None:
    with gst_peer("whep", f"{running.url}/whep/{ROOM}", "H264") as seat:
        await seat.wait("status", 409)


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_simple_whip_client_publishes_trickles_and_leaves(tmp_path: Path, codec: str) -> None:
    async with relay(tmp_path, media=Listen("0.0.0.0", 0)) as running:
        token = running.token("publish", ROOM, "host", source="camera", makes_room=True)
        url = f"{running.url}/whip/{ROOM}"
        async with whip_client(tmp_path, url, token, codec):
            watch = f"{running.url}/whep/{ROOM}"
            seat = running.token("subscribe", ROOM, "seat-1")
            async with watching(running.http, watch, token=seat) as viewer:
                await viewer.wait(video=45, audio=100)
        assert (await running.control.status(ROOM)).peers == ()
