"""Reports of coverage: asked for, followed, fetched, published, and what became of publications."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from aiohttp import web

from ...coordinator.reports import BUNDLE_FILE, MAX_NOTE, SCHEDULE
from ...domain.crediting import SeatState
from ...domain.definitions import CAUSES, DEFINITIONS, MODES, STATES
from ...domain.problems import ProblemError
from ...domain.publications import (
    FORMATS,
    UNFINISHED,
    Publication,
    Report,
    ReportState,
    Restatement,
    due_reports,
    month_of,
    why_in_words,
)
from ...domain.report import ReportKind
from ..formats import Rate, rate
from ..i18n import mark
from ..problems import STATUS_OF
from ..report_file import report_file
from .forms import Form, parse_day
from .frame import Frame, once, posted, see_other
from .route import BUREAU, PageRoute
from .words import Word

HOME: Final = "/coverage/reports"
# Differences shown of one restatement; sums come first.
MOST_SHOWN: Final = 100

KIND_WORDS: Final = {
    ReportKind.MONTH: mark("月报"),
    ReportKind.TERM: mark("学期报告"),
    ReportKind.PERIOD: mark("时段报告"),
}
LANGUAGE_NAMES: Final = {"zh": "中文", "en": "English"}
STATE_WORDS: Final = {
    ReportState.QUEUED: Word("waiting", mark("排队")),
    ReportState.RUNNING: Word("live", mark("生成中")),
    ReportState.DONE: Word("held", mark("已生成")),
    ReportState.FAILED: Word("missed", mark("失败")),
}
STEP_WORDS: Final = {
    "reading": mark("读取事实"),
    "charts": mark("画图表"),
    "pdf": mark("排版 PDF"),
    "xlsx": mark("写 XLSX"),
    "csv": mark("写 CSV"),
}
_FILES: Final = (
    ("report.pdf", "PDF"),
    ("report.xlsx", "XLSX"),
    ("tables.zip", "CSV"),
    (BUNDLE_FILE, mark("证据包")),
)
_NO_RATE: Final = rate(0, 0)


@dataclass(frozen=True, slots=True)
class FileLink:
    """One file to fetch."""

    href: str
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One report in the list."""

    report: Report
    kind: str
    word: Word
    step: str
    held: Rate
    files: tuple[FileLink, ...]
    failure: str
    by: str
    published: int | None


@dataclass(frozen=True, slots=True)
class PublicationRow:
    """One publication in the list, with what became of it."""

    publication: Publication
    kind: str
    files: tuple[FileLink, ...]
    word: Word
    restated: Restatement | None
    why: str
    waiting: bool


async def show(request: web.Request) -> web.StreamResponse:
    """The list; with `?part=live` its live part alone."""
    frame = Frame.of(request)
    part = "_reports_live.html" if request.query.get("part") == "live" else "reports.html"
    return await _page(frame, _empty_form(frame), template=part)


async def ask(request: web.Request) -> web.StreamResponse:
    """Ask for a report or a bundle."""
    frame = Frame.of(request)
    form = await posted(request)
    kind, first, last = _asked(frame, form)
    formats = form.all("format")
    if form.ok and not formats and form.text("what") != "bundle":
        form.wrong("format", frame.t("请至少选一种格式；只要证据包，请用下面的“导出证据包”。"))
    if form.ok and first is not None and last is not None:
        try:
            await frame.services.reports.request(
                kind, first, last, form.text("language") or frame.tongue.code,
                () if form.text("what") == "bundle" else formats,
                actor=frame.user.login, key=once(frame, form),
            )  # fmt: skip
            return see_other(HOME, done="report-asked")
        except ProblemError as problem:
            return await _page(
                frame, form, problem=frame.say(problem), status=STATUS_OF[problem.kind]
            )
    return await _page(frame, form, status=422)


def _asked(frame: Frame, form: Form) -> tuple[ReportKind, date | None, date | None]:
    """The kind and the days of a form; what is wrong with them is said in it."""
    kind, _, rest = form.text("period").partition(":")
    if kind in (ReportKind.MONTH.value, ReportKind.TERM.value):
        first, _, last = rest.partition(":")
        return ReportKind(kind), parse_day(first), parse_day(last)
    first_day, last_day = parse_day(form.text("from")), parse_day(form.text("to"))
    for name, day in (("from", first_day), ("to", last_day)):
        if day is None:
            form.wrong(name, frame.t("日期要写成 2026-11-23 的样子。"))
    if first_day and last_day and last_day < first_day:
        form.wrong("to", frame.t("截止日期早于起始日期；请把两个日期对调。"))
    return ReportKind.PERIOD, first_day, last_day


async def one(request: web.Request) -> web.StreamResponse:
    """One report: its files with hashes, and publishing."""
    frame = Frame.of(request)
    return await _one(frame, Form())


async def publish(request: web.Request) -> web.StreamResponse:
    """Publish a report, for ever."""
    frame = Frame.of(request)
    form = await posted(request)
    report = request.match_info["report"]
    try:
        made = await frame.services.reports.publish(
            report, form.text("note"), actor=frame.user.login, key=once(frame, form)
        )
    except ProblemError as problem:
        return await _one(frame, form, problem=frame.say(problem), status=STATUS_OF[problem.kind])
    return see_other(f"/coverage/publications/{made.no}", done="report-published")


async def remove(request: web.Request) -> web.StreamResponse:
    """Remove a report that was not published."""
    frame = Frame.of(request)
    await frame.services.reports.remove(request.match_info["report"], actor=frame.user.login)
    return see_other(HOME, done="report-removed")


async def publication(request: web.Request) -> web.StreamResponse:
    """One publication: note, hashes, and every restatement with what differs and why; with
    `?part=live` the restatements alone."""
    frame = Frame.of(request)
    live = request.query.get("part") == "live"
    found = await frame.services.reports.publication(_no(request))
    restated = await frame.services.reports.restatements(found.no)
    row = _publication_row(frame, found, restated[0] if restated else None)
    return frame.render(
        "_publication_live.html" if live else "publication.html",
        part=f"{request.path}?part=live",
        row=row,
        by=_who(frame, found.by),
        restatements=[
            (r, _who(frame, r.by), why_in_words(r.why, frame.tongue.code), _shown(frame, r))
            for r in restated
        ],
        languages=LANGUAGE_NAMES,
        most=MOST_SHOWN,
    )


async def restate(request: web.Request) -> web.StreamResponse:
    """Have a publication computed again."""
    frame = Frame.of(request)
    no = _no(request)
    await frame.services.reports.ask_restatement(no, actor=frame.user.login)
    return see_other(f"/coverage/publications/{no}", done="restating")


async def download(request: web.Request) -> web.StreamResponse:
    """A file of a report."""
    return await report_file(request, request.match_info["report"], request.match_info["file"])


# ---------------------------------------------------------------------------- parts


async def _page(
    frame: Frame,
    form: Form,
    *,
    template: str = "reports.html",
    problem: str | None = None,
    status: int = 200,
) -> web.Response:
    service = frame.services.reports
    published = await service.publications()
    numbers = {p.report: p.no for p in published}
    latest = await service.latest_restatements()
    reports = await service.reports()
    return frame.render(
        template,
        status=status,
        problem=problem or form.errors.get("format"),
        form=form,
        key=secrets.token_hex(8),
        periods=_periods(frame),
        formats=[(f, f.upper()) for f in FORMATS],
        languages=[(None, list(LANGUAGE_NAMES.items()))],
        language_names=LANGUAGE_NAMES,
        rows=[_report_row(frame, r, numbers.get(r.id)) for r in reports],
        publications=[_publication_row(frame, p, latest.get(p.no)) for p in published],
        part=f"{HOME}?part=live",
    )


async def _one(
    frame: Frame, form: Form, *, problem: str | None = None, status: int = 200
) -> web.Response:
    service = frame.services.reports
    report = await service.report(frame.request.match_info["report"])
    number = next((p.no for p in await service.publications() if p.report == report.id), None)
    return frame.render(
        "report.html",
        status=status,
        problem=problem,
        form=form,
        key=secrets.token_hex(8),
        row=_report_row(frame, report, number),
        unfinished=report.state in UNFINISHED,
        note_max=MAX_NOTE,
        languages=LANGUAGE_NAMES,
        part=f"{HOME}/{report.id}",
    )


def _empty_form(frame: Frame) -> Form:
    first, last = month_of(frame.today)
    return Form.filled(
        language=frame.tongue.code,
        format=list(FORMATS),
        **{"from": first.isoformat(), "to": min(last, frame.today).isoformat()},
    )


def _periods(frame: Frame) -> list[tuple[str, str]]:
    """What is usually reported: what is over, the term so far, then any dates."""
    found = [
        (f"{kind.value}:{first}:{last}",
         f"{frame.t(KIND_WORDS[kind])} · {frame.format.date_range(first, last)}")
        for kind, first, last in reversed(due_reports(frame.today, frame.roster.terms.values()))
    ]  # fmt: skip
    found += [
        (f"term:{t.first_day}:{frame.today}",
         frame.t("%(name)s 至今", name=t.name))
        for t in frame.roster.terms.values()
        if t.first_day <= frame.today <= t.last_day
    ]  # fmt: skip
    return [*found, ("period", frame.t("其他时段（填起止日期）"))]


def _report_row(frame: Frame, report: Report, published: int | None) -> ReportRow:
    failure = report.failure
    return ReportRow(
        report=report,
        kind=KIND_WORDS[report.kind] if report.formats else mark("证据包"),
        word=STATE_WORDS[report.state],
        step=frame.t(STEP_WORDS[report.step]) if report.step in STEP_WORDS else "",
        held=_NO_RATE if report.held is None else rate(*report.held),
        files=_files(frame, report.id, report.files),
        failure="" if failure is None else frame.tongue.pick(failure["zh"], failure["en"]),
        by=_who(frame, report.by),
        published=published,
    )


def _publication_row(
    frame: Frame, found: Publication, restated: Restatement | None
) -> PublicationRow:
    if restated is None:
        word = Word("waiting", mark("还没有重算"))
    elif restated.total:
        word = Word("partial", mark("有重述"))
    else:
        word = Word("held", mark("重算一致"))
    return PublicationRow(
        publication=found,
        kind=KIND_WORDS[found.kind],
        files=_files(frame, found.report, found.files),
        word=word,
        restated=restated,
        why="" if restated is None else why_in_words(restated.why, frame.tongue.code),
        waiting=found.no in frame.services.reports.restating(),
    )


def _files(
    frame: Frame, report: str, files: Mapping[str, Mapping[str, Any]]
) -> tuple[FileLink, ...]:
    return tuple(
        FileLink(
            f"{HOME}/{report}/{name}", frame.t(text), files[name]["bytes"], files[name]["sha256"]
        )
        for name, text in _FILES
        if name in files
    )


def _who(frame: Frame, login: str) -> str:
    return frame.t("按日程") if login == SCHEDULE else login


def _shown(frame: Frame, restated: Restatement) -> Sequence[tuple[str, str, str, str]]:
    """`(what, published, found, because)` of the first differences, measures by their names."""
    because = {"evidence": frame.t("事实、认定或计划"), "rules": frame.t("规则")}
    return [
        (
            _path(frame, d["path"]),
            _plain(frame, d["published"]),
            _plain(frame, d["found"]),
            because[d["because"]],
        )
        for d in restated.differences[:MOST_SHOWN]
    ]


def _path(frame: Frame, path: str) -> str:
    """`by_school.remote-6.held_rate.numerator` with names instead of codes."""
    roster = frame.roster
    names: dict[str, str] = {d.code: d.name(frame.tongue.code) for d in DEFINITIONS.values()}
    code = frame.tongue.code
    names |= {cause.value: named.name(code) for cause, named in CAUSES.items()}
    names |= {mode: named.name(code) for mode, named in MODES.items()}
    names |= {"totals": frame.t("合计"), "seats": frame.t("听讲席"), "state": frame.t("状态")}
    names |= {"causes": frame.t("未开原因"), "mode_matrix": frame.t("三种帮扶模式")}
    names |= {"numerator": frame.t("分子"), "denominator": frame.t("分母")}
    for things in (roster.schools, roster.classrooms, roster.teachers):
        names |= {str(k): thing.name for k, thing in things.items()}
    parts = [p for p in path.split(".") if not p.startswith("by_")]
    return " · ".join(names.get(p, p) for p in parts)


def _plain(frame: Frame, value: Any) -> str:
    """A value in words: a seat's state by its name."""
    if value in list(SeatState):
        return STATES[SeatState(value)].name(frame.tongue.code)
    return "—" if value is None else str(value)


def _no(request: web.Request) -> int:
    """A publication's number; one that nobody gave for what is no number."""
    text = request.match_info["no"]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


ROUTES = (
    PageRoute("reports", "GET", HOME, show, BUREAU),
    PageRoute("reports-ask", "POST", HOME, ask, BUREAU),
    PageRoute("publication", "GET", "/coverage/publications/{no}", publication, BUREAU),
    PageRoute("publication-restate", "POST", "/coverage/publications/{no}/restate", restate,
              BUREAU),
    PageRoute("report", "GET", HOME + "/{report}", one, BUREAU),
    PageRoute("report-publish", "POST", HOME + "/{report}/publish", publish, BUREAU),
    PageRoute("report-remove", "POST", HOME + "/{report}/remove", remove, BUREAU),
    PageRoute("report-file", "GET", HOME + "/{report}/{file}", download, BUREAU),
)  # fmt: skip
