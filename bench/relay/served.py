"""The whole relay process as it is run for real, WHIP and WHEP over HTTP; asked what it holds."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.machine import CpuMeter, rss_bytes
from sync_classroom.relay.logs import configure_logs
from sync_classroom.relay.memory import give_back, settle
from sync_classroom.relay.server import ServerInfo, run
from sync_classroom.relay.settings import (
    Listen,
    RelaySettings,
    settings_from_json,
    settings_to_json,
)


def serve(pipe: Connection, settings: dict[str, Any], log: str) -> None:
    """The child's main function; ends by SIGTERM, as the relay does."""
    configure_logs("warning", Path(log))
    asyncio.run(_serve(pipe, settings_from_json(settings)))


async def _serve(pipe: Connection, settings: RelaySettings) -> None:
    def command() -> None:
        pipe.recv()
        pipe.send(objects())

    def ready(info: ServerInfo) -> None:
        settle()  # as the command does
        pipe.send(info)

    loop = asyncio.get_running_loop()
    loop.add_reader(pipe.fileno(), command)
    await run(settings, ready=ready)
    loop.remove_reader(pipe.fileno())


def objects() -> dict[str, int]:
    """Objects of this process by type, those that only hang in cycles collected first.

    What they leave free is given back, so that resident memory afterwards is what is held.
    """
    gc.unfreeze()
    gc.collect()
    found = dict(Counter(type(found).__qualname__ for found in gc.get_objects()))
    settle()
    give_back()
    return found


class Served:
    """A relay that serves. `url` is its public side."""

    def __init__(self, pipe: Connection, info: ServerInfo) -> None:
        self._pipe = pipe
        self.pid = info.pid
        self.url = f"http://127.0.0.1:{info.http_port}"
        self.cpu = CpuMeter(info.pid)

    async def objects(self) -> dict[str, int]:
        """What it holds now, by type."""
        self._pipe.send("objects")
        found: dict[str, int] = await asyncio.to_thread(self._pipe.recv)
        return found

    def rss_bytes(self) -> int:
        """Its resident memory now."""
        return rss_bytes(self.pid)


@asynccontextmanager
async def served(folder: Path, **more: Any) -> AsyncIterator[Served]:
    """Run a relay in open mode until the context ends; journal and log go to `folder`.

    `more` are further settings.
    """
    settings = RelaySettings(
        media=Listen("127.0.0.1", 0),
        http=Listen("127.0.0.1", 0),
        journal_dir=folder / "journal",
        open_mode=True,
        **more,
    )
    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    process = context.Process(
        target=serve,
        args=(other, settings_to_json(settings), str(folder / "relay.log")),
        daemon=True,
    )
    process.start()
    other.close()
    try:
        info = await asyncio.to_thread(pipe.recv)
        yield Served(pipe, info)
        if process.pid is not None and process.is_alive():
            process.terminate()
        await asyncio.to_thread(process.join, 10)
        if process.exitcode not in (0, -signal.SIGTERM):
            sys.exit(f"the relay ended with {process.exitcode}: {folder / 'relay.log'}")
    except EOFError:
        sys.exit("the relay under test ended early")
    finally:
        if process.is_alive():
            process.kill()
        process.join()
