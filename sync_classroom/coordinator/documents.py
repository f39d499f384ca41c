"""Documents of lessons: taken in, turned into pages once, found again, and swept away.

A file is converted while nobody waits for it; pages and terminals hear on the bus when it is done.
Several coordinators share the documents' folder, or have one each and know only their own pages.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

import structlog
from prometheus_client import Counter

from ..domain.documents import (
    MAX_BYTES,
    MAX_DOCUMENTS,
    SIZES,
    Document,
    check_bytes,
    kind_of,
    too_many_documents,
    unknown_document,
)
from ..domain.ids import DocumentId, OccurrenceId, UserId
from ..domain.lesson import LessonState
from ..domain.library import Limits, check_size, suffix_of
from ..domain.problems import ProblemError, ProblemKind
from ..domain.timetable import Mode, Occurrence
from .document_files import PageFolder
from .document_ports import DocumentStore, PageMaking
from .evidence_ports import AccessLogStore
from .lessons import unknown_lesson
from .library import LibraryService
from .library_files import head_of, sha256_of
from .plan_ports import TimetableStore
from .ports import Bus, LessonStore
from .services import Clock

log = structlog.get_logger(__name__)

#: Files that wait for their turn at the converter; each takes up to MAX_BYTES of the disk.
MAX_WAITING: Final = 20
_OVER: Final = frozenset({LessonState.ENDED, LessonState.MISSED, LessonState.CANCELLED})

CONVERTED = Counter(
    "sync_classroom_documents_total", "Documents given to lessons, by what became of them.",
    ["outcome"],
)  # fmt: skip


class ServiceStore(DocumentStore, TimetableStore, LessonStore, AccessLogStore, Protocol):
    """Documents, the lessons they are given to, and who did so."""


async def sweep_pages(store: DocumentStore, folder: PageFolder) -> None:
    """Delete pages that no lesson has any more; what was in use of late stays for a day."""
    hashes = await store.document_hashes()
    gone = await asyncio.to_thread(folder.sweep, hashes)
    if gone:
        log.info("documents.swept", files=gone)


class DocumentService:
    """Callers have checked who may give and see. The pages are in the library's folder."""

    def __init__(
        self,
        store: ServiceStore,
        bus: Bus,
        maker: PageMaking,
        library: LibraryService,
        *,
        clock: Clock,
    ) -> None:
        self._store = store
        self._bus = bus
        self._maker = maker
        self._library = library
        self._clock = clock
        self._work: set[asyncio.Task[None]] = set()
        self._folder = PageFolder(library.shelf.root)

    async def open(self) -> None:
        """Make the folder; sweep away what nobody refers to. Raises OSError."""
        await asyncio.to_thread(self._folder.open)
        await sweep_pages(self._store, self._folder)

    async def close(self) -> None:
        """Stop converting; what was not done is shown as interrupted."""
        work = list(self._work)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    async def idle(self) -> None:
        """Wait until nothing is being converted."""
        while self._work:
            await asyncio.wait(list(self._work))

    # ------------------------------------------------------------------ reading

    async def of(self, lesson: OccurrenceId) -> Sequence[Document]:
        """The documents of a lesson as they were given, also those that could not be converted."""
        return (await self.of_all([lesson])).get(lesson, ())

    async def of_all(
        self, lessons: Iterable[OccurrenceId]
    ) -> Mapping[OccurrenceId, Sequence[Document]]:
        """As `of` for many lessons; nothing of those without any."""
        return await self._store.documents_of(lessons)

    async def lesson(self, ident: OccurrenceId) -> Occurrence:
        """The lesson that documents are asked for; ProblemError `unknown_lesson`."""
        planned = await self._store.get_occurrence(ident)
        if planned is None or planned.mode is not Mode.LIVE:
            raise unknown_lesson(ident)
        return planned

    async def picture(self, lesson: OccurrenceId, ident: str, number: int, size: str) -> Path:
        """Where a page's picture is.

        ProblemError `unknown_document` for what is not there, or not in this folder.
        """
        document = await self._document(lesson, ident)
        if not 1 <= number <= len(document.pages) or size not in SIZES:
            raise unknown_document(f"{ident}/{number}")
        path = self._folder.picture(document.sha256, number, size)
        if not await asyncio.to_thread(path.is_file):
            raise unknown_document(f"{ident}/{number}")
        return path

    # ------------------------------------------------------------------ giving

    async def give(
        self, lesson: OccurrenceId, upload: str, *, owner: UserId, by: str, key: str
    ) -> Document:
        """Take in what `owner` uploaded and begin to convert it; once for a `key`.

        ProblemError if it is not all here, too large or of a wrong type, the lesson is over or has
        too many, or the disk is full. What a conversion finds wrong is found in the document later.
        """
        await self._open_lesson(lesson)
        known = await self._store.document_by_key(lesson, key)
        if known is not None:
            return known
        await self._check_room(lesson)
        whole = await self._library.whole(upload, owner)
        path = self._folder.incoming(suffix_of(whole.name))
        part = self._library.shelf.part(whole)
        try:
            check_bytes(whole.size)
            kind = kind_of(whole.name, await asyncio.to_thread(head_of, part))
            await self._library.scan(part)
            await asyncio.to_thread(path.hardlink_to, part)
            sha256 = await asyncio.to_thread(sha256_of, path)
        except ProblemError as problem:
            if problem.code != "scan_failed":
                await self._library.cancel(upload, owner)
            raise
        document = self._new(lesson, whole.name, sha256, whole.size, by)
        given = await self._begin(document, kind, path, path, key)
        with suppress(ProblemError):  # another request with this key was faster
            await self._library.cancel(upload, owner)
        return given

    async def give_resource(
        self, lesson: OccurrenceId, resource: str, *, by: str, key: str
    ) -> Document:
        """As `give`, with the latest version of a resource of the library."""
        await self._open_lesson(lesson)
        known = await self._store.document_by_key(lesson, key)
        if known is not None:
            return known
        await self._check_room(lesson)
        latest = (await self._library.resource(resource)).latest
        version, path = await self._library.read(resource, latest.no, actor=None)
        check_bytes(version.bytes)
        kind = kind_of(version.name, await asyncio.to_thread(head_of, path))
        document = self._new(lesson, version.name, version.sha256, version.bytes, by)
        return await self._begin(document, kind, path, None, key)

    async def remove(self, lesson: OccurrenceId, ident: str, *, by: str) -> None:
        """Take a document back; a room that sees it sees it no more. ProblemError
        `unknown_document`."""
        if not await self._store.remove_document(lesson, DocumentId(ident)):
            raise unknown_document(ident)
        await self._log(by, "document.remove", lesson, ident)
        await self._tell(lesson)

    # ------------------------------------------------------------------ parts

    async def _document(self, lesson: OccurrenceId, ident: str) -> Document:
        found = next((d for d in await self.of(lesson) if d.id == ident), None)
        if found is None:
            raise unknown_document(ident)
        return found

    async def _open_lesson(self, ident: OccurrenceId) -> None:
        planned = await self.lesson(ident)
        run = await self._store.get_run(ident)
        if planned.withdrawn or (run is not None and run.state in _OVER):
            raise ProblemError(
                "lesson_over",
                "这节课已经结束或取消，不能再添加文档。",
                "The lesson is over or cancelled; documents cannot be added any more.",
                kind=ProblemKind.CONFLICT,
                field="lesson",
                value=ident,
            )

    async def _check_room(self, lesson: OccurrenceId) -> None:
        if len(self._work) >= MAX_WAITING:
            raise ProblemError(
                "documents_busy",
                "正在转换的文档太多。请过几分钟再添加。",
                "Too many documents are being converted. Add yours in some minutes.",
                kind=ProblemKind.UNAVAILABLE,
                retry_after_s=60,
            )
        if len(await self.of(lesson)) >= MAX_DOCUMENTS:
            raise too_many_documents()
        free = await asyncio.to_thread(lambda: self._folder.free_bytes)
        limits = Limits(MAX_BYTES, 0, self._library.limits.min_free_bytes)
        check_size(MAX_BYTES, limits, used_bytes=0, free_bytes=free)

    def _new(self, lesson: OccurrenceId, name: str, sha256: str, size: int, by: str) -> Document:
        ident = DocumentId(f"d-{secrets.token_hex(8)}")
        return Document(ident, lesson, name, sha256, size, self._clock(), by)

    async def _begin(
        self, document: Document, kind: str, source: Path, ours: Path | None, key: str
    ) -> Document:
        """Store a document and have it converted; `ours` goes when that is done."""
        pages = await asyncio.to_thread(self._folder.known, document.sha256)
        document = replace(document, pages=pages or ())
        stored = await self._store.add_document(document, key=key, most=MAX_DOCUMENTS)
        if stored is None or stored.id != document.id or pages is not None:
            if ours is not None:
                await asyncio.to_thread(self._folder.discard, ours)
            if stored is None:
                raise too_many_documents()
        else:
            task = asyncio.create_task(
                self._convert(stored, kind, source, ours), name=f"document-{stored.id}"
            )
            self._work.add(task)
            task.add_done_callback(self._work.discard)
        if stored.id == document.id:
            await self._log(stored.by, "document.give", stored.occurrence, stored.id)
        await self._tell(document.occurrence)
        return stored

    async def _convert(
        self, document: Document, kind: str, source: Path, ours: Path | None
    ) -> None:
        folder = self._folder.making()
        try:
            await asyncio.to_thread(folder.mkdir, 0o750)
            done = await self._made(document, kind, source, folder)
        finally:
            for path in (folder, ours):
                if path is not None:
                    await asyncio.to_thread(self._folder.discard, path)
        outcome = "ready" if done.refused is None else done.refused[0]
        CONVERTED.labels(outcome).inc()
        log.info(
            "documents.converted", document=done.id, bytes=done.bytes, pages=len(done.pages),
            outcome=outcome,
        )  # fmt: skip
        with suppress(ProblemError):  # the store is away: it will be shown as interrupted
            if await self._store.finish_document(done):
                await self._tell(done.occurrence)

    async def _made(self, document: Document, kind: str, source: Path, folder: Path) -> Document:
        """The document with its pages in their place, or with why there are none."""
        try:
            pages = await self._maker.make(kind, source, folder)
            await asyncio.to_thread(self._folder.keep, folder, document.sha256, pages)
        except ProblemError as problem:
            return replace(document, refused=(problem.code, str(problem.value or "")))
        except Exception:
            log.exception("documents.conversion_failed", document=document.id)
            return replace(document, refused=("document_damaged", ""))
        return replace(document, pages=pages)

    async def _log(self, actor: str, what: str, lesson: OccurrenceId, ident: str) -> None:
        await self._store.log_access(actor, what, f"{lesson}/{ident}", at=self._clock())

    async def _tell(self, lesson: OccurrenceId) -> None:
        await self._bus.publish(
            "lesson", {"type": "changed", "occurrence": lesson, "what": "documents"}
        )
