"""巡课: every live lesson with a small live picture of each room; one can be looked into.

The pages tell what is known; the pictures come from the relay to `wall.js`, which asks for them by
`/api/wall`, where each look is written down.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from ...coordinator.views import LessonView, SeatView
from ...domain.documents import Document
from ...domain.ids import OccurrenceId
from ...domain.lesson import LessonState
from .frame import Frame
from .lesson_documents import NowShown, now_shown
from .route import BUREAU, PageRoute
from .words import PATH_NAMES, SEAT_NOW, Word, seat_now

HOME: Final = "/wall"


@dataclass(frozen=True, slots=True)
class Tile:
    """One room's picture and what is known of it; `source` is how the relay calls the picture."""

    source: str
    school: str
    room: str
    word: Word
    line: str
    present: int | None
    expected: int | None
    hand: bool


@dataclass(frozen=True, slots=True)
class LiveLesson:
    """A lesson that is live. `signature` changes when other pictures belong to it.

    `page` is what its rooms see of a document.
    """

    view: LessonView
    tiles: tuple[Tile, ...]
    receiving: int
    present: int
    counted: int
    running_s: int
    page: NowShown | None

    @property
    def signature(self) -> str:
        """Which pictures there are, in order."""
        return " ".join(tile.source for tile in self.tiles)


async def show(request: web.Request) -> web.StreamResponse:
    """All live lessons, `?part=live` without what surrounds them."""
    frame = Frame.of(request)
    views = await frame.services.watching.now()
    lessons = await _live(frame, views)
    return frame.render(
        "_wall_live.html" if _live_only(frame) else "wall.html",
        lessons=lessons,
        waiting=[view for view in views if view.run.state is LessonState.OPEN],
        rooms=sum(len(lesson.tiles) for lesson in lessons),
        receiving=sum(lesson.receiving for lesson in lessons),
        present=sum(lesson.present for lesson in lessons),
        counted=sum(lesson.counted for lesson in lessons),
        part=frame.link(part="live"),
        one=False,
    )


async def look(request: web.Request) -> web.StreamResponse:
    """One lesson, large: as its rooms see and hear it, without being one of them."""
    frame = Frame.of(request)
    wanted = OccurrenceId(request.match_info["occurrence"])
    views = [v for v in await frame.services.watching.now() if v.occurrence.id == wanted]
    lessons = await _live(frame, views)
    return frame.render(
        "_wall_live.html" if _live_only(frame) else "wall_lesson.html",
        lessons=lessons,
        waiting=[],
        lesson=lessons[0] if lessons else None,
        occurrence=wanted,
        part=frame.link(part="live"),
        one=True,
    )


def _live_only(frame: Frame) -> bool:
    return frame.request.query.get("part") == "live"


async def _live(frame: Frame, views: Iterable[LessonView]) -> list[LiveLesson]:
    live = [view for view in views if view.run.state is LessonState.LIVE]
    documents = await frame.services.documents.of_all(
        v.occurrence.id for v in live if v.floor.page is not None
    )
    return [_lesson(frame, v, documents.get(v.occurrence.id, ())) for v in live]


def _lesson(frame: Frame, view: LessonView, documents: Sequence[Document]) -> LiveLesson:
    seats = view.due_seats
    counted = [s.present for s in seats if s.present is not None]
    begun = view.run.live_at or frame.now
    return LiveLesson(
        view,
        tuple(_tile(frame, view, seat) for seat in seats),
        sum(s.receiving for s in seats),
        sum(counted),
        len(counted),
        max(0, int((frame.now - begun).total_seconds())),
        now_shown(view, documents),
    )


def _tile(frame: Frame, view: LessonView, seat: SeatView) -> Tile:
    return Tile(
        f"seat:{seat.seat.id}",
        seat.school.name,
        seat.classroom.name,
        SEAT_NOW[seat_now(view, seat, frame.now)],
        _line(frame, seat),
        seat.present,
        seat.seat.expected,
        seat.hand_at is not None,
    )


def _line(frame: Frame, seat: SeatView) -> str:
    """How the relay's packets get through to a seat, in figures; empty while none do."""
    if not seat.receiving:
        return ""
    words = [PATH_NAMES.get(seat.path or "", (seat.path or "").upper())]
    if seat.rtt_ms is not None:
        words.append(f"{seat.rtt_ms:.0f} ms")
    if seat.loss:
        words.append(frame.t("丢包 %(share)s", share=f"{seat.loss * 100:.1f} %"))
    return " ".join(filter(None, words))


ROUTES = (
    PageRoute("wall", "GET", HOME, show, BUREAU),
    PageRoute("wall-lesson", "GET", "/wall/{occurrence}", look, BUREAU),
)
