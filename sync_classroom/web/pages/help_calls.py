"""Calls for help from classrooms, with what their terminals knew, and who took them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web

from ...domain.help_calls import HelpCall, waits
from ...domain.ids import ActId
from ...domain.problems import ProblemError
from ..i18n import mark
from ..problems import STATUS_OF
from .frame import Frame, posted, see_other
from .route import OFFICE, PageRoute
from .terminals import Check, selfcheck_words
from .words import PATH_NAMES, Word

HOME: Final = "/help"
CALLS_PER_PAGE: Final = 50
WAITING: Final = Word("live", mark("等人接手"))
ANSWERED: Final = Word("held", mark("已接手"))
STALE: Final = Word("unknown", mark("过时未接"))
_LINES: Final = {
    "good": Word("held", mark("正常")),
    "weak": Word("partial", mark("差")),
    "reconnecting": Word("missed", mark("正在重连")),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One call in words. `errors` are (when, what), latest first."""

    call: HelpCall
    school: str
    room: str
    word: Word
    lesson: str | None
    answerer: str
    checks: tuple[Check, ...]
    line: Check | None
    errors: tuple[tuple[datetime, str], ...]


async def show(request: web.Request) -> web.StreamResponse:
    """The latest calls, those that wait first; `?before=` goes on with older ones."""
    return await _page(Frame.of(request))


async def answer(request: web.Request) -> web.StreamResponse:
    """Take a call on; the room is told who did."""
    frame = Frame.of(request)
    form = await posted(request)
    try:
        taken = await frame.services.help_desk.answer(ActId(form.text("call")[:64]), frame.user)
    except ProblemError as problem:
        return await _page(frame, problem=problem)
    return see_other(HOME, done="help-taken" if taken else "help-taken-before")


async def _page(frame: Frame, *, problem: ProblemError | None = None) -> web.Response:
    desk = frame.services.help_desk
    before = _instant(frame.request.query.get("before", ""))
    found = await desk.latest(before=before, limit=CALLS_PER_PAGE + 1)
    shown = found[:CALLS_PER_PAGE]
    # Those that wait are on the first page however many came after them.
    waiting = await desk.waiting() if before is None else []
    first = {call.id for call in waiting}
    names = {u.login: u.name for u in await frame.services.store.users()}
    calls = [*waiting, *(call for call in shown if call.id not in first)]
    titles = await _titles(frame, calls)
    part = frame.request.query.get("part") == "live"
    return frame.render(
        "_help_live.html" if part else "help.html",
        status=STATUS_OF[problem.kind] if problem else 200,
        problem=frame.say(problem) if problem else None,
        rows=[_row(frame, call, names, titles) for call in calls],
        waiting=len(waiting),
        part=frame.link(part="live"),
        first_page=before is None,
        latest=frame.link(before=None, part=None),
        older=frame.link(before=shown[-1].at.isoformat(), part=None)
        if len(found) > len(shown)
        else None,
    )


def _instant(text: str) -> datetime | None:
    """An instant of this page's own links; None for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


async def _titles(frame: Frame, calls: Sequence[HelpCall]) -> Mapping[str, str]:
    """What the lessons of these calls are called; without those that are not there."""
    wanted = {call.lesson for call in calls if call.lesson is not None}
    planned = await frame.services.store.occurrences_of(sorted(wanted))
    return {o.id: " · ".join(filter(None, (o.subject, o.title))) for o in planned.values()}


def _row(frame: Frame, call: HelpCall, names: Mapping[str, str], titles: Mapping[str, str]) -> Row:
    room = frame.roster.classrooms.get(call.classroom)
    school = frame.roster.schools[room.school].name if room else ""
    word = WAITING if waits(call, frame.now) else STALE if call.answered_at is None else ANSWERED
    state, by = call.state, call.answered_by or ""
    check = state.get("selfcheck")
    return Row(
        call,
        school,
        room.name if room else call.classroom,
        word,
        titles.get(call.lesson or ""),
        names.get(by, by),
        selfcheck_words(frame, check) if check else (),
        _line(frame, state.get("line")),
        tuple(
            (call.at - timedelta(seconds=e["ago_s"]), e["text"])
            for e in reversed(state.get("errors", ()))
        ),
    )


def _line(frame: Frame, line: Mapping[str, Any] | None) -> Check | None:
    if line is None:
        return None
    word = _LINES[line["state"]]
    words = [
        frame.t("线路"),
        frame.t(word.text),
        PATH_NAMES.get(line["path"], ""),
        f"{line['kbps']:.0f} kbit/s",
    ]
    if line["loss"]:
        words.append(frame.t("丢包 %(share)s", share=f"{line['loss'] * 100:.1f} %"))
    return Check(word.shape, " ".join(filter(None, words)))


ROUTES = (
    PageRoute("help", "GET", HOME, show, OFFICE),
    PageRoute("help-answer", "POST", "/help/answer", answer, OFFICE),
)
