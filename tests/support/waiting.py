"""Waiting for a thing to be so, instead of for time to pass."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

#: How long a test waits for what is bound to happen. No promise of the product: long enough for a
#: machine that does a dozen other things, short of pytest's own limit, which ends the whole run.
PATIENCE_S = 90.0


async def until(condition: Callable[[], Any], *, within_s: float = PATIENCE_S) -> Any:
    """What `condition()` (or what it awaits) returns once that is true; AssertionError in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while True:
        outcome = condition()
        if inspect.isawaitable(outcome):
            outcome = await outcome
        if outcome:
            return outcome
        assert loop.time() < deadline, f"still not so after {within_s} s: {outcome!r}"
        await asyncio.sleep(0.005)
