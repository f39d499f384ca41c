"""One contract for every bus: in one process, and between two processes over a real Valkey."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import NamedTuple

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from sync_classroom.coordinator.local_bus import LocalBus
from sync_classroom.coordinator.ports import Bus
from sync_classroom.domain.problems import ProblemError
from sync_classroom.store.bus import open_redis_bus
from sync_classroom.store.redis_bus import LARGEST_DEBT, RedisBus
from tests.support.databases import Valkey
from tests.support.proxies import TcpProxy
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio


class Ends(NamedTuple):
    """A bus as the sender has it and as the receiver has it."""

    here: Bus
    there: Bus


@pytest_asyncio.fixture(params=["local", pytest.param("redis", marks=pytest.mark.valkey)])
async def ends(request: pytest.FixtureRequest) -> AsyncIterator[Ends]:
    if request.param == "local":
        bus = LocalBus()
        yield Ends(bus, bus)
        await bus.close()
        return
    valkey: Valkey = request.getfixturevalue("valkey")
    here = await open_redis_bus(valkey.url, LocalBus())
    there = await open_redis_bus(valkey.url, LocalBus())
    yield Ends(here, there)
    await here.close()
    await there.close()


async def test_a_message_reaches_every_subscriber_the_sender_s_process_included(
    ends: Ends,
) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with ends.here.subscribe("plan") as mine, ends.there.subscribe("plan") as theirs:
            await ends.here.publish("plan", {"type": "changed", "id": "一", "n": [1, None, 2.5]})
            expected = {"type": "changed", "id": "一", "n": [1, None, 2.5]}
            assert await anext(mine) == expected
            assert await anext(theirs) == expected


async def test_messages_keep_their_order_and_their_channel(ends: Ends) -> None:
    async with asyncio.timeout(PATIENCE_S), ends.there.subscribe("a") as messages:
        for n in range(200):
            await ends.here.publish("b", {"n": -n})
            await ends.here.publish("a", {"n": n})
        assert [(await anext(messages))["n"] for _ in range(200)] == list(range(200))


async def test_a_subscriber_hears_nothing_from_before_it_came(ends: Ends) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with ends.there.subscribe("plan") as early:
            await ends.here.publish("plan", {"n": 1})
            assert await anext(early) == {"n": 1}
            async with ends.there.subscribe("plan") as late:
                await ends.here.publish("plan", {"n": 2})
                assert await anext(late) == {"n": 2}


async def test_no_two_subscribers_share_a_message(ends: Ends) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with ends.there.subscribe("plan") as one, ends.there.subscribe("plan") as two:
            await ends.here.publish("plan", {"seats": ["s1"]})
            first = await anext(one)
            first["seats"].append("s2")
            assert await anext(two) == {"seats": ["s1"]}


async def test_a_message_that_is_not_json_is_refused_to_its_sender(ends: Ends) -> None:
    with pytest.raises(TypeError):
        await ends.here.publish("plan", {"at": object()})
    with pytest.raises(ValueError, match="JSON compliant"):
        await ends.here.publish("plan", {"rate": float("nan")})


async def test_closing_ends_every_subscription(ends: Ends) -> None:
    async with asyncio.timeout(PATIENCE_S), ends.there.subscribe("plan") as messages:
        waiting = asyncio.ensure_future(_all_of(messages))
        await asyncio.sleep(0)
        await ends.there.close()
        assert await waiting == []
        async with ends.there.subscribe("plan") as later:
            assert await _all_of(later) == []


async def _all_of(messages: AsyncIterator[object]) -> list[object]:
    return [message async for message in messages]


# ---------------------------------------------------------------------------- Redis only

Connect = Callable[[str], Awaitable[RedisBus]]


@pytest_asyncio.fixture
async def connect() -> AsyncIterator[Connect]:
    """Opens buses that are closed at the end of the test."""
    async with AsyncExitStack() as stack:

        async def opened(url: str) -> RedisBus:
            bus = await open_redis_bus(url, LocalBus())
            stack.push_async_callback(bus.close)
            return bus

        yield opened


@pytest.mark.valkey
async def test_after_valkey_was_killed_and_started_again_subscribers_get_a_resync_and_messages(
    valkey: Valkey, connect: Connect
) -> None:
    here, there = await connect(valkey.url), await connect(valkey.url)
    async with asyncio.timeout(PATIENCE_S):
        async with (
            there.subscribe("plan") as plan,
            there.subscribe("quiet") as quiet,
            here.subscribe("plan") as mine,
        ):
            valkey.kill()
            valkey.start()
            assert await anext(plan) == {"type": "resync"}
            assert await anext(quiet) == {"type": "resync"}
            assert await anext(mine) == {"type": "resync"}
            assert (here.reconnects, there.reconnects) == (1, 1)
            await here.publish("plan", {"n": 1})
            assert await anext(plan) == {"n": 1}
            assert await anext(mine) == {"n": 1}


@pytest.mark.valkey
async def test_what_could_not_be_sent_becomes_a_resync_here_at_once_and_there_later(
    valkey: Valkey, connect: Connect
) -> None:
    cable = TcpProxy(valkey.port)
    await cable.mend()
    here = await connect(f"redis://127.0.0.1:{cable.port}/0")
    there = await connect(valkey.url)
    async with asyncio.timeout(PATIENCE_S):
        async with (
            here.subscribe("plan") as mine,
            there.subscribe("plan") as theirs,
            there.subscribe("other") as others,
        ):
            await cable.cut()
            await here.publish("plan", {"n": 1})
            assert await anext(mine) == {"type": "resync"}
            assert here.unsent == 1

            await cable.mend()
            assert await anext(theirs) == {"type": "resync"}
            assert there.reconnects == 0
            assert await anext(mine) == {"type": "resync"}  # for what the others sent meanwhile
            assert here.reconnects == 1

            await there.publish("other", {"n": 2})
            assert await anext(others) == {"n": 2}  # nothing of this channel was lost
    await here.close()
    await cable.cut()


@pytest.mark.valkey
async def test_more_channels_in_debt_than_are_remembered_become_a_resync_of_all(
    valkey: Valkey, connect: Connect
) -> None:
    cable = TcpProxy(valkey.port)
    await cable.mend()
    here = await connect(f"redis://127.0.0.1:{cable.port}/0")
    there = await connect(valkey.url)
    async with asyncio.timeout(PATIENCE_S), there.subscribe("untouched") as theirs:
        await cable.cut()
        for n in range(LARGEST_DEBT + 1):
            await here.publish(f"channel-{n}", {"n": n})
        assert here.unsent == LARGEST_DEBT + 1
        await cable.mend()
        assert await anext(theirs) == {"type": "resync"}
    await here.close()
    await cable.cut()


@pytest.mark.valkey
async def test_foreign_messages_on_the_redis_channel_are_counted_and_passed_over(
    valkey: Valkey, connect: Connect
) -> None:
    bus = await connect(valkey.url)
    stranger = Redis.from_url(valkey.url)
    async with asyncio.timeout(PATIENCE_S), bus.subscribe("plan") as messages:
        for rubbish in (b"\xff\x00", b"[]", b'{"channel": 1, "message": {}}', b"[" * 100_000):
            await stranger.publish("sync-classroom:bus", rubbish)
        await bus.publish("plan", {"n": 1})
        assert await anext(messages) == {"n": 1}
        assert bus.unreadable == 4
    await stranger.aclose()


@pytest.mark.valkey
async def test_a_message_that_is_too_large_is_refused_to_its_sender(
    valkey: Valkey, connect: Connect
) -> None:
    bus = await connect(valkey.url)
    with pytest.raises(ValueError, match="larger than 262144"):
        await bus.publish("plan", {"text": "x" * 300_000})


@pytest.mark.valkey
async def test_an_unreachable_redis_is_a_problem_that_hides_the_password(valkey: Valkey) -> None:
    valkey.kill()
    url = valkey.url.replace("redis://", "redis://user:pass-word@")
    with pytest.raises(ProblemError) as caught:
        await open_redis_bus(url, LocalBus())
    assert caught.value.code == "bus_unreachable"
    assert caught.value.value == valkey.url
    assert "pass-word" not in caught.value.zh + caught.value.en
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("url", ["http://host/", "redis://host:port/", "", "内存"])
async def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ProblemError) as caught:
        await open_redis_bus(url, LocalBus())
    assert caught.value.code == "bus_url"


async def test_a_missing_client_is_named_with_the_way_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    monkeypatch.delitem(sys.modules, "sync_classroom.store.redis_bus", raising=False)
    monkeypatch.delattr("sync_classroom.store.redis_bus", raising=False)
    importlib.invalidate_caches()
    with pytest.raises(ProblemError) as caught:
        await open_redis_bus("redis://localhost/0", LocalBus())
    assert caught.value.code == "bus_driver_missing"
    assert "sync-classroom[redis]" in caught.value.en
