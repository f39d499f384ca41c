"""Monthly, term and other reports: asked for, made one at a time, kept, published, restated.

A report is made where it was asked for, and its files lie in that coordinator's data folder:
several coordinators that shall show each other's reports need that folder in common. Whatever was
not finished when a coordinator ended is made again when it starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final, Protocol

import structlog

from ..domain.coverage import Coverage
from ..domain.problems import ProblemError
from ..domain.publications import (
    FORMATS,
    LANGUAGES,
    MOST_DIFFERENCES,
    UNFINISHED,
    Basis,
    Publication,
    Report,
    ReportState,
    Restatement,
    compare,
    due_reports,
    restated_in,
)
from ..domain.report import About, ReportKind, Target, report_content
from ..domain.rules import Rules
from . import report_problems as problems
from .alarms import Alarms, next_clock
from .bundles import BundleService, Gathered
from .lease import LeaseKeeper
from .lessons import check_period
from .plan_ports import TimetableStore
from .ports import Bus
from .report_ports import Drawing, Drawn, ReportStore
from .roster import RosterService
from .services import Clock

log = structlog.get_logger(__name__)

CHANNEL: Final = "reports"
SCHEDULE: Final = "schedule"
MISSED: Final = "missed"
BUNDLE_FILE: Final = "bundle.zip"
# The queue is worked off in minutes; whoever asks for more than this is a program gone wrong.
MAX_WAITING: Final = 20
MAX_LISTED: Final = 200
# Publications that are computed again every night: facts of a year ago do not arrive any more.
RESTATED_DAYS: Final = 400
# Facts arrive for hours after a lesson: a month is reported in the night after it.
SCHEDULED_AT: Final = time(3, 0)
# What the calendar could not ask for, with the store away or the queue full, it asks for again.
MISSED_AGAIN: Final = timedelta(minutes=5)
MOST_RESTATEMENTS: Final = 200
MAX_NOTE: Final = 500
# Reading is most of the work; the steps of drawing follow it.
_STEPS: Final = {"charts": 80, "pdf": 90, "xlsx": 94, "csv": 98}
_READ_SHARE: Final = 75
_BASIS_FILE: Final = "basis.json"
_AGAIN_S: Final = 5.0


class ServiceStore(ReportStore, TimetableStore, Protocol):
    """Reports and the plan."""


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How reports are made. `programme` is the name on their covers.

    `keep` unpublished reports keep their files, for `keep_days` (0: for ever); the oldest beyond
    are removed. `scheduled` is the
    language in which months and terms are reported by themselves, None: they are not. `targets`
    are dates by which so many classrooms are to be in commission.
    """

    programme: str = ""
    keep: int = 100
    keep_days: int = 0
    scheduled: str | None = None
    targets: tuple[Target, ...] = ()


class ReportService:
    """`run` is a task. `place` is this coordinator's id, `folder` where its reports lie."""

    def __init__(
        self,
        store: ServiceStore,
        bus: Bus,
        bundles: BundleService,
        drawing: Drawing,
        lease: LeaseKeeper,
        roster: RosterService,
        *,
        options: ReportOptions,
        folder: Path,
        place: str,
        version: str,
        clock: Clock,
    ) -> None:
        self._store = store
        self._bus = bus
        self._bundles = bundles
        self._drawing = drawing
        self._lease = lease
        self._roster = roster
        self._options = options
        self._folder = folder
        self._place = place
        self._version = version
        self._clock = clock
        self._wake = asyncio.Event()
        self._restating: dict[int, str] = {}
        self._alarms = Alarms(clock, self._ring, monotonic=monotonic)

    # ------------------------------------------------------------------ asking

    async def request(
        self,
        kind: ReportKind,
        first: date,
        last: date,
        language: str,
        formats: Sequence[str] = FORMATS,
        *,
        actor: str,
        key: str,
    ) -> Report:
        """Ask for a report of `[first, last]`; a key asks once. Without formats: the bundle alone.

        ProblemError for a period that is none, or while too many wait.
        """
        check_period(first, last)
        if language not in LANGUAGES or not set(formats) <= set(FORMATS):
            raise problems.bad_form(language, formats)
        ordered = tuple(f for f in FORMATS if f in formats)
        wanted = Report(
            secrets.token_hex(8), key, kind, first, last, language, ordered, actor, self._clock(),
            self._place,
        )  # fmt: skip
        report = await self._store.add_report(wanted, most_waiting=MAX_WAITING)
        if report is None:
            raise problems.too_many(MAX_WAITING)
        if report.id != wanted.id:
            return report
        log.info("report.requested", report=report.id, kind=kind.value, by=actor)
        self._wake.set()
        await self._tell(report)
        return report

    async def reports(self) -> Sequence[Report]:
        """The latest, newest first."""
        return await self._store.reports(limit=MAX_LISTED)

    async def report(self, ident: str) -> Report:
        """One report; ProblemError `report_unknown`."""
        found = await self._store.report(ident)
        if found is None or found.state is ReportState.REMOVED:
            raise problems.unknown(ident)
        return found

    async def file(self, ident: str, name: str) -> Path:
        """A file of a report that is done; ProblemError if it is not here."""
        report = await self.report(ident)
        path = self._folder / report.id / name
        if name not in report.files or not await asyncio.to_thread(path.is_file):
            raise problems.no_file(report, self._place)
        return path

    async def remove(self, ident: str, *, actor: str) -> None:
        """Delete the files of a report; ProblemError if it was published or is being made."""
        report = await self.report(ident)
        if report.state in UNFINISHED:
            raise problems.unfinished(report)
        if not await self._removed(report):
            raise problems.kept(ident)
        log.info("report.removed", report=ident, by=actor)

    # ------------------------------------------------------------------ publishing

    async def publish(self, ident: str, note: str, *, actor: str, key: str) -> Publication:
        """Publish a report as it is, for ever; once for a key. ProblemError if it is not done, its
        files are not here, or it was published before."""
        report = await self.report(ident)
        if report.state is not ReportState.DONE or report.cut_off is None:
            raise problems.unfinished(report)
        path = self._folder / report.id / _BASIS_FILE
        try:
            stored = await asyncio.to_thread(lambda: json.loads(path.read_text("utf-8")))
        except OSError:
            raise problems.no_file(report, self._place) from None
        wanted = Publication(
            0, report.id, report.kind, report.first, report.last, report.language,
            report.cut_off, self._clock(), actor, note[:MAX_NOTE], report.sha256, report.files,
            report.place, Basis.from_dict(stored),
        )  # fmt: skip
        stored = await self._store.add_publication(wanted, key=key)
        if stored is None:
            raise problems.unknown(ident)
        made, ours = stored
        if not ours:
            raise problems.published(made)
        log.info("report.published", report=ident, no=made.no, by=actor)
        await self._tell(report)
        return made

    async def publications(self) -> Sequence[Publication]:
        """Every publication, newest first, without what it rests on."""
        return await self._store.publications()

    async def publication(self, no: int) -> Publication:
        """One publication with what it rests on; ProblemError `publication_unknown`."""
        found = await self._store.publication(no)
        if found is None:
            raise problems.no_publication(no)
        return found

    async def restatements(self, no: int) -> Sequence[Restatement]:
        """What was computed again of one publication, newest first; old ones may be left out."""
        return await self._store.restatements(no, limit=MOST_RESTATEMENTS)

    async def latest_restatements(self) -> Mapping[int, Restatement]:
        """The last restatement of every publication that has one, by its number."""
        return await self._store.latest_restatements()

    def restating(self) -> frozenset[int]:
        """The publications that wait to be computed again."""
        return frozenset(self._restating)

    async def ask_restatement(self, no: int, *, actor: str) -> None:
        """Have a published period computed again soon, after the reports that wait."""
        await self.publication(no)
        self._restating.setdefault(no, actor)
        self._wake.set()
        await self._bus.publish(CHANNEL, {"type": "restating", "publication": no})

    async def restate(self, no: int, *, actor: str) -> Restatement:
        """Compute a published period now, and keep how it differs and why.

        What the calendar had computed and found as the last time is not kept again.
        """
        publication = await self.publication(no)
        assert publication.basis is not None
        published = Rules(**publication.basis.figures["rules"])
        gathered = await self._bundles.gather(
            publication.first, publication.last, rules=(published, await self._bundles.rules())
        )
        found, why = await asyncio.to_thread(_compared, publication.basis, gathered)
        last = next(iter(await self._store.restatements(no, limit=1)), None)
        if actor == SCHEDULE and (
            last.differences == found[:MOST_DIFFERENCES] if last is not None else not found
        ):
            return last or Restatement(no, self._clock(), actor, 0, (), why)
        made = await self._store.add_restatement(
            Restatement(no, self._clock(), actor, len(found), found[:MOST_DIFFERENCES], why)
        )
        log.info("report.restated", no=no, differences=made.total, by=actor)
        await self._bus.publish(CHANNEL, {"type": "restated", "publication": no})
        return made

    # ------------------------------------------------------------------ making

    async def run(self) -> None:
        """Make what is asked for, one at a time, and what the calendar asks for."""
        self._alarms.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._work(), name="reports-work")
                group.create_task(self._lead(), name="reports-schedule")
        finally:
            self._alarms.stop()

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            for report in await self._store.unfinished_reports(self._place):
                await self.make(report)
            for no in list(self._restating):
                await self._again(no)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_S):
                    await self._wake.wait()

    async def _again(self, no: int) -> None:
        try:
            await self.restate(no, actor=self._restating[no])
        except Exception:
            log.exception("report.restatement_failed", no=no)
        finally:
            del self._restating[no]

    async def make(self, report: Report) -> Report:
        """Make one report now; what goes wrong is written down with it."""
        folder = self._folder / report.id
        report = await self._moved(replace(report, state=ReportState.RUNNING, percent=0))
        try:
            await asyncio.to_thread(_fresh, folder)
            made = await self._made(report, folder)
        except ProblemError as problem:
            made = await self._failed(report, problem)
        except Exception:
            log.exception("report.failed", report=report.id)
            made = await self._failed(report, problems.defect())
        await self._tidy()
        return made

    async def _made(self, report: Report, folder: Path) -> Report:
        shown = report

        async def reading(share: float) -> None:
            nonlocal shown
            shown = await self._progressed(shown, "reading", int(share * _READ_SHARE))

        async def drawing(step: str) -> None:
            nonlocal shown
            shown = await self._progressed(shown, step, _STEPS[step])

        gathered, coverage = await self._bundles.export(
            folder / BUNDLE_FILE, report.first, report.last, snapshot=True, progress=reading
        )
        assert coverage is not None
        restated = restated_in(
            report, await self._store.publications(), await self._store.latest_restatements()
        )
        content, basis = await asyncio.to_thread(
            self._content, report, gathered, coverage, restated
        )
        await asyncio.to_thread(_write_json, folder / _BASIS_FILE, basis.to_dict())
        drawn: Mapping[str, Drawn] = {}
        if report.formats:
            drawn = await self._drawing.render(content, report.formats, folder, drawing)
        files: dict[str, dict[str, Any]] = {
            d.path.name: {"bytes": d.bytes, "sha256": d.sha256} for d in drawn.values()
        }
        size = await asyncio.to_thread(lambda: (folder / BUNDLE_FILE).stat().st_size)
        files[BUNDLE_FILE] = {"bytes": size, "sha256": ""}
        held = coverage.totals.held_rate
        log.info("report.done", report=report.id, seats=len(coverage.seats))
        return await self._moved(
            replace(
                shown, state=ReportState.DONE, step="", percent=100, done_at=self._clock(),
                cut_off=gathered.cut_off, files=files, sha256=gathered.sha256,
                held=(held.numerator, held.denominator),
            )
        )  # fmt: skip

    def _content(
        self,
        report: Report,
        gathered: Gathered,
        coverage: Coverage,
        restated: Sequence[dict[str, Any]],
    ) -> tuple[dict[str, Any], Basis]:
        about = About(
            report.kind, report.language, self._options.programme, gathered.cut_off, self._version,
            gathered.sha256, gathered.facts, self._options.targets,
            gathered.chain,
        )  # fmt: skip
        content = report_content(
            coverage, gathered.plan.roster, about, adjustments=gathered.adjustments,
            restatements=restated,
        )  # fmt: skip
        return content, gathered.basis(coverage)

    async def _progressed(self, report: Report, step: str, percent: int) -> Report:
        if (report.step, report.percent) == (step, percent):
            return report
        return await self._moved(replace(report, step=step, percent=percent))

    async def _failed(self, report: Report, problem: ProblemError) -> Report:
        await asyncio.to_thread(shutil.rmtree, self._folder / report.id, ignore_errors=True)
        failure = {"code": problem.code, "zh": problem.zh, "en": problem.en}
        return await self._moved(
            replace(report, state=ReportState.FAILED, step="", done_at=self._clock(),
                    failure=failure)
        )  # fmt: skip

    async def _moved(self, report: Report) -> Report:
        await self._store.save_report(report)
        await self._tell(report)
        return report

    async def _tell(self, report: Report) -> None:
        message = {"type": "changed", "report": report.id, "state": report.state.value}
        await self._bus.publish(CHANNEL, {**message, "percent": report.percent})

    async def _tidy(self) -> None:
        """Keep the files of so many unpublished reports; published ones stay."""
        for report in (await self._unpublished())[self._options.keep :]:
            await self._removed(report)

    async def remove_before(self, at: datetime) -> int:
        """Delete the files of unpublished reports made before an instant, here; how many."""
        old = [r for r in await self._unpublished() if r.done_at is not None and r.done_at < at]
        for report in old:
            await self._removed(report)
        return len(old)

    async def _unpublished(self) -> list[Report]:
        """Reports made here that are finished and not published, newest first."""
        published = {p.report for p in await self._store.publications()}
        return [
            r for r in await self._store.reports(limit=10 * self._options.keep)
            if r.place == self._place and r.id not in published and r.state not in UNFINISHED
        ]  # fmt: skip

    async def _removed(self, report: Report) -> bool:
        """Whether it was removed: one that somebody publishes at this moment is not."""
        if not await self._store.remove_report(report.id):
            return False
        await asyncio.to_thread(shutil.rmtree, self._folder / report.id, ignore_errors=True)
        await self._tell(replace(report, state=ReportState.REMOVED, files={}))
        return True

    # ------------------------------------------------------------------ by the calendar

    async def _lead(self) -> None:
        """Whenever we come to lead, ask for what was missed and set the alarm."""
        reigns = 0
        while True:
            reigns = await self._lease.reign_after(reigns)
            await self._ring(frozenset())

    async def _ring(self, names: frozenset[str]) -> None:
        # Before anything that may fail: an alarm that rang is not set any more.
        self._alarms.put(SCHEDULE, next_clock(SCHEDULED_AT, self._clock(), self._bundles.zone))
        try:
            if SCHEDULE in names and self._options.keep_days:
                # Whoever leads: files are deleted where they lie.
                await self.remove_before(self._clock() - timedelta(days=self._options.keep_days))
            if not self._lease.leading:
                return
            if SCHEDULE in names:
                await self._restate_all()
            await self.ask_for_due()
        except Exception as error:  # the report that is being made goes on
            code = error.code if isinstance(error, ProblemError) else "defect"
            log.exception("report.schedule_failed", code=code)
            self._alarms.put(MISSED, self._clock() + MISSED_AGAIN)

    async def _restate_all(self) -> None:
        """Every night, so that a restatement is known before somebody asks."""
        since = self._clock() - timedelta(days=RESTATED_DAYS)
        for publication in await self._store.publications():
            if publication.at >= since:
                await self.ask_restatement(publication.no, actor=SCHEDULE)

    async def ask_for_due(self) -> list[Report]:
        """Ask for the reports of months and terms that are over and that nobody made."""
        if self._options.scheduled is None:
            return []
        today = self._clock().astimezone(self._bundles.zone).date()
        asked = []
        for kind, first, last in due_reports(today, self._roster.current().terms.values()):
            key = f"{SCHEDULE}:{kind.value}:{first}:{last}:{self._options.scheduled}"
            if await self._store.report_by_key(key) is not None:
                continue
            # A month of holidays has nothing to report.
            if await self._store.occurrences_on(first, last):
                asked.append(
                    await self.request(
                        kind, first, last, self._options.scheduled, actor=SCHEDULE, key=key
                    )
                )
        return asked


def _compared(published: Basis, gathered: Gathered) -> Any:
    same_rules = gathered.basis(gathered.coverage(0))
    now = gathered.basis(gathered.coverage(1))
    return compare(published, same_rules, now)


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
