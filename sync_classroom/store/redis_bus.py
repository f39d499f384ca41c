"""The bus between coordinators, over publish/subscribe of Redis 7 or Valkey.

One Redis channel carries everything; each message names the bus channel it is for. Coordinators are
few and signals are small, so hearing them all is cheaper than keeping Redis subscriptions in step
with local ones. Whatever arrives goes to the in-process bus, which has the queues and their bounds.

Nothing is lost silently: after every break of the connection each local subscriber gets a resync,
and channels on which this process could not send get one everywhere once it can again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import RedisError

from ..domain.problems import ProblemError, ProblemKind

log = structlog.get_logger(__name__)

# The Redis channel of this program; another program on the same Redis is not disturbed.
REDIS_CHANNEL: Final = "sync-classroom:bus"
# The client gives up a read after 5 s (its socket_timeout); waiting less leaves that to real
# failures, and is how often a silent connection is asked whether it is alive.
BLOCK_S: Final = 2.0
# A connection that did not even answer a ping for this long is dead, whatever TCP says.
SILENCE_S: Final = 6.0
# A signal that takes longer than this to send is late; the receivers read the store instead.
SEND_TIMEOUT_S: Final = 2.0
# A start that cannot listen for this long says so instead of waiting on.
OPEN_TIMEOUT_S: Final = 10.0
FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 5.0
# A signal says "look"; what to look at is in the store. A larger message is a mistake.
LARGEST_MESSAGE: Final = 256 * 1024
# Channels that are owed a resync; beyond it every channel gets one.
LARGEST_DEBT: Final = 1_000

_RESYNC: Final[Mapping[str, Any]] = {"type": "resync"}
_FAILURES: Final = (RedisError, OSError, TimeoutError)


class FanOut(Protocol):
    """The bus inside this process."""

    def channels(self) -> tuple[str, ...]:
        """Channels that have a subscriber now."""
        ...

    async def publish(self, channel: str, message: Mapping[str, Any]) -> None:
        """To every subscriber in this process."""
        ...

    def subscribe(
        self, channel: str
    ) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, Any]]]:
        """Messages from now on."""
        ...

    async def close(self) -> None:
        """End every subscription."""
        ...


class RedisBus:
    """`Bus` of the coordinator's ports. Made by `open_redis_bus`.

    `reconnects` counts connections after the first, `unsent` messages that could not be sent,
    `unreadable` messages of others that were not ours to understand.
    """

    def __init__(self, redis: Redis, fan_out: FanOut, *, shown: str) -> None:
        self.reconnects = 0
        self.unsent = 0
        self.unreadable = 0
        self._redis = redis
        self._fan_out = fan_out
        self._shown = shown
        self._connected = asyncio.Event()
        self._ever_connected = False
        self._delay_s = FIRST_DELAY_S
        self._owed: set[str] = set()
        self._owed_everywhere = False
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: str, fan_out: FanOut, *, shown: str) -> RedisBus:
        """Connect and start listening; ProblemError `bus_unreachable` if that fails.

        A message that was sent may have arrived although no answer came, so nothing is sent twice:
        the client's own retries are off.
        """
        redis = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=SEND_TIMEOUT_S,
            health_check_interval=0,
        )
        bus = cls(redis, fan_out, shown=shown)
        try:
            await redis.ping()  # says why it fails; the reader would only try again
            bus._reader = asyncio.create_task(bus._keep_reading(), name="redis-bus")
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await bus._connected.wait()
        except _FAILURES as error:
            await bus.close()
            raise _unreachable(shown, error) from error
        except BaseException:
            await bus.close()
            raise
        return bus

    async def publish(self, channel: str, message: Mapping[str, Any]) -> None:
        """Send a JSON-able message to every subscriber, in this process too.

        Returns when Redis has it. If it cannot be sent, subscribers get a resync instead: those of
        this process now, the others as soon as Redis is back. Raises TypeError or ValueError for a
        message that is not JSON or larger than `LARGEST_MESSAGE`.
        """
        envelope = _envelope(channel, message)
        if self._connected.is_set():
            try:
                await self._send(envelope)
            except _FAILURES as error:
                log.debug("bus.send_failed", error=str(error))
            else:
                return
        await self._owe(channel)

    def subscribe(
        self, channel: str
    ) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, Any]]]:
        """Messages from now on; a resync after every break of the connection."""
        return self._fan_out.subscribe(channel)

    async def close(self) -> None:
        """End every subscription and the connection."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None
        self._connected.clear()
        await self._fan_out.close()
        await self._redis.aclose()

    # ------------------------------------------------------------------ sending

    async def _send(self, envelope: str) -> None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await self._redis.publish(REDIS_CHANNEL, envelope)

    async def _owe(self, channel: str) -> None:
        """Remember that this channel missed something."""
        self.unsent += 1
        if len(self._owed) < LARGEST_DEBT:
            self._owed.add(channel)
        else:
            self._owed_everywhere = True
        await self._fan_out.publish(channel, _RESYNC)

    async def _settle(self) -> None:
        """Tell everybody which channels missed something; what fails is owed still."""
        if self._owed_everywhere:
            await self._send(_envelope("*", _RESYNC))
            self._owed_everywhere = False
            self._owed.clear()
        for channel in sorted(self._owed):
            await self._send(_envelope(channel, _RESYNC))
            self._owed.discard(channel)

    # ------------------------------------------------------------------ receiving

    async def _keep_reading(self) -> None:
        """Listen for ever; a lost connection is made again after a pause that doubles."""
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await subscription.subscribe(REDIS_CHANNEL)
                    await self._listen(subscription)
            except _FAILURES as error:
                if self._connected.is_set():
                    log.warning("bus.disconnected", bus=self._shown, error=str(error))
            except Exception:
                log.exception("bus.reader_failed", bus=self._shown)
            finally:
                self._connected.clear()
            await asyncio.sleep(self._delay_s)
            self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)

    async def _listen(self, subscription: PubSub) -> None:
        """Deliver messages until the connection fails; always raises."""
        loop = asyncio.get_running_loop()
        heard_at = loop.time()
        while True:
            message = await subscription.get_message(timeout=BLOCK_S)
            if message is None:
                if loop.time() - heard_at > SILENCE_S:
                    raise LostConnectionError("no answer to a ping")
                await subscription.ping()
                continue
            heard_at = loop.time()
            if message["type"] == "subscribe":
                await self._on_connected()
            elif message["type"] == "message":
                await self._deliver(message["data"])

    async def _on_connected(self) -> None:
        """Everybody here may have missed something, and others may have missed ours.

        The client can reconnect by itself, before it reports the failure; its second confirmation
        on one subscription therefore counts as a reconnection like any other.
        """
        self._connected.set()
        self._delay_s = FIRST_DELAY_S
        if self._ever_connected:
            self.reconnects += 1
            log.info("bus.reconnected", bus=self._shown)
            await self._resync_all()
        self._ever_connected = True
        await self._settle()

    async def _resync_all(self) -> None:
        for channel in self._fan_out.channels():
            await self._fan_out.publish(channel, _RESYNC)

    async def _deliver(self, data: bytes) -> None:
        try:
            envelope = json.loads(data)
            channel, message = envelope["channel"], envelope["message"]
            if not isinstance(channel, str) or not isinstance(message, dict):
                raise TypeError("not an envelope")
        except (ValueError, TypeError, KeyError, RecursionError):
            self.unreadable += 1
            log.debug("bus.unreadable", bus=self._shown)
            return
        if channel == "*":
            await self._resync_all()
        else:
            await self._fan_out.publish(channel, message)


def _envelope(channel: str, message: Mapping[str, Any]) -> str:
    text = json.dumps({"channel": channel, "message": dict(message)}, allow_nan=False)
    if len(text) > LARGEST_MESSAGE:
        raise ValueError(
            f"message of {len(text)} characters on {channel!r} is larger than {LARGEST_MESSAGE}"
        )
    return text


def _unreachable(shown: str, error: BaseException) -> ProblemError:
    said = str(error) or type(error).__name__
    return ProblemError(
        "bus_unreachable",
        f"连不上消息总线 {shown}（{said}）。请检查 Redis 或 Valkey 是否在运行，以及 store.redis_url"
        " 中的主机、端口和密码；只用一台服务器时可以不设 store.redis_url。",
        f"the bus {shown} does not answer ({said}): check that Redis or Valkey is running, and"
        " host, port and password in store.redis_url; a single server needs no store.redis_url",
        kind=ProblemKind.UNAVAILABLE,
        field="store.redis_url",
        value=shown,
    )
