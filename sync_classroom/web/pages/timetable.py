"""The timetable: a week as a grid, all rooms at once, or the term's rules; draft and published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from ...domain.accounts import Role
from ...domain.grid import Column, Entry, EntryState, Grid, Row, RowKind, proven_state, week_grid
from ...domain.grid_pattern import halves, pattern_grid
from ...domain.grid_rooms import OverviewCell, rooms_overview
from ...domain.grid_views import View, ViewKind, audience_of, school_of
from ...domain.ids import SchoolId
from ...domain.roster import Roster, SchoolRole
from ..i18n import mark
from .frame import Frame, environment
from .route import SCHOOL, SIGNED_IN, PageRoute
from .timetable_choice import Choice, Shown, choice_of, monday_of, weeks_of
from .timetable_desk import Desk, desk_of, state_text
from .timetable_side import side_of
from .timetable_words import STATE_WORDS, VIEW_WORDS, Card, Cards, make_up_text, weekday_name

#: Lessons of one view whose evidence is read for their chips: a room's week and some more.
MOST_PROVEN: Final = 60
SHOWN_WORDS: Final = {
    Shown.DRAFT: mark("草稿"),
    Shown.PUBLISHED: mark("已发布"),
    Shown.PATTERN: mark("周模式"),
}


# What script says; `{…}` is filled in there.
_SCRIPT_WORDS: Final = {
    "carrying": mark("拿起了。方向键选位置，Enter 放下，Esc 放弃。"),
    "letGo": mark("放弃移动。"),
    "can": mark("可以放这里。"),
    "elsewhere": mark("主讲校这时没有节次。"),
    "cannot": mark("这里放不下：{why}。"),
    "anyway": mark("仍放这里，之后再解决冲突"),
    "moved": mark("已移到 {day} {date} 第 {n} 节 {start}，仅这一次。"),
    "movedFree": mark("已移到选定的空位。"),
    "placed": mark("已排在每{day}第 {n} 节。"),
    "everyWeek": mark("从本周起每周都这样"),
    "everyWeekDone": mark("从本周起每周都改了。"),
    "undo": mark("撤销"),
    "again": mark("在最新草稿上再做一次"),
    "retry": mark("再试一次"),
    "failed": mark("没有连上服务器，刚才的操作可能没有完成。"),
    "nothing": mark("没有改动任何内容。"),
    "swap": mark("与它对调"),
    "swapped": mark("两节课已对调，仅这一次。"),
    "followed": mark("课程已按现在的校历和作息重排。"),
    "sure": mark("放弃整个草稿？所有人没有发布的改动都会丢掉。"),
    "discarded": mark("草稿已放弃，与已发布的一致。"),
    "drop": mark("去掉"),
    "back": mark("恢复"),
    "edit": mark("改"),
    "seatClass": mark("班级"),
    "seatExpected": mark("应到人数"),
    "seatAssistant": mark("助教"),
    "expects": mark("应到 {n}"),
    "assisted": mark("助教 {name}"),
}


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head: `note` says what a make-up day follows or why there is no school."""

    column: Column
    name: str
    note: str


@dataclass(frozen=True, slots=True)
class CellView:
    """One cell of a week: `odd`, `even` are only filled where they share it."""

    every: tuple[Card, ...]
    odd: tuple[Card, ...] = ()
    even: tuple[Card, ...] = ()
    clock: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One row with its cells, a cell for each column."""

    row: Row
    kind: str
    cells: tuple[CellView, ...]


async def show(request: web.Request) -> web.StreamResponse:
    """The week of the address; with `?part=work` only what changes while one edits."""
    frame = Frame.of(request)
    choice = choice_of(frame)
    if choice is None:
        return frame.render("timetable_empty.html")
    office = frame.may(Role.ADMIN)
    desk = await desk_of(frame, choice, draft=office)
    part = request.query.get("part") == "work"
    template = "_timetable_work.html" if part else "timetable.html"
    state = await state_text(frame, desk.draft, draft=office and desk.editing)
    return frame.render(template, **_values(frame, desk, part=part), state=state)


async def states(request: web.Request) -> web.StreamResponse:
    """JSON for script: what evidence makes of the lessons of the view that are over.

    Asked for after the page is there, because it reads every sample of them.
    """
    frame = Frame.of(request)
    choice = choice_of(frame)
    if choice is None or choice.view is None:
        return web.json_response({}, headers={"Cache-Control": "no-store"})
    desk = await desk_of(frame, choice, draft=frame.may(Role.ADMIN))
    over = {
        o.id: audience
        for o in desk.week
        if desk.plan.states.get(o.id) is EntryState.HELD
        and not o.withdrawn
        and (audience := audience_of(choice.view, o, frame.roster)) is not None
    }
    chosen = [o for o in desk.week if o.id in over][:MOST_PROVEN]
    proven = await frame.services.evidence.seat_states(chosen)
    told = {}
    for lesson in chosen:
        rooms = {a.classroom for a in over[lesson.id]}
        seats = (proven.get((lesson.id, s.id)) for s in lesson.seats if s.classroom in rooms)
        state = proven_state(s for s in seats if s is not None)
        word = STATE_WORDS[state]
        told[lesson.id] = {"state": state.value, "shape": word.shape, "word": frame.t(word.text)}
    return web.json_response(told, headers={"Cache-Control": "no-store"})


def _values(frame: Frame, desk: Desk, *, part: bool) -> dict[str, Any]:
    choice = desk.choice
    may_edit = frame.may(Role.ADMIN) and choice.shown is not Shown.PUBLISHED
    values: dict[str, Any] = {
        "choice": choice,
        "desk": desk,
        "may_edit": may_edit,
        "grid": None,
        "overview": None,
        "clocks": _clocks(desk) if may_edit else {},
        "title": desk.names.of(choice.view) if choice.view else frame.t(mark("全部教室")),
        **_drawn(frame, desk, draft=may_edit and choice.shown is Shown.DRAFT),
        "side": side_of(frame, desk) if may_edit else None,
        "part": frame.link(part="work"),
    }
    if not part:
        values |= _controls(frame, choice)
    return values


def _drawn(frame: Frame, desk: Desk, *, draft: bool) -> dict[str, Any]:
    choice = desk.choice
    cards = Cards(
        frame,
        desk.names,
        faults=desk.faults,
        changed=desk.changed,
        today=frame.today,
    )
    if choice.view is None and choice.shown is not Shown.PATTERN:
        overview = rooms_overview(
            choice.monday,
            desk.week,
            desk.plan,
            today=frame.today,
            schools=_schools_in_order(frame.roster, choice.monday),
        )
        dots = _Dots(frame, cards, draft=draft)
        return {
            "overview": overview,
            "lessons": len(desk.week),
            "heads": tuple(_overview_head(frame, d) for d in overview.days),
            "dot": dots.dot,
            "cell": dots.cell,
            "described": dots.described,
        }
    view = choice.view or View(ViewKind.HOST, _first_host(frame.roster))
    if choice.shown is Shown.PATTERN:
        grid = pattern_grid(view, choice.monday, desk.plan.series.values(), desk.plan)
    else:
        grid = week_grid(view, choice.monday, desk.week, desk.plan, today=frame.today)
    return {
        "grid": grid,
        "lessons": grid.lessons,
        "school": school_of(view, frame.roster),
        "title": desk.names.of(view),
        "heads": tuple(_head(frame, c) for c in grid.columns),
        "lines": _lines(grid, cards, pattern=choice.shown is Shown.PATTERN),
    }


def _lines(grid: Grid, cards: Cards, *, pattern: bool) -> tuple[Line, ...]:
    lines = []
    for r, row in enumerate(grid.rows):
        cells = []
        for c, column in enumerate(grid.columns):
            made = {e.id: cards.card(e, grid.view) for e in grid.at(r, c)}
            clock = _own_clock(row, column)
            if not pattern:
                cells.append(CellView(tuple(made.values()), clock=clock))
                continue
            split = halves(grid.at(r, c))
            every, odd, even = (
                tuple(made[e.id] for e in half) for half in (split.every, split.odd, split.even)
            )
            cells.append(CellView(every, odd, even, clock))
        lines.append(Line(row, row.kind.value, tuple(cells)))
    return tuple(lines)


def _own_clock(row: Row, column: Column) -> str:
    """The cell's own times where that day's bells differ from the row's."""
    if row.kind is not RowKind.PERIOD or row.no is None or not column.own_bells:
        return ""
    period = column.clock(row.no)
    if period is None or (period.start, period.end) == (row.start, row.end):
        return ""
    return f"{period.start:%H:%M}–{period.end:%H:%M}"


def _head(frame: Frame, column: Column) -> Head:
    note = ""
    day = column.day
    if day is not None and not day.teaching:
        note = frame.tongue.pick(day.reason.zh, day.reason.en) or frame.t(mark("不上课"))
    elif day is not None and column.make_up:
        note = make_up_text(frame, day.weekday, day.week)
    elif column.own_bells:
        note = frame.t(mark("作息不同"))
    return Head(column, weekday_name(frame, column.weekday), note)


def _overview_head(frame: Frame, day: Any) -> Head:
    answer = next(iter(day.days.values()))
    column = Column(day.date.isoweekday(), day.date, answer, None, day.today)
    note = ""
    if day.off:
        note = frame.tongue.pick(answer.reason.zh, answer.reason.en) or frame.t(mark("不上课"))
    elif day.make_up:
        teaching = next(d for d in day.days.values() if d.teaching)
        note = make_up_text(frame, teaching.weekday, teaching.week)
    return Head(column, weekday_name(frame, column.weekday), note)


class _Dots:
    """Marks and cells of an overview, each made once: of thousands, few differ."""

    def __init__(self, frame: Frame, cards: Cards, *, draft: bool) -> None:
        self._cards = cards
        self._draft = draft
        self._known: dict[str, Card] = {}
        self._dots: dict[tuple[str, EntryState], str] = {}
        self._cells: dict[tuple[date, int | None, bool, bool], str] = {}
        parts: Any = environment(frame.tongue.code).get_template("_timetable_cards.html").module
        self._dot, self._cell = parts.dot, parts.cell

    def dot(self, entry: Entry) -> str:
        """A lesson in the line of a classroom."""
        key = (entry.id, entry.state)
        made = self._dots.get(key)
        if made is None:
            card = self._known.get(entry.id)
            if card is None:
                card = self._known[entry.id] = self._cards.card(entry, None)
            made = self._dots[key] = self._dot(card, entry.state.value, self._draft)
        return made

    def cell(self, cell: OverviewCell) -> str:
        """The beginning of a cell."""
        key = (cell.date, cell.no, cell.off, cell.absent)
        made = self._cells.get(key)
        if made is None:
            made = self._cells[key] = self._cell(cell)
        return made

    def described(self) -> Iterable[tuple[str, str]]:
        """Every lesson that was marked, in full."""
        return ((ident, card.describes) for ident, card in self._known.items())


def _schools_in_order(roster: Roster, on: date) -> list[SchoolId]:
    """Those that give first, then those that receive, as the roster has them."""
    there = [
        s
        for s in roster.schools.values()
        if s.joined_on <= on and (s.left_on is None or s.left_on > on)
    ]
    ordered = sorted(there, key=lambda s: s.role is not SchoolRole.HOST)
    return [s.id for s in ordered]


def _first_host(roster: Roster) -> SchoolId:
    hosts = [s.id for s in roster.schools.values() if s.role is SchoolRole.HOST]
    return (hosts or list(roster.schools))[0]


def _clocks(desk: Desk) -> Mapping[str, Mapping[str, Sequence[tuple[int, str, str]]]]:
    """Every school's periods of the week, for script: `{school: {date: [[no, start, end]]}}`."""
    clocks: dict[str, dict[str, list[tuple[int, str, str]]]] = {}
    for school in desk.plan.roster.schools:
        week = clocks.setdefault(school, {})
        for n in range(7):
            on = date.fromordinal(desk.choice.monday.toordinal() + n)
            bells = desk.plan.calendar.day(school, on).bell_set
            week[on.isoformat()] = [
                (p.no, f"{p.start:%H:%M}", f"{p.end:%H:%M}")
                for p in (bells.periods if bells is not None else ())
            ]
    return clocks


def _controls(frame: Frame, choice: Choice) -> dict[str, Any]:
    """What chooses: terms, weeks, views, plans."""
    most = weeks_of(choice.term)
    now = {"part": None}
    shown = (Shown.DRAFT, Shown.PUBLISHED, Shown.PATTERN)
    if not frame.may(Role.ADMIN):
        shown = (Shown.PUBLISHED, Shown.PATTERN)  # type: ignore[assignment]
    return {
        "terms": tuple(frame.roster.terms.values()),
        "weeks": [(n, monday_of(choice.term, n)) for n in range(1, most + 1)],
        "earlier": frame.link(**now, week=choice.week - 1) if choice.week > 1 else None,
        "later": frame.link(**now, week=choice.week + 1) if choice.week < most else None,
        "this_week": frame.link(**now, week=None, term=None),
        "shown": [
            (s.value, frame.t(SHOWN_WORDS[s]), frame.link(**now, show=s.value), s is choice.shown)
            for s in shown
        ],
        "kept": {k: v for k, v in frame.request.query.items() if k in ("by", "id", "show")},
        "export": f"/timetable/export.xlsx?{urlencode(_exported(choice))}",
        "may_subscribe": frame.may(*SCHOOL),
        "may_import": frame.may(Role.ADMIN),
        "everything": frame.link(**now, by="rooms", id=None),
        "views": _views(frame),
        "words": {
            **{name: frame.t(text) for name, text in _SCRIPT_WORDS.items()},
            **{f"day{n}": weekday_name(frame, n) for n in range(1, 8)},
        },
    }


def _exported(choice: Choice) -> dict[str, str]:
    """What the workbook of this very grid is asked for by; all rooms are a sheet each."""
    asked = {"term": choice.term.id, "week": str(choice.week), "show": choice.shown.value}
    if choice.view is None:
        return asked | {"by": ViewKind.CLASSROOM.value}
    return asked | {"by": choice.view.kind.value, "id": choice.view.id}


def _views(frame: Frame) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Every view there is: (kind in words, [(name, school, address)])."""
    roster = frame.roster
    schools = {s.id: s.name for s in roster.schools.values()}
    hosts = [(s.id, s.name, "") for s in roster.schools.values() if s.role is SchoolRole.HOST]
    everything: Mapping[ViewKind, Sequence[tuple[str, str, str]]] = {
        ViewKind.HOST: hosts,
        ViewKind.SCHOOL: [(s.id, s.name, "") for s in roster.schools.values()],
        ViewKind.CLASSROOM: [(c.id, c.name, schools[c.school]) for c in roster.classrooms.values()],
        ViewKind.CLASS: [(c.id, c.name, schools[c.school]) for c in roster.classes.values()],
        ViewKind.TEACHER: [(t.id, t.name, schools[t.school]) for t in roster.teachers.values()],
    }
    # One address is made and the rest are written into it: hundreds of them stand in the list.
    address = frame.link(part=None, by="{by}", id="{id}").replace("%7B", "{").replace("%7D", "}")
    return [
        (
            frame.t(VIEW_WORDS[kind]),
            [
                (name, school, address.replace("{by}", kind.value).replace("{id}", ident))
                for ident, name, school in found
            ],
        )
        for kind, found in everything.items()
    ]


ROUTES = (
    PageRoute("timetable", "GET", "/timetable", show, SIGNED_IN),
    PageRoute("timetable.states", "GET", "/timetable/states", states, SIGNED_IN, "/timetable"),
)
