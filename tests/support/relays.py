"""A whole relay in the test's own loop, or one of its parts, with real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from aiohttp.connector import UnixConnector

from sync_classroom.coordinator.relay_client import RelayClient
from sync_classroom.coordinator.tokens import TokenMinter
from sync_classroom.relay.server import ServerInfo, run
from sync_classroom.relay.settings import Listen, RelaySettings


def settings(folder: Path, **more: Any) -> RelaySettings:
    """Loopback, ports of the system's choice, everything under `folder`."""
    chosen = RelaySettings(
        media=Listen("127.0.0.1", 0),
        http=Listen("127.0.0.1", 0),
        control=folder / "control.sock",
        journal_dir=folder / "journal",
        max_load=1.0,  # a slow machine's load is not what is tested
    )
    return replace(chosen, **more)


@dataclass(slots=True)
class RunningRelay:
    """A relay that serves, with a client for its public side and one for its control."""

    settings: RelaySettings
    info: ServerInfo
    http: ClientSession
    control: RelayClient
    minter: TokenMinter

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.info.http_port}"

    def token(self, direction: str, room: str, peer: str, **more: Any) -> str:
        """A token that is valid now."""
        now = datetime.now(UTC)
        span = {"not_before": now - timedelta(minutes=1), "expires": now + timedelta(minutes=5)}
        if direction == "publish":
            return self.minter.publish(room, peer, **(span | more))
        return self.minter.subscribe(room, peer, **(span | more))


@asynccontextmanager
async def relay(folder: Path, **more: Any) -> AsyncIterator[RunningRelay]:
    """Run a relay of `settings(folder, **more)` until the context ends."""
    minter = TokenMinter(folder / "tokens.json")
    chosen = settings(folder, keys=tuple(minter.public_keys()), **more)
    started: asyncio.Future[ServerInfo] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run(chosen, ready=started.set_result), name="relay")
    await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    address, secret = started.result().control or "", chosen.control_secret
    host, _, port = address.rpartition(":")
    control = RelayClient(Path(address)) if not secret else RelayClient((host, int(port)), secret)
    try:
        async with ClientSession() as http:
            yield RunningRelay(chosen, started.result(), http, control, minter)
    finally:
        await control.close()
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()


async def scrape(control: Path) -> str:
    """What the relay at this control socket tells Prometheus."""
    async with (
        ClientSession(connector=UnixConnector(str(control))) as session,
        session.get("http://relay/metrics") as response,
    ):
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        return await response.text()


async def counter(control: Path, name: str) -> int:
    """One counter of the relay by its name without prefix and `_total`."""
    start = f"sync_classroom_relay_{name}_total "
    (line,) = [line for line in (await scrape(control)).splitlines() if line.startswith(start)]
    return int(float(line.removeprefix(start)))
