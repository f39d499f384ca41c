"""Documents of lessons: what was given, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import delete, func, select, update

from ..domain.documents import Document, PageSize
from ..domain.ids import DocumentId, OccurrenceId
from .document_tables import lesson_documents
from .queries import Queries, in_chunks, rows

# A constant of our own: whoever gives a document holds it.
DOCUMENT_LOCK: Final = 0x5C_1A55_0033


class DocumentQueries(Queries):
    """`DocumentStore` of the coordinator's ports."""

    async def documents_of(
        self, lessons: Iterable[OccurrenceId]
    ) -> Mapping[OccurrenceId, Sequence[Document]]:
        """The documents of these lessons as they were given; nothing of those without any."""
        found: dict[OccurrenceId, list[Document]] = {}
        t = lesson_documents.c
        async with self._database.read() as connection:
            for chunk in in_chunks(sorted(set(lessons))):
                statement = select(lesson_documents).where(t.occurrence.in_(chunk))
                for row in await rows(connection, statement.order_by(t.at, t.id)):
                    found.setdefault(row.occurrence, []).append(_document(row))
        return found

    async def add_document(self, document: Document, *, key: str, most: int) -> Document | None:
        """Store a document, once for a lesson's `key`; what the key's first call stored.

        None if the lesson has `most`.
        """
        t = lesson_documents.c
        mine = t.occurrence == document.occurrence
        async with self._database.write() as connection:
            await self._alone(connection, DOCUMENT_LOCK)
            known = await rows(connection, select(lesson_documents).where(mine, t.key == key))
            if known:
                return _document(known[0])
            count = select(func.count()).select_from(lesson_documents).where(mine)
            if int((await connection.execute(count)).scalar_one()) >= most:
                return None
            values = {
                "id": document.id, "occurrence": document.occurrence, "key": key,
                "name": document.name, "sha256": document.sha256, "bytes": document.bytes,
                "at": document.at, "by": document.by, **_outcome(document),
            }  # fmt: skip
            await connection.execute(self._insert(lesson_documents).values(**values))
        return document

    async def document_by_key(self, lesson: OccurrenceId, key: str) -> Document | None:
        """The document a request with this key gave, or None."""
        t = lesson_documents.c
        statement = select(lesson_documents).where(t.occurrence == lesson, t.key == key)
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        return _document(found[0]) if found else None

    async def finish_document(self, document: Document) -> bool:
        """Store the pages or the refusal of a document; False if it was removed meanwhile."""
        t = lesson_documents.c
        statement = update(lesson_documents).where(t.id == document.id)
        async with self._database.write() as connection:
            done = await connection.execute(statement.values(**_outcome(document)))
        return bool(done.rowcount)

    async def remove_document(self, lesson: OccurrenceId, document: DocumentId) -> bool:
        """Forget a document; False if the lesson has it not."""
        t = lesson_documents.c
        statement = delete(lesson_documents).where(t.occurrence == lesson, t.id == document)
        async with self._database.write() as connection:
            done = await connection.execute(statement)
        return bool(done.rowcount)

    async def document_hashes(self) -> Collection[str]:
        """The SHA-256 of everything that any lesson has."""
        statement = select(lesson_documents.c.sha256).distinct()
        async with self._database.read() as connection:
            return {row.sha256 for row in await rows(connection, statement)}


def _outcome(document: Document) -> dict[str, Any]:
    return {
        "pages": [[p.width, p.height] for p in document.pages] or None,
        "refused": None if document.refused is None else list(document.refused),
    }


def _document(row: Any) -> Document:
    return Document(
        row.id, row.occurrence, row.name, row.sha256, row.bytes, row.at, row.by,
        tuple(PageSize(width, height) for width, height in row.pages or ()),
        None if row.refused is None else (row.refused[0], row.refused[1]),
    )  # fmt: skip
