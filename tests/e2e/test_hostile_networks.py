"""Chromium to Chromium through networks as schools have them, by the terminal's own scripts.

Figures are printed; what is asserted is what the aims say.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser

from sync_classroom.coordinator.relay_client import RelayClient
from tests.support.browser import launch, open_page
from tests.support.coturn import SECRET, coturn
from tests.support.impairment import Impairment, Network, impaired
from tests.support.relay_child import relay_child
from tests.support.relays import counter, settings
from tests.support.whip_page import frames_after, play, publish, stats

pytestmark = [pytest.mark.asyncio, pytest.mark.browser]

FPS: Final = "--use-fake-device-for-media-stream=fps=30"
SETTLE_S: Final = 8.0
"""What a receiver has for learning what its line is like; it is not part of the figures."""
MEASURE_S: Final = 30.0


@dataclass
class Relay:
    """A relay of its own process, and a browser beside it."""

    url: str
    media_port: int
    control: RelayClient
    socket: Path
    browser: Browser

    async def paths(self) -> dict[str, str]:
        return {peer.direction: peer.path for peer in (await self.control.status()).peers}


@asynccontextmanager
async def relay(folder: Path, *flags: str, **more: Any) -> AsyncIterator[Relay]:
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


async def test_media_go_by_tcp_where_udp_does_not_get_through(tmp_path: Path) -> None:
    nothing = Impairment(loss=1.0)
    async with relay(tmp_path) as running, impaired(running.media_port, up=nothing) as shut:
        host, seat = [await open_page(running.browser) for _ in range(2)]
        await publish(host, running.url, "lesson", via=shut.port)
        await play(seat, running.url, "lesson", via=shut.port)
        took = await frames_after(seat, 60)
        print(f"60 frames by TCP {took:.1f} s after asking, with UDP shut")
        assert shut.up.lost > 0
        assert await running.paths() == {"publish": "tcp", "subscribe": "tcp"}
        assert [(await stats(page))["path"] for page in (host, seat)] == ["tcp", "tcp"]
        assert await counter(running.socket, "tcp_connections") == 2
        assert (await stats(seat))["inbound-rtp audio"]["concealedSamples"] < 48_000


@pytest.mark.parametrize("kind", ["turn-udp", "turn-tcp", "turn-tls"])
async def test_media_go_through_a_turn_server_by_every_way(tmp_path: Path, kind: str) -> None:
    """coturn as deploy/coturn configures it, passwords as a WHIP answer hands them out."""
    async with (
        coturn(tmp_path) as turn,
        relay(
            tmp_path,
            "--ignore-certificate-errors",
            turn_urls=tuple(turn.urls.values()),
            turn_secret=SECRET,
        ) as running,
    ):
        asking, host, seat = [await open_page(running.browser) for _ in range(3)]
        answers: list[str] = []
        asking.on(
            "response",
            lambda r: answers.append(r.headers.get("link", "")) if "/whip/" in r.url else None,
        )
        await publish(asking, running.url, "other")
        while not answers:
            await asking.wait_for_timeout(50)
        servers = [
            {"urls": [found[0]], "username": found[1], "credential": found[2]}
            for found in re.findall(
                r'<(\S+)>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"', answers[0]
            )
        ]
        assert [server["urls"][0] for server in servers] == list(turn.urls.values())
        chosen = [server for server in servers if server["urls"] == [turn.urls[kind]]]
        ice = {"iceServers": chosen, "iceTransportPolicy": "relay"}
        await publish(host, running.url, "lesson", ice=ice)
        await play(seat, running.url, "lesson", ice=ice)
        took = await frames_after(seat, 60)
        print(f"{kind}: 60 frames through coturn after {took:.1f} s")
        for page in (host, seat):
            found = await stats(page)
            assert found["local"]["candidateType"] == "relay"
            assert (found["path"], found["opened"]) == (kind, 1)
        assert SECRET not in turn.log.read_text()


async def test_a_nat_that_forgets_costs_a_moment_and_no_handshake(tmp_path: Path) -> None:
    """Both peers get other ports under their feet, as after a change of Wi-Fi."""
    async with relay(tmp_path) as running, impaired(running.media_port) as network:
        host, seat = [await open_page(running.browser) for _ in range(2)]
        await publish(host, running.url, "lesson", via=network.port, only="udp")
        await play(seat, running.url, "lesson", via=network.port, only="udp")
        await frames_after(seat, 60)
        for _ in range(2):
            network.rebind()
            took = await frames_after(seat, 30)
            print(f"30 frames {took:.1f} s after both peers' ports changed")
            assert took < 8
        found = await stats(seat)
        assert (found["opened"], (await stats(host))["opened"]) == (1, 1)
        assert found["transport"]["dtlsState"] == "connected"
        assert await counter(running.socket, "sessions_opened") == 2
        assert network.rebinds == 2


BAD: Final = Impairment(loss=0.05, delay_s=0.03, jitter_s=0.1)
WORSE: Final = Impairment(loss=0.2, delay_s=0.03, jitter_s=0.1)
OVERTAKING: Final = Impairment(loss=0.05, delay_s=0.03, jitter_s=0.1, reorder=True)
CLEAN: Final = Impairment()


@dataclass(frozen=True)
class Line:
    """What lies between the relay and a publisher, and between it and one of its subscribers."""

    publisher: Impairment
    subscriber: Impairment
    name: str


FIVE_PERCENT: Final = (
    Line(CLEAN, BAD, "5 % loss, 100 ms jitter, 60 ms RTT to the subscriber"),
    Line(CLEAN, OVERTAKING, "the same with packets that overtake each other"),
    Line(BAD, BAD, "5 % loss, 100 ms jitter, 60 ms RTT on both lines"),
)
TWENTY_PERCENT: Final = (
    Line(CLEAN, WORSE, "20 % loss to the subscriber"),
    Line(WORSE, WORSE, "20 % loss on both lines"),
)


@dataclass(frozen=True)
class Figures:
    """Shares over `MEASURE_S` seconds of what Chromium says it received."""

    frozen: float
    concealed: float
    lost: float
    opened: int


def figures(line: Line, before: dict[str, Any], after: dict[str, Any], far: Network) -> Figures:
    """What was received between two looks; printed as well."""

    def gained(kind: str, field: str) -> float:
        first, last = (found[f"inbound-rtp {kind}"] for found in (before, after))
        return float(last.get(field, 0) - first.get(field, 0))

    span_s = gained("video", "timestamp") / 1000
    found = Figures(
        gained("video", "totalFreezesDuration") / span_s,
        gained("audio", "concealedSamples") / gained("audio", "totalSamplesReceived"),
        far.down.lost / far.down.packets,
        after["opened"] - before["opened"],
    )
    print(
        f"{line.name}: frozen {found.frozen:.2%} of {span_s:.0f} s,"
        f" {gained('video', 'framesDecoded') / span_s:.1f} fps, sound concealed"
        f" {found.concealed:.2%}, played {after['target']} ms late at least;"
        f" {found.lost:.1%} of {far.down.packets} packets to it lost"
    )
    return found


async def measured(folder: Path, lines: tuple[Line, ...]) -> dict[Line, Figures]:
    """All lines at once: a room for each kind of publisher's line, watched over each other one."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(relay(folder))

        async def network(rules: Impairment, seed: int) -> Network:
            return await stack.enter_async_context(
                impaired(running.media_port, up=rules, down=rules, seed=seed)
            )

        rooms = list(dict.fromkeys(line.publisher for line in lines))
        for number, rules in enumerate(rooms):
            near = await network(rules, number + 1)
            host = await open_page(running.browser)
            await publish(host, running.url, f"room{number}", via=near.port, only="udp")
        seats = []
        for number, line in enumerate(lines):
            far = await network(line.subscriber, number + 11)
            seat = await open_page(running.browser)
            room = f"room{rooms.index(line.publisher)}"
            await play(seat, running.url, room, via=far.port, only="udp")
            seats.append((line, seat, far))
        for _, seat, _ in seats:
            await frames_after(seat, 10)
        await asyncio.sleep(SETTLE_S)
        before = [await stats(seat) for _, seat, _ in seats]
        await asyncio.sleep(MEASURE_S)
        return {
            line: figures(line, then, await stats(seat), far)
            for then, (line, seat, far) in zip(before, seats, strict=True)
        }


@pytest.mark.measured
async def test_five_percent_loss_freezes_one_percent_at_most(tmp_path: Path) -> None:
    for line, found in (await measured(tmp_path, FIVE_PERCENT)).items():
        assert found.lost > 0.03, line
        assert found.frozen <= 0.01, line
        assert found.concealed <= 0.01, line
        assert found.opened == 0, line


@pytest.mark.measured
async def test_twenty_percent_loss_keeps_the_sound(tmp_path: Path) -> None:
    for line, found in (await measured(tmp_path, TWENTY_PERCENT)).items():
        assert found.lost > 0.15, line
        assert found.concealed <= 0.05, line
        assert found.opened == 0, line
