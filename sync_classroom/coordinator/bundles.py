"""Reads a period's plan and facts once: into figures, into an evidence bundle, or both.

Figures and bundle come of the same reading, so an auditor who computes the bundle again finds the
figures, whatever arrived in the database meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from ..domain.bundle import FACTS, PLAN, RULES, SNAPSHOT, plan_to_dict
from ..domain.coverage import Coverage, summarise
from ..domain.evidence import Evidence
from ..domain.facts import Adjustment, Fact, kind_of
from ..domain.problems import ProblemError
from ..domain.publications import Basis, basis_of
from ..domain.rules import Rules
from ..domain.snapshot import SNAPSHOT_SCHEMA
from ..domain.terminal_journal import TerminalSample
from ..domain.timetable import Plan
from .evidence import EvidenceStore
from .reading import LESSONS_AT_ONCE, read_facts, read_plan
from .report_ports import BundleSink, OpenBundle
from .roster import RosterService
from .services import Clock

Progress = Callable[[float], Awaitable[None]]
"""Told how much is read, 0…1."""

SEAL: Final = "terminal_journal"


async def unheard(share: float) -> None:
    """For whoever does not want to know."""
    del share


@dataclass(slots=True)
class Gathered:
    """What was read: everything a figure of the period rests on.

    `facts` are counts by kind, of the period's lessons and of those beside it; `adjustments` those
    of the period's lessons. `chain` is the head of the facts' chain when reading began. `sha256` is
    empty unless a bundle was written.
    """

    plan: Plan
    evidence: list[Evidence]
    rules: tuple[Rules, ...]
    first: date
    last: date
    cut_off: datetime
    chain: str
    facts: Counter[str] = field(default_factory=Counter)
    adjustments: list[Adjustment] = field(default_factory=list)
    sha256: dict[str, str] = field(default_factory=dict)

    def coverage(self, which: int = 0) -> Coverage:
        """Every figure under one of the rules it was read for; takes a second for a term."""
        return summarise(
            self.plan, self.evidence[which], rules=self.rules[which], first=self.first,
            last=self.last,
        )  # fmt: skip

    def basis(self, coverage: Coverage) -> Basis:
        """What these figures rest on."""
        vouched = {str(a.id): f"{a.by}: {a.reason}" for a in self.adjustments}
        # Seals of terminals' journals prove nothing that is counted, so they explain no difference.
        counted = {kind: n for kind, n in self.facts.items() if kind != SEAL}
        return basis_of(coverage.to_dict(), self.plan, counted, vouched)


class BundleService:
    """Gathers and writes bundles. `open_bundle` makes the writer of a file."""

    def __init__(
        self,
        store: EvidenceStore,
        roster: RosterService,
        open_bundle: OpenBundle,
        *,
        rules: Callable[[], Awaitable[Rules]],
        chain: Callable[[], Awaitable[str]],
        clock: Clock,
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._roster = roster
        self._open = open_bundle
        self._rules = rules
        self._chain = chain
        self._clock = clock
        self.zone = zone

    async def rules(self) -> Rules:
        """The rules in force."""
        return await self._rules()

    async def gather(
        self,
        first: date,
        last: date,
        *,
        rules: tuple[Rules, ...] | None = None,
        progress: Progress = unheard,
    ) -> Gathered:
        """Read the civil days `[first, last]`, under these rules or those in force."""
        gathered = await self._begin(first, last, rules)
        await self._read(gathered, None, progress)
        return gathered

    async def export(
        self,
        file: Path,
        first: date,
        last: date,
        *,
        snapshot: bool = False,
        progress: Progress = unheard,
    ) -> tuple[Gathered, Coverage | None]:
        """Write the bundle of `[first, last]`, with its figures as `snapshot.json` if asked for.

        ProblemError `file_unwritable` for a place that cannot be written to; nothing is left there
        of a bundle that was not finished.
        """
        gathered = await self._begin(first, last, None)
        try:
            sink = await asyncio.to_thread(self._open, file)
        except OSError as error:
            raise _unwritable(file, error) from error
        try:
            coverage = await self._write(sink, gathered, progress, snapshot=snapshot)
        except BaseException:
            await asyncio.to_thread(sink.discard)
            raise
        return gathered, coverage

    async def _write(
        self, sink: BundleSink, gathered: Gathered, progress: Progress, *, snapshot: bool
    ) -> Coverage | None:
        rules = gathered.rules[0].to_dict()
        await asyncio.to_thread(lambda: sink.whole(PLAN, plan_to_dict(gathered.plan)))
        await asyncio.to_thread(sink.whole, RULES, rules)
        with sink.open_facts() as add:
            await self._read(gathered, add, progress)
        await self._terminals(sink, gathered)
        gathered.sha256 = {name: sink.hashes[name] for name in (FACTS, PLAN, RULES)}
        coverage = None
        if snapshot:
            coverage = await asyncio.to_thread(gathered.coverage)
            figures = _snapshot(gathered, coverage)
            await asyncio.to_thread(sink.whole, SNAPSHOT, figures)
        await asyncio.to_thread(sink.close)
        return coverage

    async def _begin(self, first: date, last: date, rules: tuple[Rules, ...] | None) -> Gathered:
        cut_off = self._clock().astimezone(self.zone).replace(microsecond=0)
        plan = await read_plan(self._store, self._roster.current(), first, last, self.zone)
        chosen = rules or (await self._rules(),)
        evidence = [Evidence(r) for r in chosen]
        return Gathered(plan, evidence, chosen, first, last, cut_off, await self._chain())

    async def _read(
        self,
        gathered: Gathered,
        add: Callable[[Iterable[Fact]], int] | None,
        progress: Progress,
    ) -> None:
        """Fold every fact in, and write it where `add` says."""
        first, last = gathered.first, gathered.last
        inside = {o.id for o in gathered.plan.occurrences.values() if first <= o.date <= last}
        async for share, facts in read_facts(self._store, gathered.plan, first, last, self.zone):
            await asyncio.to_thread(_take, gathered, facts, add, inside)
            await progress(share)

    async def _terminals(self, sink: BundleSink, gathered: Gathered) -> None:
        """Write what terminals noted, if anything; figures and their hashes know nothing of it."""
        lessons = [o.id for o in gathered.plan.occurrences.values()]
        with ExitStack() as stack:
            add: Callable[[Iterable[TerminalSample]], int] | None = None
            for start in range(0, len(lessons), LESSONS_AT_ONCE):
                samples = await self._store.samples_of(lessons[start : start + LESSONS_AT_ONCE])
                if not samples:
                    continue
                add = add or stack.enter_context(sink.open_terminals())
                # An auditor checks a journal when its last line is read, and keeps none.
                by_journal = sorted(samples, key=lambda s: (s.journal, s.from_at, s.id))
                await asyncio.to_thread(add, by_journal)


def _take(
    gathered: Gathered,
    facts: Iterable[Fact],
    add: Callable[[Iterable[Fact]], int] | None,
    inside: set[Any],
) -> None:
    for fact in facts:
        for evidence in gathered.evidence:
            evidence.add(fact)
        gathered.facts[kind_of(fact)] += 1
        if isinstance(fact, Adjustment) and fact.occurrence in inside:
            gathered.adjustments.append(fact)
    if add is not None:
        add(facts)


def _snapshot(gathered: Gathered, coverage: Coverage) -> dict[str, Any]:
    return {
        "schema": SNAPSHOT_SCHEMA,
        "period": {"from": gathered.first.isoformat(), "to": gathered.last.isoformat()},
        "cut_off": gathered.cut_off.isoformat(),
        "sha256": dict(gathered.sha256),
        "figures": coverage.to_dict(),
    }


def _unwritable(file: Path, error: OSError) -> ProblemError:
    return ProblemError(
        "file_unwritable",
        f"无法写入 {file}：{error.strerror}。请换一个位置。",
        f"Cannot write {file}: {error.strerror}. Choose another place.",
        field="file",
        value=str(file),
    )
