"""Reports from asking to publishing, and what late facts do to what was published."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sync_classroom.app import bundle_service
from sync_classroom.cli import main
from sync_classroom.coordinator import reports as module
from sync_classroom.coordinator.reports import ReportOptions, ReportService
from sync_classroom.domain.facts import Adjustment, HostMedia, SeatMedia
from sync_classroom.domain.ids import FactId, OccurrenceId, TermId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.publications import Report, ReportState
from sync_classroom.domain.report import ReportKind
from sync_classroom.domain.roster import Term
from sync_classroom.reports.worker import DrawnFile, Renderer
from tests.support.coordination import ZONE, Bench, bench, heard
from tests.support.plans import at, lesson
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

DAY = date(2026, 11, 23)
ONE = OccurrenceId("o-1")
LESSON = lesson("o-1", seats=["far-1-r1", "far-2-r1"])
A, B = (s.id for s in LESSON.seats)
FACTS = [
    HostMedia(FactId("h:1"), ONE, at("09:00"), at("09:40"), 100, 1000),
    SeatMedia(FactId("s:1"), ONE, A, at("09:00"), at("09:40"), 100, 100, 1000),
    SeatMedia(FactId("s:2"), ONE, B, at("09:00"), at("09:20"), 100, 100, 1000),
]


class Notes:
    """Draws nothing but one line a format, and remembers what it was given."""

    def __init__(self) -> None:
        self.contents: list[Mapping[str, Any]] = []
        self.failure: Exception | None = None

    async def render(
        self,
        content: Mapping[str, Any],
        formats: Sequence[str],
        folder: Path,
        progress: Callable[[str], Awaitable[None]],
    ) -> Mapping[str, DrawnFile]:
        self.contents.append(content)
        if self.failure is not None:
            raise self.failure
        made = {}
        for form in formats:
            await progress(form)
            path = folder / f"report.{form}"
            path.write_text(form)
            made[form] = DrawnFile(path, len(form), "d1" * 32)
        return made


@dataclass
class Office:
    """A bench with reports."""

    table: Bench
    reports: ReportService
    notes: Notes
    folder: Path

    async def ask(self, key: str = "k1", **changes: Any) -> Report:
        values: dict[str, Any] = {"language": "zh", "formats": ("pdf",)} | changes
        kind = values.pop("kind", ReportKind.PERIOD)
        first, last = values.pop("days", (DAY, DAY))
        formats, language = values.pop("formats"), values.pop("language")
        return await self.reports.request(
            kind, first, last, language, formats, actor="chief", key=key
        )

    async def made(self, key: str = "k1", **changes: Any) -> Report:
        return await self.reports.make(await self.ask(key, **changes))


@asynccontextmanager
async def office(folder: Path, **options: Any) -> AsyncIterator[Office]:
    async with bench(folder) as table:
        await table.add(LESSON)
        await table.store.append_facts(FACTS, received_at=at("10:00"))
        table.clock.now = at("11:00")
        bundles = bundle_service(table.store, table.booth, table.clock, ZONE)
        notes = Notes()
        service = ReportService(
            table.store, table.bus, bundles, notes, table.lease, table.booth.roster,
            options=ReportOptions(programme="帮扶", **options), folder=folder / "reports",
            place="one", version="1", clock=table.clock,
        )  # fmt: skip
        yield Office(table, service, notes, folder / "reports")


def audit(bundle: Path) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(
        main, ["audit", str(bundle), "--from", str(DAY), "--to", str(DAY), "--format", "json"]
    )
    return done.exit_code, json.loads(done.stdout)


async def test_a_report_is_made_with_the_figures_of_its_own_bundle(tmp_path: Path) -> None:
    async with office(tmp_path) as desk:
        report = await desk.made()
        assert (report.state, report.percent, report.held) == (ReportState.DONE, 100, (1, 2))
        path = await desk.reports.file(report.id, "bundle.zip")
        code, audited = await asyncio.to_thread(audit, path)
        assert (code, audited["verification"]["snapshot"]) == (0, "equal")
        (content,) = desk.notes.contents
        assert {k: audited[k] for k in content["figures"]} == content["figures"]
        assert content["sha256"] == report.sha256
        assert content["facts"] == {"host_media": 1, "seat_media": 2}
        with zipfile.ZipFile(path) as packed:
            assert "snapshot.json" in packed.namelist()


async def test_old_unpublished_reports_lose_their_files_and_no_others(tmp_path: Path) -> None:
    async with office(tmp_path, keep_days=100) as desk:
        old, published = await desk.made("k1"), await desk.made("k2")
        await desk.reports.publish(published.id, "", actor="chief", key="p")
        desk.table.clock.turn(days=90)
        young = await desk.made("k3")
        elsewhere = replace(old, id="other", key="k4", place="two")
        await desk.table.store.add_report(elsewhere, most_waiting=20)
        desk.table.clock.turn(days=20)
        before = desk.table.clock() - timedelta(days=100)
        assert await desk.reports.remove_before(before) == 1
        assert await desk.reports.remove_before(before) == 0
        left = await asyncio.to_thread(lambda: {p.name for p in desk.folder.iterdir()})
        assert left == {published.id, young.id}
        with pytest.raises(ProblemError):
            await desk.reports.report(old.id)
        assert await desk.table.store.report("other") == elsewhere


async def test_a_key_asks_once_and_pages_hear_of_every_step(tmp_path: Path) -> None:
    async with office(tmp_path) as desk, heard(desk.table.bus, "reports") as messages:
        first = await desk.ask()
        assert (await desk.ask()).id == first.id
        assert len(await desk.reports.reports()) == 1
        await desk.reports.make(first)
        await until(lambda: any(m["state"] == "done" for m in messages))
        states = [m["state"] for m in messages]
        assert states[0] == "queued"
        assert states[-1] == "done"
        assert [m["percent"] for m in messages] == sorted(m["percent"] for m in messages)


async def test_the_queue_is_worked_off_one_at_a_time_and_taken_up_after_a_restart(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as desk:
        left = await desk.ask("k1")
        await desk.table.store.save_report(replace(left, state=ReportState.RUNNING))
        await desk.ask("k2")
        task = asyncio.create_task(desk.reports.run())
        await until(lambda: _all_done(desk))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len(desk.notes.contents) == 2


async def _all_done(desk: Office) -> bool:
    return all(r.state is ReportState.DONE for r in await desk.reports.reports())


async def test_what_goes_wrong_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with office(tmp_path) as desk:
        desk.notes.failure = ProblemError("report_slow", "慢", "slow")
        report = await desk.made()
        assert report.state is ReportState.FAILED
        assert report.failure == {"code": "report_slow", "zh": "慢", "en": "slow"}
        assert not (desk.folder / report.id).exists()
        desk.notes.failure = RuntimeError("a defect")
        assert (await desk.made("k2")).failure["code"] == "report_failed"  # type: ignore[index]
        with pytest.raises(ProblemError, match="not done"):
            await desk.reports.publish(report.id, "", actor="chief", key="p")
        await desk.reports.remove(report.id, actor="chief")
        with pytest.raises(ProblemError, match="no such report"):
            await desk.reports.report(report.id)


async def test_bad_requests_and_a_full_queue_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path) as desk:
        for changes in (
            {"formats": ("doc",)},
            {"language": "fr"},
            {"days": (DAY, date(2020, 1, 1))},
        ):
            with pytest.raises(ProblemError):
                await desk.ask(**changes)
        monkeypatch.setattr(module, "MAX_WAITING", 1)
        waiting = await desk.ask("k1")
        with pytest.raises(ProblemError) as caught:
            await desk.ask("k2")
        assert caught.value.code == "reports_waiting"
        assert await desk.ask("k1") == waiting
        with pytest.raises(ProblemError) as caught:
            await desk.reports.remove(waiting.id, actor="chief")
        assert caught.value.code == "report_unfinished"


async def test_the_bundle_alone_is_a_report_without_formats(tmp_path: Path) -> None:
    async with office(tmp_path) as desk:
        report = await desk.made(formats=())
        assert list(report.files) == ["bundle.zip"]
        assert desk.notes.contents == []


async def test_published_twice_with_one_key_is_published_once(tmp_path: Path) -> None:
    async with office(tmp_path) as desk:
        report = await desk.made()
        first = await desk.reports.publish(report.id, "审核", actor="chief", key="p1")
        again = await desk.reports.publish(report.id, "审核", actor="chief", key="p1")
        assert (first.no, again.no) == (1, 1)
        assert len(await desk.reports.publications()) == 1
        with pytest.raises(ProblemError) as caught:
            await desk.reports.publish(report.id, "另一", actor="other", key="p2")
        assert caught.value.code == "report_published"
        # The same words by the same person are another act under another key, and none under one.
        with pytest.raises(ProblemError) as caught:
            await desk.reports.publish(report.id, "审核", actor="chief", key="p3")
        assert caught.value.code == "report_published"
        same = await desk.reports.publish(report.id, "另一", actor="chief", key="p1")
        assert (same.no, same.note) == (1, "审核")
        with pytest.raises(ProblemError) as caught:
            await desk.reports.remove(report.id, actor="chief")
        assert caught.value.code == "report_published"


async def test_a_late_journal_is_a_restatement_and_never_changes_what_was_published(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as desk:
        report = await desk.made()
        made = await desk.reports.publish(report.id, "", actor="chief", key="p1")
        same = await desk.reports.restate(made.no, actor="chief")
        assert (same.total, same.differences, same.why.facts) == (0, [], {})
        late = SeatMedia(FactId("s:3"), ONE, B, at("09:20"), at("09:40"), 100, 100, 1000)
        vouched = Adjustment(
            FactId("a:1"), ONE, A, at("09:00"), at("09:40"), at("12:00"), "王主任", "照片为证"
        )
        await desk.table.store.append_facts([late, vouched], received_at=at("12:00"))
        found = await desk.reports.restate(made.no, actor="chief")
        paths = {d["path"]: (d["published"], d["found"]) for d in found.differences}
        assert paths["totals.held_periods"] == (1, 2)
        assert paths["by_school.far-2.held_seats"] == (0, 1)
        assert all(d["because"] == "evidence" for d in found.differences)
        assert found.why.facts == {"adjustment": 1, "seat_media": 1}
        assert found.why.adjustments == ("王主任: 照片为证",)
        stored = await desk.reports.publication(made.no)
        assert stored.basis is not None
        assert stored.basis.figures["totals"]["held_periods"] == 1
        assert [r.total for r in await desk.reports.restatements(made.no)] == [found.total, 0]
        # The next report of these days names the restatement.
        await desk.made("k2")
        (restated,) = desk.notes.contents[-1]["restatements"]
        assert "听讲媒体 +1" in restated["why_zh"]


async def test_the_calendar_does_not_keep_what_it_found_before(tmp_path: Path) -> None:
    async with office(tmp_path) as desk:
        report = await desk.made()
        made = await desk.reports.publish(report.id, "", actor="chief", key="p1")
        await desk.reports.restate(made.no, actor=module.SCHEDULE)
        assert await desk.reports.restatements(made.no) == []
        late = SeatMedia(FactId("s:3"), ONE, B, at("09:20"), at("09:40"), 100, 100, 1000)
        await desk.table.store.append_facts([late], received_at=at("12:00"))
        await desk.reports.restate(made.no, actor=module.SCHEDULE)
        await desk.reports.restate(made.no, actor=module.SCHEDULE)
        (kept,) = await desk.reports.restatements(made.no)
        assert await desk.reports.latest_restatements() == {made.no: kept}


async def test_months_and_terms_that_are_over_are_asked_for_once_by_the_leader(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, scheduled="zh") as desk:
        roster = desk.table.booth.roster.current()
        term = Term(TermId("t1"), "上学期", date(2026, 8, 31), date(2026, 9, 1), date(2026, 11, 27))
        await desk.table.store.apply_roster(replace(roster, terms={term.id: term}))
        await desk.table.booth.roster.load()
        desk.table.clock.now = at("03:00", "2026-12-01")
        asked = await desk.reports.ask_for_due()
        assert [(r.kind, r.first, r.last) for r in asked] == [
            (ReportKind.TERM, date(2026, 9, 1), date(2026, 11, 27)),
            (ReportKind.MONTH, date(2026, 11, 1), date(2026, 11, 30)),
        ]
        assert await desk.reports.ask_for_due() == []


async def test_nothing_is_asked_for_by_whoever_does_not_lead(tmp_path: Path) -> None:
    async with office(tmp_path, scheduled="zh") as desk:
        desk.table.clock.now = at("03:00", "2026-12-02")
        task = asyncio.create_task(desk.reports.run())
        await asyncio.sleep(0)
        assert await desk.reports.reports() == []
        await desk.table.lease.renew()
        await until(lambda: _all_done_and_some(desk))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_the_calendar_cannot_ask_for_ends_no_report_and_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[ProblemError] = []
    too_many = module.problems.too_many

    def counted(limit: int) -> ProblemError:
        refused.append(too_many(limit))
        return refused[-1]

    monkeypatch.setattr(module.problems, "too_many", counted)
    monkeypatch.setattr(module, "MAX_WAITING", 0)
    monkeypatch.setattr(module, "MISSED_AGAIN", timedelta(milliseconds=20))
    async with office(tmp_path, scheduled="zh") as desk:
        desk.table.clock.now = at("03:00", "2026-12-02")
        await desk.table.lease.renew()
        task = asyncio.create_task(desk.reports.run())
        await until(lambda: len(refused) > 1)
        monkeypatch.setattr(module, "MAX_WAITING", 20)
        await until(lambda: _all_done_and_some(desk))
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _all_done_and_some(desk: Office) -> bool:
    return bool(await desk.reports.reports()) and await _all_done(desk)


async def test_the_oldest_unpublished_files_go_and_published_ones_stay(tmp_path: Path) -> None:
    async with office(tmp_path, keep=1) as desk:
        kept = await desk.made("k0")
        await desk.reports.publish(kept.id, "", actor="chief", key="p")
        desk.table.clock.turn(minutes=1)
        old = await desk.made("k1")
        desk.table.clock.turn(minutes=1)
        new = await desk.made("k2")
        assert {r.id for r in await desk.reports.reports()} == {kept.id, new.id}
        assert not (desk.folder / old.id).exists()
        assert (desk.folder / kept.id / "bundle.zip").exists()


async def test_files_of_another_place_are_said_to_be_there(tmp_path: Path) -> None:
    async with office(tmp_path) as desk:
        report = await desk.made()
        moved = replace(report, place="two", files={**report.files, "x.pdf": {"bytes": 1}})
        await desk.table.store.save_report(moved)
        with pytest.raises(ProblemError) as caught:
            await desk.reports.file(report.id, "x.pdf")
        assert caught.value.code == "report_elsewhere"
        with pytest.raises(ProblemError):
            await desk.reports.file(report.id, "../../test.db")


async def test_a_real_report_is_drawn_by_the_worker(tmp_path: Path) -> None:
    async with office(tmp_path) as desk:
        desk.reports._drawing = Renderer()
        report = await desk.made(formats=("pdf", "xlsx", "csv"))
        assert report.failure is None
        assert set(report.files) == {"report.pdf", "report.xlsx", "tables.zip", "bundle.zip"}
        data = (await desk.reports.file(report.id, "report.pdf")).read_bytes()
        assert data.startswith(b"%PDF-1.7")
