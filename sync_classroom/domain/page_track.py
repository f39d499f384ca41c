"""The pages that were shown in a lesson, beside its recording: which one when, on a file's time.

Page turns are facts of the lesson with instants; a player needs them in seconds of what it plays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from .documents import Document, PageSize, ShownPage


@dataclass(frozen=True, slots=True)
class PageTurn:
    """A page that all rooms saw, `[from_at, to_at)`; `to_at` None: until the lesson's end."""

    shown: ShownPage
    from_at: datetime
    to_at: datetime | None


@dataclass(frozen=True, slots=True)
class TrackPage:
    """A page on a player's time: it is shown for `[from_s, to_s)`."""

    document: Document
    page: int
    from_s: float
    to_s: float

    @property
    def size(self) -> PageSize:
        """Its largest picture, pixels."""
        return self.document.pages[self.page - 1]


def page_track(
    turns: Iterable[PageTurn],
    documents: Iterable[Document],
    zero: datetime,
    *,
    from_s: float,
    to_s: float,
) -> tuple[TrackPage, ...]:
    """The pages shown within `[from_s, to_s)` of a recording that began at `zero`, in order.

    The seconds stay the recording's. What was taken back, or has fewer pages by now, is left out.
    """
    known = {d.id: d for d in documents}
    found = []
    for turn in turns:
        document = known.get(turn.shown.document)
        if document is None or turn.shown.page > len(document.pages):
            continue
        begins = max(from_s, (turn.from_at - zero).total_seconds())
        ends = to_s if turn.to_at is None else min(to_s, (turn.to_at - zero).total_seconds())
        if begins < ends:
            found.append(TrackPage(document, turn.shown.page, round(begins, 3), round(ends, 3)))
    return tuple(sorted(found, key=lambda page: page.from_s))


def part_of(
    track: Iterable[TrackPage], *, from_s: float, to_s: float, zero_s: float = 0.0
) -> tuple[TrackPage, ...]:
    """What of a track is shown within `[from_s, to_s)`, in seconds since `zero_s` of it."""
    return tuple(
        replace(
            page,
            from_s=round(max(page.from_s, from_s) - zero_s, 3),
            to_s=round(min(page.to_s, to_s) - zero_s, 3),
        )
        for page in track
        if page.from_s < to_s and page.to_s > from_s
    )
