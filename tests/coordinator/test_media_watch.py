"""What the relay reports: indexed, aged, asked often enough and not more."""

from __future__ import annotations

import asyncio

import pytest

from sync_classroom.coordinator.media_watch import MediaWatch
from sync_classroom.coordinator.ports import IngestStatus, RoomSpec
from sync_classroom.domain.ids import OccurrenceId, SeatId
from tests.support.coordination import RecordedRelay, peer
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio

ONE = OccurrenceId("o-1")
SEAT = SeatId("o-1-s0")


class Seconds:
    """A monotonic clock that is turned."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def _watch(relay: RecordedRelay, seconds: Seconds | None = None) -> MediaWatch:
    watch = MediaWatch(relay, monotonic=seconds or Seconds())
    await watch.refresh()
    return watch


@pytest.mark.parametrize(
    ("source", "last_media_s", "flowing"),
    [
        ("camera", 0.0, True),
        ("screen", 1.9, True),
        ("camera", 2.1, False),
        ("camera", None, False),
        ("seat:o-1-s0", 0.0, False),
    ],
)
async def test_host_flows_while_camera_or_screen_arrived_within_two_seconds(
    source: str, last_media_s: float | None, flowing: bool
) -> None:
    relay = RecordedRelay()
    relay.peers.append(peer("o-1", "host", "publish", source, last_media_s=last_media_s))
    watch = await _watch(relay)
    assert watch.host_flowing(ONE) is flowing
    assert watch.host_flowing(OccurrenceId("o-2")) is False


async def test_host_listening_to_rooms_is_not_host_media() -> None:
    relay = RecordedRelay()
    relay.peers.append(peer("o-1", "host", "subscribe"))
    assert (await _watch(relay)).host_flowing(ONE) is False


async def test_seat_receives_while_it_acknowledges() -> None:
    relay = RecordedRelay()
    relay.peers.append(peer("o-1", SEAT, "subscribe", last_media_s=7.0))
    watch = await _watch(relay)
    assert watch.receiving(ONE, SEAT)
    relay.peers[0] = peer("o-1", SEAT, "subscribe", last_media_s=9.0)
    await watch.refresh()
    assert not watch.receiving(ONE, SEAT)
    assert watch.receiver(ONE, SEAT) == relay.peers[0]


async def test_of_two_receiving_sessions_the_freshest_speaks_for_the_seat() -> None:
    relay = RecordedRelay()
    relay.peers += [
        peer("o-1", SEAT, "subscribe", last_media_s=None),
        peer("o-1", SEAT, "subscribe", last_media_s=0.5),
        peer("o-1", SEAT, "subscribe", last_media_s=4.0),
    ]
    assert (await _watch(relay)).receiver(ONE, SEAT) == relay.peers[1]


async def test_silent_relay_becomes_unknown_and_not_silence_of_the_host() -> None:
    relay, seconds = RecordedRelay(), Seconds()
    await relay.put_room(RoomSpec("o-1"))
    relay.host_flows("o-1")
    watch = await _watch(relay, seconds)
    assert watch.host_flowing(ONE) is True
    relay.down = True
    seconds.now += 2
    assert await watch.refresh() is None
    assert watch.host_flowing(ONE) is True  # two seconds old: still the best that is known
    seconds.now += 2
    await watch.refresh()
    assert watch.host_flowing(ONE) is None
    assert watch.status is None
    assert watch.publishing("o-1") == frozenset()
    relay.down = False
    await watch.refresh()
    assert watch.host_flowing(ONE) is True


async def test_report_grows_old_without_a_poll() -> None:
    relay, seconds = RecordedRelay(), Seconds()
    relay.host_flows("o-1")
    watch = await _watch(relay, seconds)
    seconds.now += 60
    assert watch.host_flowing(ONE) is None


async def test_next_wakes_for_every_poll_answered_or_not() -> None:
    relay = RecordedRelay()
    watch = await _watch(relay)
    seen = watch.generation
    waiting = asyncio.create_task(watch.next(seen))
    relay.down = True
    await watch.refresh()
    assert await asyncio.wait_for(waiting, PATIENCE_S) == seen + 1


async def test_polls_once_a_second_only_while_rooms_exist_or_the_relay_is_gone() -> None:
    relay = RecordedRelay()
    watch = MediaWatch(relay, busy_s=0.01, idle_s=3600)
    task = asyncio.create_task(watch.run())
    await asyncio.wait_for(watch.next(0), PATIENCE_S)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch.next(1), 0.1)  # idle: nothing more comes
    await relay.put_room(RoomSpec("o-1"))
    watch.nudge()
    for seen in range(1, 6):
        await asyncio.wait_for(watch.next(seen), PATIENCE_S)
    await relay.delete_room("o-1")
    relay.down = True
    seen = watch.generation
    for _ in range(4):
        seen = await asyncio.wait_for(watch.next(seen), PATIENCE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_recording_host_is_known_by_its_room_while_the_relay_answers() -> None:
    relay, seconds = RecordedRelay(), Seconds()
    host = IngestStatus("o-1", "push:…", "failed", "waiting", (), 0, 0, None, 3.0, 0)
    relay.ingests.append(host)
    watch = await _watch(relay, seconds)
    assert watch.ingest("o-1") is host
    assert watch.ingest("o-2") is None
    relay.down = True
    seconds.now += 60
    await watch.refresh()
    assert watch.ingest("o-1") is None


async def test_a_meeting_flows_while_anybodys_media_arrives() -> None:
    relay = RecordedRelay()
    watch = MediaWatch(relay)
    assert watch.anybody_flowing("s-1") is None
    relay.peers = [peer("s-1", "t:a", "publish", "seat:t:a", last_media_s=9.0)]
    await watch.refresh()
    assert watch.anybody_flowing("s-1") is False
    relay.peers.append(peer("s-1", "t:b", "publish", "screen:t:b"))
    await watch.refresh()
    assert watch.anybody_flowing("s-1") is True
