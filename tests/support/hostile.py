"""Chromium watching Chromium over several bad lines at once, and what came of it.

async with relay(folder) as running, watched(running, lines) as watch:
    found = await watch(30.0)  # Figures by line
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Page

from sync_classroom.coordinator.relay_client import RelayClient
from tests.support.browser import launch, open_page
from tests.support.impairment import Impairment, Network, impaired
from tests.support.relay_child import relay_child
from tests.support.relays import settings
from tests.support.whip_page import frames_after, play, publish, stats

FPS: Final = "--use-fake-device-for-media-stream=fps=30"

BAD: Final = Impairment(loss=0.05, delay_s=0.03, jitter_s=0.1)
WORSE: Final = Impairment(loss=0.2, delay_s=0.03, jitter_s=0.1)
OVERTAKING: Final = Impairment(loss=0.05, delay_s=0.03, jitter_s=0.1, reorder=True)
CLEAN: Final = Impairment()


@dataclass
class Relay:
    """A relay of its own process, and a browser beside it."""

    url: str
    media_port: int
    control: RelayClient
    socket: Path
    browser: Browser

    async def paths(self) -> dict[str, str]:
        """How each direction's media go."""
        return {peer.direction: peer.path for peer in (await self.control.status()).peers}


@asynccontextmanager
async def relay(folder: Path, *flags: str, **more: Any) -> AsyncIterator[Relay]:
    """A relay in open mode and a browser whose fake camera makes 30 pictures a second."""
    with relay_child(settings(folder, open_mode=True, **more)) as child:
        assert child.report is not None
        ready = child.report["ready"]
        control = RelayClient(Path(ready["control"]))
        url = f"http://localhost:{ready['http_port']}"
        try:
            async with launch(FPS, *flags) as browser:
                yield Relay(url, ready["media_port"], control, Path(ready["control"]), browser)
        finally:
            await control.close()


@dataclass(frozen=True)
class Line:
    """What lies between the relay and a publisher, and between it and one of its subscribers."""

    publisher: Impairment
    subscriber: Impairment
    name: str


FIVE_PERCENT: Final = (
    Line(CLEAN, BAD, "5 % loss, 100 ms jitter, 60 ms RTT to the subscriber"),
    Line(
        CLEAN,
        OVERTAKING,
        "5 % loss, packets up to 100 ms out of order, 60 ms RTT to the subscriber",
    ),
    Line(BAD, BAD, "5 % loss, 100 ms jitter, 60 ms RTT on both lines"),
)
TWENTY_PERCENT: Final = (
    Line(CLEAN, WORSE, "20 % loss to the subscriber"),
    Line(WORSE, WORSE, "20 % loss on both lines"),
)


@dataclass(frozen=True)
class Figures:
    """Over one look: shares of time, of sound, of datagrams; packets, pictures and sessions."""

    seconds: float
    frozen: float
    """Of the time, as Chromium counts it: a picture that stood much longer than those before."""
    concealed: float
    """Of the sound: made up, because what belonged there had not come."""
    datagrams: int
    lost: int
    """Datagrams to the subscriber, and those of them that the line lost."""
    missing: float
    """Of the packets of sound: those that had not come at all, soon or late, when it was over."""
    resent: int
    """Packets that came as retransmissions (RFC 4588)."""
    shown: int
    sent: int
    """Pictures decoded here, and sent by the publisher, whose line may be bad too."""
    opened: int
    """Sessions opened anew."""
    waits_ms: float | None
    """How long received media is made to wait at least."""


def _figures(
    before: tuple[dict[str, Any], dict[str, Any], int, int],
    after: tuple[dict[str, Any], dict[str, Any], int, int],
) -> Figures:
    (seat, host, datagrams, lost), (seat_now, host_now, datagrams_now, lost_now) = before, after

    def gained(kind: str, field: str) -> float:
        first, last = (found[f"inbound-rtp {kind}"] for found in (seat, seat_now))
        return float(last.get(field, 0) - first.get(field, 0))

    seconds = gained("video", "timestamp") / 1000
    never, came = gained("audio", "packetsLost"), gained("audio", "packetsReceived")
    frames = [found["outbound-rtp video"]["framesSent"] for found in (host, host_now)]
    return Figures(
        seconds,
        gained("video", "totalFreezesDuration") / seconds,
        gained("audio", "concealedSamples") / gained("audio", "totalSamplesReceived"),
        datagrams_now - datagrams,
        lost_now - lost,
        never / (never + came),
        int(gained("video", "retransmittedPacketsReceived")),
        int(gained("video", "framesDecoded")),
        frames[1] - frames[0],
        seat_now["opened"] - seat["opened"],
        seat_now["target"],
    )


Watch = Callable[[float], Awaitable[dict[Line, Figures]]]


@asynccontextmanager
async def watched(running: Relay, lines: tuple[Line, ...]) -> AsyncIterator[Watch]:
    """All lines at once: a room for each kind of publisher's line, watched over each other one.

    Gives a function that watches for so many seconds. What the networks do is the same every time.
    """
    async with AsyncExitStack() as stack:

        async def network(rules: Impairment, seed: int) -> Network:
            return await stack.enter_async_context(
                impaired(running.media_port, up=rules, down=rules, seed=seed)
            )

        hosts: dict[Impairment, tuple[str, Page]] = {}
        for number, rules in enumerate(dict.fromkeys(line.publisher for line in lines)):
            near = await network(rules, number + 1)
            hosts[rules] = f"room{number}", await open_page(running.browser)
            await publish(hosts[rules][1], running.url, f"room{number}", via=near.port, only="udp")
        seats: list[tuple[Line, Page, Network]] = []
        for number, line in enumerate(lines):
            far = await network(line.subscriber, number + 11)
            seat = await open_page(running.browser)
            await play(seat, running.url, hosts[line.publisher][0], via=far.port, only="udp")
            seats.append((line, seat, far))
        for _, seat, _ in seats:
            await frames_after(seat, 10)

        async def look() -> list[tuple[dict[str, Any], dict[str, Any], int, int]]:
            return [
                (
                    await stats(seat),
                    await stats(hosts[line.publisher][1]),
                    far.down.packets,
                    far.down.lost,
                )
                for line, seat, far in seats
            ]

        async def watch(seconds: float) -> dict[Line, Figures]:
            before = await look()
            await asyncio.sleep(seconds)
            pairs = zip(before, await look(), strict=True)
            return {line: _figures(*pair) for (line, _, _), pair in zip(seats, pairs, strict=True)}

        yield watch
