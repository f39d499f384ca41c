"""Holding one session with the relay for as long as everything that belongs to it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from .client import Publisher, Receiver
from .transport import TransportError


async def hold(
    session: Publisher | Receiver, *works: Coroutine[Any, Any, Any], name: str
) -> TransportError | None:
    """Run a session until it or the first of `works` ends, and close it.

    Returns what broke its transport, if that was why; raises what else went wrong.
    """
    running = [
        asyncio.create_task(work, name=f"{name} {number}")
        for number, work in enumerate((session.run(), *works))
    ]
    try:
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in running:
            task.cancel()
        results = await asyncio.gather(*running, return_exceptions=True)
        await asyncio.shield(session.close())
    broken = None
    for result in results:
        if isinstance(result, TransportError):
            broken = result
        elif isinstance(result, Exception):
            raise result
    return broken
