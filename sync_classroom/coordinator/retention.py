"""Deletes in the night what has been kept long enough, in the coordinator that leads.

Media are the relay's to delete and reports' files their own coordinator's; everything else are rows
of the database, deleted some at a time so that nobody waits for it. Before protected rows go, the
cut is written down for ever; after a run, what it deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from time import monotonic
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from ..domain.accounts import User
from ..domain.problems import ProblemError, ProblemKind
from ..domain.retention import ROWS, Kind, Retention, RetentionRun, Stock, cut_of
from .alarms import Alarms, next_clock
from .lease import LeaseKeeper
from .report_ports import RetentionStore
from .services import Clock

log = structlog.get_logger(__name__)

ALARM: Final = "retention"
SCHEDULE: Final = "schedule"
# Before the night's reports are made, when nobody is in a lesson.
AT: Final = time(2, 0)
# A server that is switched off in the night deletes by day, soon after it is back.
OVERDUE: Final = timedelta(hours=25)
# A transaction of some dozen milliseconds, and a pause for everybody else.
BATCH: Final = 2_000
PAUSE_S: Final = 0.05
# A person waits so long for a page; what is left is deleted the next time or by night.
NOW_S: Final = 20.0

RemoveReports = Callable[[datetime], Awaitable[int]]
"""Removes the files of unpublished reports made before an instant; how many reports."""
SweepPages = Callable[[], Awaitable[None]]
"""Deletes the pictures of documents that no lesson has any more."""


class RetentionService:
    """`run` is a task, woken by `alarms`. `reports` removes files of old unpublished reports,
    `sweep` pictures of documents that have gone."""

    def __init__(
        self,
        store: RetentionStore,
        lease: LeaseKeeper,
        rules: Retention,
        *,
        reports: RemoveReports,
        sweep: SweepPages,
        clock: Clock,
        zone: ZoneInfo,
        pause_s: float = PAUSE_S,
    ) -> None:
        self.rules = rules
        self._store = store
        self._lease = lease
        self._reports = reports
        self._sweep = sweep
        self._clock = clock
        self._zone = zone
        self._pause_s = pause_s
        self._deleting = 0
        self.alarms = Alarms(clock, self.ring, monotonic=monotonic)

    # ------------------------------------------------------------------ looking

    def cuts(self) -> Mapping[Kind, datetime]:
        """Everything of a kind before its instant is due; without what is kept for ever."""
        now = self._clock()
        found: dict[Kind, datetime] = {}
        for kind in (*ROWS, Kind.REPORTS):
            cut = cut_of(self.rules, kind, now)
            if cut is not None:
                found[kind] = cut
        if self.rules.media_days:
            # The relay's own rule, which may be shorter than any of ours.
            found[Kind.MEDIA] = now - timedelta(days=self.rules.media_days)
        return found

    async def stock(self) -> Sequence[Stock]:
        """What lies in store by kind and age, and what of it is due."""
        return await self._store.stock(self.cuts(), now=self._clock())

    async def kept_facts(self) -> int:
        """How many facts there are, which are never deleted."""
        return await self._store.kept_facts()

    async def runs(self, limit: int) -> Sequence[RetentionRun]:
        """The latest runs that deleted something or failed, newest first."""
        return await self._store.retention_runs(limit=limit, deleting=True)

    async def last_run(self) -> RetentionRun | None:
        """The latest run, whether or not there was anything to delete."""
        return next(iter(await self._store.retention_runs(limit=1)), None)

    # ------------------------------------------------------------------ deleting

    async def delete_due(
        self, by: str, *, going: Callable[[], bool] = lambda: True
    ) -> RetentionRun:
        """Delete everything that is due now; what went wrong is written down with it.

        Stops early when `going` says so; what is left is deleted by the next run.
        """
        self._deleting += 1
        try:
            return await self._delete_due(by, going)
        finally:
            self._deleting -= 1

    async def _delete_due(self, by: str, going: Callable[[], bool]) -> RetentionRun:
        began_at, cuts = self._clock(), self.cuts()
        deleted: dict[Kind, int] = {}
        failure = None
        try:
            for stock in await self._store.stock(cuts, now=began_at):
                if not stock.due or not going():
                    continue
                if stock.kind in ROWS:
                    await self._delete(stock.kind, cuts[stock.kind], by, deleted, going)
                    if stock.kind is Kind.DOCUMENTS:
                        await self._sweep()
                elif stock.kind is Kind.REPORTS:
                    deleted[stock.kind] = await self._reports(cuts[stock.kind])
        except ProblemError as problem:
            failure = problem.code
            log.error("retention.failed", code=problem.code, problem=problem.en)
        except Exception:
            failure = "defect"
            log.exception("retention.failed")
        # What went along with another kind was counted there.
        deleted = {kind: n for kind, n in deleted.items() if n}
        before = {kind: cuts[kind] for kind in deleted}
        run = RetentionRun(began_at, self._clock(), by, deleted, before, failure)
        await self._store.add_retention_run(run)
        told = {kind.value: n for kind, n in deleted.items()}
        log.info("retention.deleted", by=by, total=run.total, failure=failure, **told)
        return run

    async def delete_now(self, user: User) -> tuple[RetentionRun, bool]:
        """Delete what is due because an administrator says so, for `NOW_S` at most; whether all was
        looked through by then.

        ProblemError `retention_running` while this coordinator deletes already.
        """
        if self._deleting:
            raise ProblemError(
                "retention_running",
                "正在删除到期的内容，请稍后刷新本页查看。",
                "What is due is being deleted; reload this page in a while.",
                kind=ProblemKind.CONFLICT,
            )
        ends = monotonic() + NOW_S
        run = await self.delete_due(user.login, going=lambda: monotonic() < ends)
        return run, run.failure is None and monotonic() < ends

    async def _delete(
        self,
        kind: Kind,
        cut: datetime,
        by: str,
        deleted: dict[Kind, int],
        going: Callable[[], bool],
    ) -> None:
        await self._store.allow_cut(kind, cut, at=self._clock(), by=by)
        deleted[kind] = 0
        while going():
            gone = await self._store.delete_some(kind, cut, BATCH)
            deleted[kind] += gone
            if not gone:
                return
            await asyncio.sleep(self._pause_s)

    # ------------------------------------------------------------------ by night

    async def run(self) -> None:
        """Delete every night while we lead, and soon if a night was missed."""
        self.alarms.start()
        reigns = 0
        try:
            while True:
                reigns = await self._lease.reign_after(reigns)
                await self.ring(frozenset())
        finally:
            self.alarms.stop()

    async def ring(self, names: frozenset[str]) -> None:
        """It is night, or we have come to lead: delete if we do, and set the next alarm."""
        # Before anything that may fail: an alarm that rang is not set any more.
        self.alarms.put(ALARM, next_clock(AT, self._clock(), self._zone))
        if not self._lease.leading:
            return
        try:
            if ALARM in names or await self._overdue():
                await self.delete_due(SCHEDULE, going=lambda: self._lease.leading)
        except Exception as error:  # the store is away: the next night does it
            code = error.code if isinstance(error, ProblemError) else "defect"
            log.exception("retention.schedule_failed", code=code)

    async def _overdue(self) -> bool:
        last = await self.last_run()
        return last is None or self._clock() - last.began_at > OVERDUE
