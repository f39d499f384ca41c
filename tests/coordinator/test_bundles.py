"""A bundle and its figures come of one reading, and leave nothing when they fail."""

from __future__ import annotations

import asyncio
from datetime import date
from itertools import groupby
from pathlib import Path

import pytest

from sync_classroom.app import bundle_service
from sync_classroom.domain.facts import JournalGap, TerminalJournal
from sync_classroom.domain.ids import FactId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.rules import DEFAULT, Rules
from sync_classroom.domain.terminal_journal import SealCheck
from sync_classroom.exchange.bundle_files import open_bundle
from tests.coordinator.test_reports import DAY, FACTS, LESSON
from tests.support.coordination import ZONE, bench
from tests.support.plans import at, lesson
from tests.support.terminal_journals import noted_all_through

pytestmark = pytest.mark.asyncio

BESIDE = lesson("o-0", day="2026-11-22", seats=["far-1-r1"])
FAR = lesson("o-9", day="2026-11-30", seats=["far-1-r1"])
GAP = JournalGap(FactId("g:1"), "relay-1", at("09:30"), at("09:31"))


async def test_bundle_has_the_days_beside_and_figures_only_the_period(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:
        await table.add(BESIDE, LESSON, FAR)
        await table.store.append_facts([*FACTS, GAP], received_at=at("10:00"))
        table.clock.now = at("11:00")
        service = bundle_service(table.store, table.booth, table.clock, ZONE)
        shares: list[float] = []

        async def heard(share: float) -> None:
            shares.append(share)

        path = tmp_path / "b.zip"
        gathered, coverage = await service.export(path, DAY, DAY, snapshot=True, progress=heard)
        assert coverage is not None
        assert {s.occurrence.id for s in coverage.seats} == {LESSON.id}
        assert shares[-1] == 1.0
        assert gathered.facts == {"host_media": 1, "seat_media": 2, "journal_gap": 1}
        assert gathered.cut_off == at("11:00")
        with open_bundle(path) as bundle:
            assert set(bundle.plan.occurrences) == {BESIDE.id, LESSON.id}
            assert {f.id for f in bundle.facts()} == {f.id for f in [*FACTS, GAP]}
            assert list(bundle.tampered()) == []
            assert bundle.snapshot is not None
            assert bundle.snapshot.sha256 == gathered.sha256
        served = await table.booth.evidence.coverage(DAY, DAY)
        assert served.to_dict() == coverage.to_dict()


async def test_one_reading_gives_figures_under_two_rules(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:
        await table.add(LESSON)
        await table.store.append_facts(FACTS, received_at=at("10:00"))
        service = bundle_service(table.store, table.booth, table.clock, ZONE)
        lenient = Rules(version="2", held=0.4)
        gathered = await service.gather(DAY, DAY, rules=(DEFAULT, lenient))
        held = [gathered.coverage(n).totals.held_seats for n in (0, 1)]
        assert held == [1, 2]
        assert gathered.sha256 == {}


async def test_nothing_is_left_of_a_bundle_that_failed(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:
        await table.add(LESSON)
        service = bundle_service(table.store, table.booth, table.clock, ZONE)

        async def broken(share: float) -> None:
            raise RuntimeError("no")

        with pytest.raises(RuntimeError):
            await service.export(tmp_path / "b.zip", DAY, DAY, progress=broken)
        left = await asyncio.to_thread(lambda: list(tmp_path.glob("b.zip*")))
        assert left == []
        with pytest.raises(ProblemError) as caught:
            await service.export(tmp_path / "none" / "b.zip", DAY, DAY)
        assert caught.value.code == "file_unwritable"


async def test_a_period_without_lessons_is_an_empty_bundle(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:
        service = bundle_service(table.store, table.booth, table.clock, ZONE)
        day = date(2026, 1, 1)
        gathered, coverage = await service.export(tmp_path / "b.zip", day, day, snapshot=True)
        assert coverage is not None
        assert coverage.totals.due_seats == 0
        assert gathered.facts.total() == 0


async def test_terminals_journals_come_along_and_change_neither_figures_nor_their_hashes(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as table:
        await table.add(LESSON)
        await table.store.append_facts(FACTS, received_at=at("10:00"))
        service = bundle_service(table.store, table.booth, table.clock, ZONE)
        before, coverage = await service.export(tmp_path / "a.zip", DAY, DAY, snapshot=True)
        with open_bundle(tmp_path / "a.zip") as bundle:
            assert bundle.samples() is None
        seat = LESSON.seats[0]
        noted = noted_all_through(LESSON, seat.id, classroom=seat.classroom, silent=(0, 600))
        for start in range(0, 240, 60):
            await table.store.append_samples(noted[start : start + 60], received_at=at("12:00"))
        after, again = await service.export(tmp_path / "b.zip", DAY, DAY, snapshot=True)
        assert coverage is not None
        assert again is not None
        assert again.to_dict() == coverage.to_dict()
        # A seal explains no difference of any figure.
        assert after.basis(again) == before.basis(coverage)
        assert after.facts["terminal_journal"] == 4
        assert set(after.sha256) == {"facts.ndjson", "plan.json", "rules.json"}
        with open_bundle(tmp_path / "b.zip") as bundle:
            seals = SealCheck()
            for fact in bundle.facts():
                if isinstance(fact, TerminalJournal):
                    seals.seal(fact)
            samples = bundle.samples()
            assert samples is not None
            for journal, group in groupby(samples, lambda s: s.journal):
                seals.check(journal, group)
            assert (seals.sealed, seals.broken, seals.absent) == (4, [], ())
            assert list(bundle.tampered()) == []
            assert "terminals.ndjson" in bundle.stated
