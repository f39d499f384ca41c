"""A loop whose time is the next timer: hours pass in the time that the work in them takes.

Time stands still while anything is to be done, a transaction of the database included, and jumps
to the next timer when nothing is. The wall clock goes with it, and may be stepped like a real one;
so may the database's, which is never stepped.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar
from unittest.mock import patch

import time_machine

from sync_classroom.store.engine import Transactions
from sync_classroom.store.lease import LeaseQueries
from tests.support.waiting import PATIENCE_S

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    """Waits only for what is under way; otherwise lets time jump."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump
        self.under_way = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        if self.under_way or timeout is None:
            found = super().select(PATIENCE_S)  # a transaction silent for so long hangs
            if not found:
                raise AssertionError(f"{self.under_way} transactions hang")
            return found
        self._jump(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `now` is when it began, aware."""

    def __init__(self, now: datetime) -> None:
        self._virtual_s = 0.0
        self._began = now
        self.selector = _Jumping(self._pass)
        self._stack = ExitStack()
        self._wall = self._stack.enter_context(time_machine.travel(now, tick=False))
        super().__init__(self.selector)

    def time(self) -> float:
        """The loop's own time in seconds: never stepped."""
        return self._virtual_s

    def true_now(self) -> datetime:
        """What a clock that nobody steps would show."""
        return self._began + timedelta(seconds=self._virtual_s)

    def step(self, **duration: float) -> None:
        """Step the wall clock as a person or NTP would."""
        self._wall.shift(timedelta(**duration))

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Time stands still inside: threads are at work of which the loop does not know."""
        self.selector.under_way += 1
        try:
            yield
        finally:
            self.selector.under_way -= 1

    def close(self) -> None:
        super().close()
        self._stack.close()

    def _pass(self, seconds: float) -> None:
        self._virtual_s += seconds
        self._wall.shift(seconds)


def run_virtual(now: datetime, main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run `main` on a virtual loop that begins at `now`; what it returns."""
    loop = VirtualLoop(now)
    counted = {name: _counting(getattr(Transactions, name)) for name in ("read", "write")}

    def database_now(_: LeaseQueries) -> str:
        return str(round(loop.true_now().timestamp() * 1_000_000))

    with ExitStack() as stack:
        for name, method in counted.items():
            stack.enter_context(patch.object(Transactions, name, method))
        stack.enter_context(patch.object(LeaseQueries, "_now_us", database_now))
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(main(loop))


def on_virtual_loop(
    now: datetime,
) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Callable[..., None]]:
    """A test that runs on a loop of its own whose time begins at `now`; `loop` is not passed."""

    def decorate(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**fixtures: Any) -> None:
            run_virtual(now, lambda _: test(**fixtures))

        return run

    return decorate


def _counting(transaction: Callable[..., Any]) -> Callable[..., Any]:
    """A transaction whose being under way keeps time from passing."""

    @asynccontextmanager
    async def counted(self: Transactions) -> AsyncIterator[Any]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        with loop.busy():
            async with transaction(self) as connection:
                yield connection

    return counted
