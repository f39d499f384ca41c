"""WHIP and WHEP sessions of virtual terminals, against the real relay."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sync_classroom.simulator.client import (
    H264,
    Outgoing,
    Publisher,
    Receiver,
    SessionRefusedError,
    parse_answer,
)
from sync_classroom.simulator.recording import Recording, load_recording, make_recording, play
from tests.support.relays import RunningRelay, counter, relay
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    path = tmp_path_factory.mktemp("recording") / "lesson.mkv"
    make_recording(path, seconds=3, width=320, height=180, fps=15, bitrate_kbps=200)
    return load_recording(path)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; fail after the deadline."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def publishing(running: RunningRelay, recording: Recording) -> AsyncIterator[Publisher]:
    """A publisher that plays the recording for ever."""
    publisher = Publisher(running.http, f"{running.url}/whip/room", "", audio=True, video=H264)
    await publisher.connect()
    tasks = [
        asyncio.create_task(publisher.run()),
        asyncio.create_task(play(recording, publisher)),
    ]
    try:
        yield publisher
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await publisher.close()


@contextlib.asynccontextmanager
async def receiving(
    running: RunningRelay, loses: Callable[[], bool] | None = None
) -> AsyncIterator[Receiver]:
    """A receiver of one audio and one video slot."""
    receiver = Receiver(running.http, f"{running.url}/whep/room", "", audio=1, video=1, loses=loses)
    await receiver.connect()
    task = asyncio.create_task(receiver.run())
    try:
        yield receiver
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await receiver.close()


async def test_everything_that_was_sent_arrives_once(tmp_path: Path, recording: Recording) -> None:
    async with relay(tmp_path, open_mode=True) as running:
        async with publishing(running, recording), receiving(running) as receiver:
            await until(lambda: receiver.reports.packets > 300)
            assert len(receiver.reports.streams) == 2
            assert receiver.reports.lost == 0
            assert receiver.reports.duplicates == 0
            assert receiver.first_packet_s is not None
            status = await running.control.status("room")
        (seat,) = [p for p in status.peers if p.direction == "subscribe"]
        assert seat.connected


async def test_what_the_line_loses_is_asked_for_again(tmp_path: Path, recording: Recording) -> None:
    seen = lost = 0

    def every_tenth() -> bool:
        nonlocal seen, lost
        seen += 1
        lost += seen % 10 == 0
        return seen % 10 == 0

    async with (
        relay(tmp_path, open_mode=True) as running,
        publishing(running, recording),
        receiving(running, every_tenth) as receiver,
    ):
        await until(lambda: receiver.reports.packets > 400)
        assert await counter(tmp_path / "control.sock", "retransmitted_packets") > 30
    assert lost > 40
    # What was lost came a second time, but for packets lost twice and those still on their way.
    assert receiver.reports.lost < lost / 3
    assert receiver.transport.undecryptable == 0


async def test_nobody_publishing_is_refused_with_advice_when_to_come_back(tmp_path: Path) -> None:
    async with relay(tmp_path, open_mode=True) as running:
        receiver = Receiver(running.http, f"{running.url}/whep/empty", "", audio=1, video=1)
        with pytest.raises(SessionRefusedError) as caught:
            await receiver.connect()
        assert caught.value.status in (404, 409)


async def test_a_missing_token_is_refused(tmp_path: Path) -> None:
    async with relay(tmp_path) as running:
        publisher = Publisher(running.http, f"{running.url}/whip/room", "", audio=True, video=None)
        with pytest.raises(SessionRefusedError) as caught:
            await publisher.connect()
        assert caught.value.status == 401


async def test_goodbye_ends_the_session_on_the_relay(tmp_path: Path, recording: Recording) -> None:
    async with relay(tmp_path, open_mode=True) as running, publishing(running, recording):
        async with receiving(running) as receiver:
            await until(lambda: receiver.reports.packets > 10)
        status = await running.control.status("room")
        assert [p.direction for p in status.peers] == ["publish"]


async def test_a_goodbye_that_is_cut_short_gives_the_socket_back(
    tmp_path: Path, recording: Recording
) -> None:
    async with relay(tmp_path, open_mode=True) as running, publishing(running, recording):
        receiver = Receiver(running.http, f"{running.url}/whep/room", "", audio=1, video=1)
        await receiver.connect()
        closing = asyncio.create_task(receiver.close())
        await asyncio.sleep(0)  # it has begun to say goodbye
        closing.cancel()
        await asyncio.wait([closing])
        assert closing.cancelled()
        assert not receiver.transport.connected


async def test_numbering_and_sender_report_of_an_outgoing_stream() -> None:
    stream = Outgoing.make(H264)
    stream.sequence, stream.timestamp_offset = 0xFFFF, 0xFFFFFFFF
    first = stream.packet(b"abc", 1, marker=False)
    second = stream.packet(b"de", 3001, marker=True)
    assert first[:2] == bytes([0x80, H264])
    assert first[2:4] == b"\xff\xff"
    assert first[4:8] == b"\x00\x00\x00\x00"
    assert second[1] == H264 | 0x80
    assert second[2:4] == b"\x00\x00"
    assert (stream.packets, stream.octets) == (2, 5)
    report = stream.sender_report(time.time())
    assert report[16:20] == second[4:8]


@pytest.mark.parametrize(
    "text", ["", "v=0\r\n", "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\n"]
)
async def test_an_answer_without_transport_is_refused(text: str) -> None:
    with pytest.raises((ValueError, AssertionError)):
        parse_answer(text)
