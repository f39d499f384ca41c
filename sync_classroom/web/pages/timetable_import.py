"""Importing a timetable: choose a file, look at every row, take it into the draft."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiohttp import web

from ...coordinator.timetable_import import Preview
from ...domain.bookings import Clash
from ...domain.ids import OccurrenceId, TermId
from ...domain.import_plan import RowKind
from ...domain.import_rows import CellProblem, SheetRow
from ...domain.import_trial import RowTrial
from ...domain.problems import ProblemError
from ...domain.roster import Roster, Term
from ...domain.timetable import Occurrence
from ...exchange.headers import COLUMNS
from ...exchange.names import NameBook
from ...exchange.refusals import MAX_BYTES, refusal
from ...exchange.template import template_csv, template_workbook
from ..i18n import mark
from ..problems import STATUS_OF
from .forms import Form, parse_count
from .frame import Frame, once, posted, see_other
from .route import ADMIN, PageRoute
from .timetable_choice import term_near
from .timetable_side import RULE_TITLES
from .timetable_words import WEEKDAYS, Names
from .words import Word

PAGE_ROWS: Final = 100
MAX_SHOWN_CLASHES: Final = 3
# A list of names to choose from; in a larger roster the id is typed.
MAX_CHOICES: Final = 3000
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROW_WORDS: Final = {
    RowKind.NEW: Word("held", mark("新增")),
    RowKind.CHANGED: Word("partial", mark("修改")),
    RowKind.SAME: Word("ended", mark("没有变化")),
    RowKind.REPEATED: Word("cancelled", mark("重复")),
    RowKind.WRONG: Word("missed", mark("不导入")),
}
KIND_WORDS: Final = {
    "classroom": mark("教室"),
    "teacher": mark("教师"),
    "class": mark("班级"),
    "school": mark("学校"),
    "term": mark("学期"),
}
FILTERS: Final = (
    ("", mark("全部")),
    ("problems", mark("有问题")),
    ("new", mark("新增")),
    ("changed", mark("修改")),
    ("same", mark("没有变化")),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: what stood there, and whether something is wrong with it."""

    text: str
    bad: str


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence about a row. `shape` is `missed` for an error, `partial` for a warning."""

    shape: str
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the preview."""

    row: SheetRow
    word: Word
    cells: tuple[Cell, ...]
    remarks: tuple[Remark, ...]
    lessons: int


async def start(request: web.Request) -> web.StreamResponse:
    """Choose a file; `?term=` is the term it is for."""
    frame = Frame.of(request)
    terms = sorted(frame.roster.terms.values(), key=lambda t: t.first_day, reverse=True)
    chosen = _term(frame)
    return frame.render(
        "timetable_import.html",
        terms=terms,
        chosen=chosen,
        max_bytes=MAX_BYTES,
        too_large=frame.say(refusal("file_too_large")),
    )


async def preview(request: web.Request) -> web.StreamResponse:
    """Every row of an upload with its problems; `?only=` filters, `?page=` turns."""
    frame = Frame.of(request)
    return await _preview(frame, Form())


async def act(request: web.Request) -> web.StreamResponse:
    """Keep answers for unknown names, or take the file into the draft."""
    frame = Frame.of(request)
    form = await posted(request)
    token = request.match_info["upload"]
    imports = frame.services.imports
    user = frame.user
    if form.text("do") == "answers":
        imports.answer(token, _answers(form), user=user.id)
        return see_other(f"/timetable/import/{token}")
    try:
        answer = await imports.commit(
            token,
            user=user.id,
            actor=user.id,
            key=once(frame, form),
            seen=parse_count(form.text("seen"), least=0, most=10**8) or 0,
            remove=form.all("remove"),
            without_clashes=form.has("without", "clashes"),
        )
    except ProblemError as problem:
        if problem.code == "upload_unknown":
            raise
        form.wrong("form", frame.say(problem))
        return await _preview(frame, form, status=STATUS_OF[problem.kind])
    term = imports.upload(token, user=user.id).term
    if answer is None:
        return see_other(f"/timetable/import/{token}")
    return see_other(f"/timetable?show=draft&term={term}", done="imported")


async def template(request: web.Request) -> web.StreamResponse:
    """The empty file to fill in, as a workbook or as CSV."""
    frame = Frame.of(request)
    language = frame.tongue.code
    if request.match_info["kind"] == "csv":
        body, kind = template_csv(language=language), "text/csv"
    else:
        work = partial(template_workbook, frame.roster, language=language)
        body, kind = await asyncio.to_thread(work), XLSX
    name = f"timetable-template.{request.match_info['kind']}"
    return download(body, kind, name)


def download(body: bytes, kind: str, name: str) -> web.Response:
    """A file to keep; `name` is ASCII."""
    return web.Response(
        body=body,
        content_type=kind,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


def _term(frame: Frame) -> Term | None:
    asked = frame.roster.terms.get(TermId(frame.request.query.get("term", "")))
    return asked or term_near(frame.roster, frame.today)


def _answers(form: Form) -> dict[tuple[str, str], str]:
    """`name-N` with `kind-N` and `as-N`: a label of the list, or an id."""
    found = {}
    for field in form.values:
        number = field.removeprefix("name-")
        if number == field:
            continue
        given = form.text(f"as-{number}")
        ident = given[given.rfind("(") + 1 : -1] if given.endswith(")") else given
        found[form.text(f"kind-{number}"), form.get(field)] = ident
    return found


async def _preview(frame: Frame, form: Form, *, status: int = 200) -> web.Response:
    token = frame.request.match_info["upload"]
    seen = await frame.services.imports.preview(token, user=frame.user.id)
    book = NameBook(frame.roster)
    columns = [f for f in COLUMNS if any(f in r.cells for r in seen.file.rows)]
    trials = list(zip(seen.file.rows, seen.trial.rows, strict=True))
    counts = Counter(_kind(t) for _, t in trials)
    only = frame.request.query.get("only", "")
    kept = [(r, t) for r, t in trials if _kept(only, r, t)]
    pages = max(1, -(-len(kept) // PAGE_ROWS))
    page = parse_count(frame.request.query.get("page", ""), least=1, most=pages) or 1
    shown = kept[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    counted = {"": len(trials), "problems": sum(_has_problem(r, t) for r, t in trials)}
    counted |= {kind.value: counts[kind] for kind in RowKind}
    return frame.render(
        "timetable_preview.html",
        status=status,
        problem=form.errors.get("form"),
        form=form,
        upload=seen.upload,
        preview=seen,
        term=frame.roster.terms[seen.upload.term],
        columns=[(f, _heading(frame, seen, f)) for f in columns],
        lines=[_line(frame, seen, r, t, columns) for r, t in shown],
        counts=counts,
        words=ROW_WORDS,
        kinds=list(RowKind),
        clashing=sum(bool(t.clashes) and bool(t.plan.commands) for _, t in trials),
        taken=sum(bool(t.plan.commands) and t.refused is None for _, t in trials),
        filters=[
            (f, text, frame.link(only=f or None, page=None), f == only, counted.get(f, 0))
            for f, text in FILTERS
        ],
        page_no=page,
        pages=pages,
        earlier=frame.link(page=page - 1) if page > 1 else None,
        later=frame.link(page=page + 1) if page < pages else None,
        unmatched=[
            (u, _suggestion(book, u.kind, u.candidates), _chosen(book, seen, u.kind, u.name))
            for u in seen.file.unmatched
        ],
        answered=[
            (kind, name, book.label(kind, ident))
            for (kind, name), ident in seen.upload.chosen.items()
        ],
        choices=_choices(frame.roster, book),
        kind_words=KIND_WORDS,
        vanished=[(s, _series_text(frame, s.subject, s.host.teacher)) for s in seen.plan.vanished],
        weekdays=WEEKDAYS,
        key=secrets.token_hex(16),
    )


def _kept(only: str, row: SheetRow, trial: RowTrial) -> bool:
    if only == "problems":
        return _has_problem(row, trial)
    return only in ("", _kind(trial).value)


def _kind(trial: RowTrial) -> RowKind:
    return RowKind.WRONG if trial.refused is not None else trial.plan.kind


def _has_problem(row: SheetRow, trial: RowTrial) -> bool:
    return bool(row.problems or trial.refused or trial.clashes or trial.warnings) or (
        trial.plan.kind is RowKind.REPEATED
    )


def _heading(frame: Frame, seen: Preview, field: str) -> str:
    zh, en, _ = COLUMNS[field]
    return seen.file.headers.get(field) or frame.tongue.pick(zh, en)


def _line(
    frame: Frame, seen: Preview, row: SheetRow, trial: RowTrial, columns: Sequence[str]
) -> Line:
    bad: dict[str, str] = {}
    for problem in row.problems:
        if problem.field is not None and bad.get(problem.field) != "missed":
            bad[problem.field] = "missed" if problem.grave else "partial"
    word = ROW_WORDS[_kind(trial)]
    remarks = [_remark(frame, seen, p) for p in row.problems]
    remarks += _about_plan(frame, trial)
    remarks += _clashes(frame, seen.trial.lessons, trial.clashes)
    for rule, number in Counter(w.rule for w in trial.warnings).items():
        text = frame.t(mark("%(what)s（%(n)s 次）"), what=frame.t(RULE_TITLES[rule]), n=number)
        remarks.append(Remark("partial", frame.t(mark("提醒")), text))
    cells = tuple(Cell(row.cells.get(f, ""), bad.get(f, "")) for f in columns)
    return Line(row, word, cells, tuple(remarks), trial.lessons)


def _remark(frame: Frame, seen: Preview, problem: CellProblem) -> Remark:
    about = "" if problem.field is None else _heading(frame, seen, problem.field)
    shape = "missed" if problem.grave else "partial"
    return Remark(shape, about, frame.tongue.pick(problem.zh, problem.en))


def _about_plan(frame: Frame, trial: RowTrial) -> list[Remark]:
    if trial.refused is not None:
        return [Remark("missed", frame.t(mark("不能排")), frame.say(trial.refused))]
    if trial.plan.kind is RowKind.REPEATED:
        text = frame.t(mark("与第 %(n)s 行相同，只导入一次。"), n=trial.plan.repeats)
        return [Remark("cancelled", frame.t(mark("重复")), text)]
    if trial.plan.kind is RowKind.CHANGED:
        named = [_field_name(frame, f) for f in trial.plan.fields]
        text = frame.t(mark("改动：%(what)s"), what=frame.t(mark("、")).join(named))
        return [Remark("held", frame.t(mark("修改")), text)]
    return []


_FIELD_COLUMNS: Final = {"host": "teacher", "school_class": "class"}


def _field_name(frame: Frame, field: str) -> str:
    if field == "host":
        return frame.t(mark("主讲"))
    zh, en, _ = COLUMNS[_FIELD_COLUMNS.get(field, field)]
    return frame.tongue.pick(zh, en)


def _clashes(
    frame: Frame, lessons: Mapping[OccurrenceId, Occurrence], clashes: Sequence[Clash]
) -> list[Remark]:
    """One sentence for each resource and other rule, however many dates it is about."""
    groups: dict[tuple[str, str, str], list[Clash]] = {}
    for clash in clashes:
        slots = sorted(_rule_of(lessons[i]) for i in clash.occurrences)
        groups.setdefault((clash.kind, clash.resource, "\0".join(slots)), []).append(clash)
    remarks = []
    for (kind, resource, _), found in list(groups.items())[:MAX_SHOWN_CLASHES]:
        first = found[0]
        names = frame.t(mark(" 与 ")).join(
            _series_text(frame, lessons[i].subject, lessons[i].host.teacher)
            for i in first.occurrences
        )
        text = frame.t(
            mark("%(what)s 同时有：%(lessons)s（%(day)s %(time)s 起，共 %(n)s 次）"),
            what=Names(frame, frame.roster).resource(kind, resource),
            lessons=names,
            day=frame.format.day(frame.format.civil(first.from_at)),
            time=frame.format.clock(first.from_at),
            n=len(found),
        )
        remarks.append(Remark("missed", frame.t(mark("冲突")), text))
    if len(groups) > MAX_SHOWN_CLASHES:
        more = frame.t(mark("另有 %(n)s 处冲突"), n=len(groups) - MAX_SHOWN_CLASHES)
        remarks.append(Remark("missed", frame.t(mark("冲突")), more))
    return remarks


def _rule_of(lesson: Occurrence) -> str:
    return str(lesson.slot.series if lesson.slot is not None else lesson.id)


def _series_text(frame: Frame, subject: str, teacher: str) -> str:
    known = next((t for t in frame.roster.teachers.values() if t.id == teacher), None)
    return f"{subject} {known.name if known else teacher}"


def _suggestion(book: NameBook, kind: str, candidates: Sequence[str]) -> str:
    return book.label(kind, candidates[0]) if len(candidates) == 1 else ""


def _chosen(book: NameBook, seen: Preview, kind: str, name: str) -> str:
    ident = seen.upload.chosen.get((kind, name))
    return "" if ident is None else book.label(kind, ident)


def _choices(roster: Roster, book: NameBook) -> dict[str, list[str]]:
    tables: Mapping[str, Sequence[str]] = {
        "classroom": tuple(roster.classrooms),
        "teacher": tuple(roster.teachers),
        "class": tuple(roster.classes),
        "school": tuple(roster.schools),
        "term": tuple(roster.terms),
    }
    return {k: [book.label(k, i) for i in ids[:MAX_CHOICES]] for k, ids in tables.items()}


ROUTES = (
    PageRoute("timetable-upload", "GET", "/timetable/import", start, ADMIN),
    PageRoute(
        "timetable-template", "GET", "/timetable/import/template.{kind:xlsx|csv}", template, ADMIN
    ),
    PageRoute("timetable-preview", "GET", "/timetable/import/{upload}", preview, ADMIN),
    PageRoute("timetable-preview-act", "POST", "/timetable/import/{upload}", act, ADMIN),
)
