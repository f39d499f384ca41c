"""One school's stream of help: every lesson, meeting and push order, and how much of it arrived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from ...domain.activity import Help, HelpMode
from ...domain.ids import ResourceId, SchoolId
from ..i18n import mark
from .coverage import MODES, compare_query
from .coverage_places import unknown_place
from .frame import Frame
from .period import PRESETS, Period, asked, preset
from .route import BUREAU, PageRoute
from .words import Word

PER_PAGE: Final = 50
ALL: Final = Word("held", mark("全部收到"))
SOME: Final = Word("partial", mark("部分收到"))
NONE: Final = Word("missed", mark("没有收到"))
WITHDRAWN: Final = Word("cancelled", mark("已停或已移"))
TO_COME: Final = Word("waiting", mark("还没结束"))
_HREF: Final = {
    HelpMode.LIVE: "/lessons/{}",
    HelpMode.RESEARCH: "/research/{}",
    HelpMode.PUSH: "/pushes/{}",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the stream in words. `href` is "" where there is no page of it."""

    help: Help
    mode: str
    word: Word
    source: str
    href: str


@dataclass(frozen=True, slots=True)
class Sum:
    """One mode over the whole period: how often help was meant for the school, and came."""

    code: str
    text: str
    count: int
    addressed: int
    reached: int


async def show(request: web.Request) -> web.StreamResponse:
    """The stream of `/coverage/schools/{school}/activity`; `?mode=` one mode, `?page=` the page."""
    frame = Frame.of(request)
    school = SchoolId(request.match_info["school"])
    if school not in frame.roster.schools:
        raise unknown_place(school, "学校", "school", known=False)
    period, complaint = asked(request.query, frame.today, frame.roster)
    found = await frame.services.coverage.activity(school, period.first, period.last)
    pending = await frame.services.coverage.pending(period.first, period.last)
    unfinished: set[str] = {s.occurrence for s in pending}
    mode = request.query.get("mode", "")
    mode = mode if mode in {m.value for m in HelpMode} else ""
    chosen = [h for h in found if mode in ("", h.mode)]
    pages = max(1, -(-len(chosen) // PER_PAGE))
    page = _page(request.query.get("page", ""), pages)
    await frame.services.coverage.log_access(
        frame.user.login, "coverage.page", f"{period.first}…{period.last} {school}"
    )
    dates = f"from={period.first}&to={period.last}{compare_query(request.query)}"
    shown = chosen[(page - 1) * PER_PAGE : page * PER_PAGE]
    titles = await _titles(frame, shown)
    return frame.render(
        "coverage_activity.html",
        problem=frame.t(complaint) if complaint else None,
        place=frame.roster.schools[school].name,
        school=school,
        period=period,
        dates=dates,
        link=frame.link,
        presets=_presets(frame, period),
        sums=_sums(found),
        chosen=mode,
        rows=[_row(frame, h, unfinished, titles) for h in shown],
        number=page,
        pages=pages,
        total=len(chosen),
    )


def _presets(frame: Frame, period: Period) -> Sequence[tuple[str, str, bool]]:
    return [
        (
            text,
            frame.link(period=name, **{"from": None, "to": None, "page": None}),
            period.preset == name,
        )
        for name, text in PRESETS
        if preset(name, frame.today, frame.roster)
    ]


def _sums(found: Iterable[Help]) -> Sequence[Sum]:
    own = {code: [h for h in found if h.mode == code] for code, _ in MODES}
    return [
        Sum(code, text, len(own[code]), sum(h.addressed for h in own[code]),
            sum(h.reached for h in own[code]))
        for code, text in MODES
    ]  # fmt: skip


async def _titles(frame: Frame, found: Iterable[Help]) -> dict[str, str]:
    """What the library calls the pushed resources; orders told of by other systems have others."""
    wanted = {ResourceId(h.title) for h in found if h.mode is HelpMode.PUSH}
    return {r.id: r.details.title for r in await frame.services.store.resources_by_id(wanted)}


def _row(frame: Frame, found: Help, unfinished: set[str], titles: Mapping[str, str]) -> Row:
    source = frame.roster.schools.get(found.source) if found.source else None
    href = _HREF[found.mode].format(found.ident)
    if found.mode is HelpMode.PUSH and found.title not in titles:
        href = ""  # only the library's orders have a page
    text = next(text for code, text in MODES if code == found.mode)
    return Row(
        replace(found, title=titles.get(found.title, found.title)),
        text,
        TO_COME if found.ident in unfinished else word_of(found),
        source.name if source else found.source or "",
        href,
    )


def word_of(found: Help) -> Word:
    """How much of it arrived, in a word."""
    if not found.addressed:
        return WITHDRAWN
    if found.reached == found.addressed:
        return ALL
    return SOME if found.reached else NONE


def _page(text: str, pages: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 1
    return min(max(1, number), pages)


ROUTES = (
    PageRoute("coverage-activity", "GET", "/coverage/schools/{school}/activity", show, BUREAU),
)
