"""Which coordinator drives lessons: a lease row with an epoch, kept alive while we live.

The lease never makes a lesson correct, it only saves work: every transition is stored
optimistically, so two coordinators that both believe they lead still write each transition once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

import structlog

from ..domain.problems import ProblemError
from .ports import LeaseStore

log = structlog.get_logger(__name__)

# A coordinator that dies is replaced after this long; lessons and media go on meanwhile.
LEASE_S: Final = 15.0
# Two renewals may fail before the lease is lost.
RENEW_S: Final = 5.0
# Our clock and the database's run at slightly different speeds; stop acting a little early.
MARGIN_S: Final = 1.0


class LeaseKeeper:
    """Takes and renews the lease for `holder`; `leading` is true only while it is surely ours."""

    def __init__(
        self,
        store: LeaseStore,
        holder: str,
        *,
        for_s: float = LEASE_S,
        renew_s: float = RENEW_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._holder = holder
        self._for_s = for_s
        self._renew_s = renew_s
        self._monotonic = monotonic
        self._until = float("-inf")
        self._epoch = 0
        self._own_epoch = 0
        self._reigns = 0
        self._changed = asyncio.Condition()

    @property
    def leading(self) -> bool:
        """Whether this coordinator may act on lessons of its own accord."""
        return self._monotonic() < self._until

    @property
    def epoch(self) -> int:
        """The epoch of our own last reign, 0 before the first; steps are stored in its name only.

        Never another's, though it was seen: what we decided while we led is void under it.
        """
        return self._own_epoch

    @property
    def reigns(self) -> int:
        """How often this coordinator has come to lead; a new number means: look at everything."""
        return self._reigns

    async def renew(self) -> bool:
        """Try to take or keep the lease now; whether we lead. A silent store is not an answer."""
        asked_at = self._monotonic()
        was_leading = self.leading
        try:
            lease = await self._store.hold_lease(self._holder, for_s=self._for_s)
        except ProblemError as problem:
            log.error(
                "lease.renew_failed", leading=was_leading, code=problem.code, problem=problem.en
            )
            return self.leading
        except Exception:  # whatever the database says, a lease that lapses is the safe outcome
            log.exception("lease.renew_failed", leading=was_leading)
            return self.leading
        ours = lease.holder == self._holder
        if ours:
            self._own_epoch = lease.epoch
        # From before the question was asked: the answer may have taken long to arrive.
        self._until = asked_at + self._for_s - MARGIN_S if ours else float("-inf")
        if ours and (not was_leading or lease.epoch != self._epoch):
            self._reigns += 1
            log.info("lease.taken", holder=self._holder, epoch=lease.epoch)
        elif was_leading and not ours:
            log.warning("lease.lost", to=lease.holder, epoch=lease.epoch)
        self._epoch = lease.epoch
        async with self._changed:
            self._changed.notify_all()
        return self.leading

    def lost(self) -> None:
        """The store says that another leads: do not, until a renewal says otherwise."""
        if self.leading:
            log.warning("lease.lost", epoch=self._epoch)
        self._until = float("-inf")

    async def reign_after(self, reigns: int) -> int:
        """Wait until we lead in a later reign than `reigns`; return its number."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.leading and self._reigns > reigns)
            return self._reigns

    async def run(self) -> None:
        """Renew for ever; on a clean stop give the lease up, so that another takes it at once."""
        try:
            while True:
                await self.renew()
                await asyncio.sleep(self._renew_s)
        finally:
            self._until = float("-inf")
            with contextlib.suppress(Exception):  # it lapses by itself
                async with asyncio.timeout(MARGIN_S):
                    await self._store.release_lease(self._holder)
