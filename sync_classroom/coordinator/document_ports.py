"""What documents of lessons need: a store, and something that turns files into pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ..domain.documents import Document, PageSize
from ..domain.ids import DocumentId, OccurrenceId
from ..domain.page_track import PageTurn


class DocumentStore(Protocol):
    """Documents; the pictures of their pages are in the documents' folder."""

    async def documents_of(
        self, lessons: Iterable[OccurrenceId]
    ) -> Mapping[OccurrenceId, Sequence[Document]]:
        """The documents of these lessons as they were given; nothing of those without any."""
        ...

    async def add_document(self, document: Document, *, key: str, most: int) -> Document | None:
        """Store a document, once for a lesson's `key`; what the key's first call stored.

        None if the lesson has `most`.
        """
        ...

    async def document_by_key(self, lesson: OccurrenceId, key: str) -> Document | None:
        """The document a request with this key gave, or None."""
        ...

    async def finish_document(self, document: Document) -> bool:
        """Store the pages or the refusal of a document; False if it was removed meanwhile."""
        ...

    async def remove_document(self, lesson: OccurrenceId, document: DocumentId) -> bool:
        """Forget a document; False if the lesson has it not."""
        ...

    async def document_hashes(self) -> Collection[str]:
        """The SHA-256 of everything that any lesson has."""
        ...


class PageTurnStore(Protocol):
    """Which page was shown when; whoever saves a floor remembers it."""

    async def page_turns_of(self, lesson: OccurrenceId) -> Sequence[PageTurn]:
        """Which page of a lesson's documents was shown when, in order."""
        ...


class PageMaking(Protocol):
    """Turns a file into pages (`exchange.pages.PageMaker`)."""

    async def make(self, kind: str, source: Path, folder: Path) -> tuple[PageSize, ...]:
        """Write the pages of `source` into the empty `folder` and tell their sizes.

        ProblemError with a code of `domain.documents.document_problem`.
        """
        ...
