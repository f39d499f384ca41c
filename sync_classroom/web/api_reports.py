"""API: reports asked for and fetched, publications, restatements."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, Literal

from aiohttp import web
from pydantic import Field

from ..coordinator.reports import MAX_NOTE
from ..domain.publications import FORMATS, Publication, Report, Restatement
from ..domain.report import ReportKind
from .fields import Day
from .report_file import report_file
from .routes import ApiRoute, Call, In, Out


class ReportIn(In):
    """A report to make. Without formats it is the evidence bundle alone."""

    kind: Literal["month", "term", "period"] = "period"
    first: Day = Field(alias="from", description="first civil day")
    last: Day = Field(alias="to", description="last civil day, included")
    language: Literal["zh", "en"] = "zh"
    formats: list[Literal["pdf", "xlsx", "csv"]] = Field(list(FORMATS), max_length=3)


class PublishReportIn(In):
    """Publish a report that is done."""

    note: str = Field("", max_length=MAX_NOTE)


class ReportOut(Out):
    """A report and where it stands; `files` can be fetched once it is `done`."""

    id: str
    kind: str
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    language: str
    formats: list[str]
    by: str
    at: datetime
    state: str
    step: str
    percent: int
    done_at: datetime | None
    cut_off: datetime | None
    files: dict[str, Any]
    sha256: dict[str, str]
    failure: dict[str, str] | None


class ReportsOut(Out):
    """The latest reports, newest first."""

    reports: list[ReportOut]


class RestatementOut(Out):
    """A publication computed again: how many values differ, which (at most 500), and why."""

    publication: int
    at: datetime
    by: str
    total: int
    differences: list[dict[str, Any]]
    why: dict[str, Any]


class PublicationOut(Out):
    """What was published, for ever, and the latest restatement of it."""

    no: int
    report: str
    kind: str
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    language: str
    cut_off: datetime
    at: datetime
    by: str
    note: str
    sha256: dict[str, str]
    files: dict[str, Any]
    restated: RestatementOut | None


class PublicationsOut(Out):
    """Every publication, newest first."""

    publications: list[PublicationOut]


async def ask(call: Call[ReportIn, None]) -> ReportOut:
    """Ask for a report; it is made in the background."""
    report = await call.services.reports.request(
        ReportKind(call.body.kind),
        call.body.first,
        call.body.last,
        call.body.language,
        call.body.formats,
        actor=call.user.login,
        key=call.key,
    )
    return _report(report)


async def listed(call: Call[None, None]) -> ReportsOut:
    """The latest reports."""
    return ReportsOut(reports=[_report(r) for r in await call.services.reports.reports()])


async def read(call: Call[None, None]) -> ReportOut:
    """One report and how far it is."""
    return _report(await call.services.reports.report(call.path("report")))


async def fetch(call: Call[None, None]) -> web.StreamResponse:
    """One file: report.pdf, report.xlsx, tables.zip (CSV) or bundle.zip."""
    return await report_file(call.request, call.path("report"), call.path("file"))


async def remove(call: Call[None, None]) -> None:
    """Delete the files of a report that was not published."""
    await call.services.reports.remove(call.path("report"), actor=call.user.login)


async def publish(call: Call[PublishReportIn, None]) -> PublicationOut:
    """Publish a report as it is, for ever."""
    made = await call.services.reports.publish(
        call.path("report"), call.body.note, actor=call.user.login, key=call.key
    )
    restated = await call.services.reports.latest_restatements()
    return _publication(made, restated.get(made.no))


async def publications(call: Call[None, None]) -> PublicationsOut:
    """Everything that was published."""
    reports = call.services.reports
    latest = await reports.latest_restatements()
    return PublicationsOut(
        publications=[_publication(p, latest.get(p.no)) for p in await reports.publications()]
    )


async def restate(call: Call[None, None]) -> None:
    """Have a published period computed again; the restatement appears when it is done."""
    await call.services.reports.ask_restatement(_no(call.path("no")), actor=call.user.login)


def _no(text: str) -> int:
    """A publication's number; one that nobody gave for what is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _report(report: Report) -> ReportOut:
    return ReportOut(
        **{"from": report.first, "to": report.last},
        id=report.id, kind=report.kind.value, language=report.language,
        formats=list(report.formats), by=report.by, at=report.at, state=report.state.value,
        step=report.step, percent=report.percent, done_at=report.done_at, cut_off=report.cut_off,
        files=dict(report.files), sha256=dict(report.sha256),
        failure=None if report.failure is None else dict(report.failure),
    )  # fmt: skip


def _publication(made: Publication, restated: Restatement | None) -> PublicationOut:
    return PublicationOut(
        **{"from": made.first, "to": made.last},
        no=made.no, report=made.report, kind=made.kind.value, language=made.language,
        cut_off=made.cut_off, at=made.at, by=made.by, note=made.note, sha256=dict(made.sha256),
        files=dict(made.files),
        restated=None if restated is None else _restatement(restated),
    )  # fmt: skip


def _restatement(made: Restatement) -> RestatementOut:
    return RestatementOut(
        publication=made.publication, at=made.at, by=made.by, total=made.total,
        differences=[dict(d) for d in made.differences], why=made.why.to_dict(),
    )  # fmt: skip


ROUTES: Final = (
    ApiRoute(
        "api.reports.ask", "POST", "/api/reports", ask, "Ask for a report",
        body=ReportIn, answer=ReportOut, status=201, problems=(429,), idempotent=True,
    ),
    ApiRoute("api.reports.list", "GET", "/api/reports", listed, "The latest reports",
             answer=ReportsOut),
    ApiRoute("api.reports.read", "GET", "/api/reports/{report}", read, "A report's progress",
             answer=ReportOut, problems=(404,)),
    ApiRoute("api.reports.file", "GET", "/api/reports/{report}/{file}", fetch,
             "A report's file", problems=(404,), media_type="application/octet-stream"),
    ApiRoute("api.reports.remove", "DELETE", "/api/reports/{report}", remove,
             "Remove a report's files", status=204, problems=(404, 409)),
    ApiRoute(
        "api.reports.publish", "POST", "/api/reports/{report}/publish", publish,
        "Publish a report", body=PublishReportIn, answer=PublicationOut, status=201,
        problems=(404, 409), idempotent=True,
    ),
    ApiRoute("api.publications", "GET", "/api/publications", publications,
             "Everything published", answer=PublicationsOut),
    ApiRoute("api.publications.restate", "POST", "/api/publications/{no}/restate", restate,
             "Compute a publication again", status=204, problems=(404,)),
)  # fmt: skip
