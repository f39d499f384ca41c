"""API: what a terminal's room missed of the lesson it is in, and may watch there."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ..coordinator.missed import Offer
from ..domain.ids import OccurrenceId
from ..domain.intervals import instant_of
from ..domain.missed import Missed
from ..domain.page_track import part_of
from .access import TERMINAL
from .missed_file import file_url
from .routes import ApiRoute, Call, Out


class PartOut(Out):
    """A file that has some of it: `source` is `camera` (with the voice) or `screen`.

    Seconds count from the recording's start; `href?from_s=…&to_s=…` answers with what plays them.
    """

    source: str
    href: str
    start_s: float
    from_s: float
    to_s: float


class ShownPageOut(Out):
    """A document page that the rooms saw for `[from_s, to_s)` of the recording; its picture is of
    the lesson's documents, `width` and `height` are those of the largest."""

    document: str
    name: str
    page: int
    pages: int
    width: int
    height: int
    from_s: float
    to_s: float


class MissedOut(Out):
    """One loss; `from_s` and `to_s` are its place in the recording. `parts` is empty while the
    recording has not come so far."""

    from_at: datetime
    to_at: datetime
    from_s: float
    to_s: float
    parts: list[PartOut]
    pages: list[ShownPageOut]


class OfferOut(Out):
    """Everything the room missed and can watch. `until` is how far its evidence goes. `over`: the
    lesson has ended; `make_up`: its recording will be pushed to this room by itself."""

    over: bool
    make_up: bool
    until: datetime | None
    missed: list[MissedOut]


async def missed(call: Call[None, None]) -> OfferOut:
    """The offer."""
    lesson = OccurrenceId(call.path("lesson"))
    offer = await call.services.missed.offer(call.request[TERMINAL], lesson)
    return OfferOut(
        over=offer.over,
        make_up=offer.make_up,
        until=offer.until,
        missed=[_missed(lesson, offer, one) for one in offer.spans],
    )


def _missed(lesson: OccurrenceId, offer: Offer, one: Missed) -> MissedOut:
    started = offer.recording.started_at if offer.recording is not None else None
    zero = one.first if started is None else started.timestamp()
    pages = part_of(offer.pages, from_s=one.first - zero, to_s=one.last - zero)
    return MissedOut(
        from_at=instant_of(one.first),
        to_at=instant_of(one.last),
        from_s=round(one.first - zero, 3),
        to_s=round(one.last - zero, 3),
        parts=[
            PartOut(
                source=part.file.source,
                href=file_url(lesson, part.file.name),
                start_s=part.file.start_s,
                from_s=part.from_s,
                to_s=part.to_s,
            )
            for part in one.parts
        ],
        pages=[
            ShownPageOut(
                document=shown.document.id,
                name=shown.document.name,
                page=shown.page,
                pages=len(shown.document.pages),
                width=shown.size.width,
                height=shown.size.height,
                from_s=shown.from_s,
                to_s=shown.to_s,
            )
            for shown in pages
        ],
    )


ROUTES: Final = (
    ApiRoute(
        "api.terminal.missed", "GET", "/api/terminal/lessons/{lesson}/missed", missed,
        "What the terminal's room missed of a lesson that runs", answer=OfferOut, problems=(404,),
    ),
)  # fmt: skip
