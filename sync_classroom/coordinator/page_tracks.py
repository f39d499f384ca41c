"""The document pages beside a recording: for players that ask here, and for files that go away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ..domain.documents import PAGE_TYPE
from ..domain.ids import OccurrenceId
from ..domain.page_track import TrackPage, page_track
from .document_files import PageFolder
from .document_ports import DocumentStore, PageTurnStore


class TrackStore(DocumentStore, PageTurnStore, Protocol):
    """Documents, and which of their pages were shown when."""


@dataclass(frozen=True, slots=True)
class PackedPage:
    """A page to be kept in a file: shown for `[from_s, to_s)` of its source, `picture` on disk."""

    from_s: float
    to_s: float
    name: str
    page: int
    pages: int
    width: int
    height: int
    type: str
    picture: str


class PageTracks:
    """Callers have checked who may see. `folder` holds the pictures."""

    def __init__(self, store: TrackStore, folder: PageFolder) -> None:
        self._store = store
        self._folder = folder

    async def of(
        self, lesson: OccurrenceId, zero: datetime, *, from_s: float, to_s: float
    ) -> tuple[TrackPage, ...]:
        """The pages shown within `[from_s, to_s)` of what began at `zero`; usually none."""
        turns = await self._store.page_turns_of(lesson)
        if not turns:
            return ()
        documents = (await self._store.documents_of([lesson])).get(lesson, ())
        return page_track(turns, documents, zero, from_s=from_s, to_s=to_s)

    async def to_pack(
        self, lesson: OccurrenceId, zero: datetime, *, from_s: float, to_s: float
    ) -> tuple[Sequence[PackedPage], int]:
        """As `of`, with where the pictures are, and how many bytes those take together.

        A page whose picture is in no folder here is left out.
        """
        track = await self.of(lesson, zero, from_s=from_s, to_s=to_s)
        return await asyncio.to_thread(self._packed, track)

    def _packed(self, track: Sequence[TrackPage]) -> tuple[Sequence[PackedPage], int]:
        sizes: dict[Path, int] = {}
        found = []
        for each in track:
            path = self._folder.picture(each.document.sha256, each.page, "large")
            if path not in sizes:
                sizes[path] = path.stat().st_size if path.is_file() else 0
            if sizes[path] == 0:
                continue
            document, size = each.document, each.size
            found.append(PackedPage(
                each.from_s, each.to_s, document.name, each.page, len(document.pages),
                size.width, size.height, PAGE_TYPE, str(path),
            ))  # fmt: skip
        return found, sum(sizes.values())
