"""Where terminals' own journals differ from the relay's evidence: how many seats, and which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from ...domain.second_opinion import DIFFERS, SeatOpinion, Verdict
from ...domain.timetable import Occurrence
from ..formats import Rate, rate
from .frame import Frame
from .period import Period, asked
from .route import BUREAU, PageRoute
from .words import SECOND_WORDS, Word

PER_PAGE: Final = 50
MAX_PAGE: Final = 10_000
_VERDICTS: Final = {v.value: v for v in SECOND_WORDS}


@dataclass(frozen=True, slots=True)
class Share:
    """How many seats of a period have a second opinion, of the due ones, and which."""

    opinions: int
    of_due: Rate
    verdicts: tuple[tuple[Verdict, Word, int, Rate], ...]
    differing: int


@dataclass(frozen=True, slots=True)
class Row:
    """One seat of the list, with its lesson."""

    opinion: SeatOpinion
    lesson: Occurrence
    word: Word
    room: str
    school: str


async def share(frame: Frame, period: Period, due: int) -> Share:
    """The shares of a period with so many due seats."""
    counts = await frame.services.journals.counts(period.first, period.last)
    total = sum(counts.values())
    return Share(
        total,
        rate(total, due),
        tuple((v, SECOND_WORDS[v], n, rate(n, total)) for v, n in counts.items()),
        sum(counts[v] for v in DIFFERS),
    )


async def show(request: web.Request) -> web.StreamResponse:
    """The seats of a period that differ, or those with `?verdict=`; the latest day first."""
    frame = Frame.of(request)
    query = request.query
    period, complaint = asked(query, frame.today, frame.roster)
    chosen = query.get("verdict", "") if query.get("verdict", "") in _VERDICTS else ""
    page = _page(query.get("page", ""))
    found = await frame.services.journals.opinions(
        period.first,
        period.last,
        verdicts=(_VERDICTS[chosen],) if chosen else DIFFERS,
        skip=(page - 1) * PER_PAGE,
        limit=PER_PAGE + 1,
    )
    lessons = await frame.services.store.occurrences_of({o.occurrence for o in found})
    await frame.services.coverage.log_access(
        frame.user.login, "coverage.page", f"{period.first}…{period.last}"
    )
    return frame.render(
        "second_opinions.html",
        problem=frame.t(complaint) if complaint else None,
        period=period,
        dates=f"from={period.first}&to={period.last}",
        link=frame.link,
        chosen=chosen,
        choices=[(v.value, word) for v, word in SECOND_WORDS.items()],
        rows=[_row(frame, o, lessons[o.occurrence]) for o in found[:PER_PAGE]],
        number=page,
        more=len(found) > PER_PAGE,
    )


def _row(frame: Frame, opinion: SeatOpinion, lesson: Occurrence) -> Row:
    room = frame.roster.classrooms[opinion.classroom]
    school = frame.roster.schools[room.school]
    return Row(opinion, lesson, SECOND_WORDS[opinion.verdict], room.name, school.name)


def _page(text: str) -> int:
    plain = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_PAGE))
    return min(max(1, int(text)), MAX_PAGE) if plain else 1


ROUTES = (PageRoute("second-opinions", "GET", "/coverage/second-opinions", show, BUREAU),)
