"""The resource library: files come in by upload or are cut from recordings, and go with a reason.

A file is taken in once for a key, however often the browser asks: who asks again while it is being
checked waits for the same work. Several coordinators share the library's folder, or have one each
and know only their own files.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import structlog

from ..domain.accounts import Role, User
from ..domain.ids import OccurrenceId, ResourceId, UserId
from ..domain.library import (
    MAX_VERSIONS,
    TYPES,
    Cut,
    Deletion,
    Details,
    FileType,
    Limits,
    Resource,
    Version,
    check_details,
    check_marks,
    check_may_change,
    check_size,
    check_type,
    clean_name,
    suffix_of,
)
from ..domain.problems import ProblemError
from ..domain.recordings import RecordedFile, RecordingState
from . import library_problems as problems
from .document_files import PageFolder
from .document_ports import DocumentStore, PageTurnStore
from .evidence_ports import AccessLogStore
from .library_files import Shelf, Upload, head_of, sha256_of
from .library_ports import LibraryStore
from .outside import cut, scan
from .page_tracks import PageTracks
from .recordings import RecordingKeeper
from .services import Clock

log = structlog.get_logger(__name__)

#: More resources than this are not listed; the oldest are found by their lesson's page.
MAX_LISTED: Final = 2000
#: Files checked or cut together: each reads its file once from the disk.
AT_ONCE: Final = 2
MAX_WAITING: Final = 20
MAX_REASON: Final = 200


class ServiceStore(LibraryStore, AccessLogStore, DocumentStore, PageTurnStore, Protocol):
    """Resources, who read them, and the pages that go with recordings."""


LIMITS: Final = Limits(5_120_000_000, 204_800_000_000, 2_048_000_000)


@dataclass(frozen=True, slots=True)
class LibraryOptions:
    """How much is taken, and the command that looks for viruses (empty: none)."""

    limits: Limits = LIMITS
    scan_command: tuple[str, ...] = ()


class LibraryService:
    """`folder` is the library's, `recordings` the relay's or None."""

    def __init__(
        self,
        store: ServiceStore,
        keeper: RecordingKeeper,
        *,
        folder: Path,
        recordings: Path | None,
        options: LibraryOptions,
        clock: Clock,
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._recordings = recordings
        self._options = options
        self._clock = clock
        self._beginning = asyncio.Lock()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._work: dict[str, asyncio.Task[Resource]] = {}
        self.shelf = Shelf(folder)
        self.tracks = PageTracks(store, PageFolder(folder))

    async def open(self) -> None:
        """Make the folder; sweep away what nobody refers to. Raises OSError."""
        await asyncio.to_thread(self.shelf.open)
        gone = await asyncio.to_thread(self.shelf.sweep, await self._store.library_files())
        if gone:
            log.info("library.swept", files=gone)

    async def close(self) -> None:
        """Stop what is being checked or cut; asking again begins it anew."""
        work = list(self._work.values())
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    @property
    def limits(self) -> Limits:
        """How much is taken."""
        return self._options.limits

    # ------------------------------------------------------------------ reading

    async def resources(self) -> Sequence[Resource]:
        """The latest, newest first."""
        return await self._store.resources(limit=MAX_LISTED)

    async def resource(self, ident: str) -> Resource:
        """One resource; ProblemError `resource_unknown` for one that is not there or deleted."""
        found = await self._store.resources_by_id([ResourceId(ident)])
        if not found or found[0].deleted is not None:
            raise problems.unknown(ident)
        return found[0]

    async def used_bytes(self) -> int:
        """What is there, and what is announced."""
        uploads = await asyncio.to_thread(lambda: sum(u.size for u in self.shelf.uploads()))
        return uploads + await self._store.library_bytes()

    async def read(self, ident: str, no: int, *, actor: str | None) -> tuple[Version, Path]:
        """A version's file; `actor`'s reading is logged.

        ProblemError `resource_unknown` if it is not there, or not in this folder.
        """
        resource = await self.resource(ident)
        version = next((v for v in resource.versions if v.no == no), None)
        if version is None:
            raise problems.unknown(f"{ident}/{no}")
        path = self.shelf.path(version.file)
        if not await asyncio.to_thread(path.is_file):
            raise problems.unknown(f"{ident}/{no}")
        if actor is not None:
            await self._log(actor, "resource.read", f"{ident}/{no}")
        return version, path

    # ------------------------------------------------------------------ uploads

    async def begin(self, owner: UserId, name: str, size: int) -> Upload:
        """Announce a file. ProblemError if it is too large for a file, the quota or the disk."""
        cleaned = clean_name(name)
        async with self._beginning:
            used = await self.used_bytes()
            free = await asyncio.to_thread(lambda: self.shelf.free_bytes)
            check_size(size, self.limits, used_bytes=used, free_bytes=free)
            upload = await asyncio.to_thread(self.shelf.begin, owner, cleaned, size)
        log.info("library.upload_begun", upload=upload.id, bytes=size, by=owner)
        return upload

    async def upload(self, ident: str, owner: UserId) -> Upload:
        """How far an upload is; ProblemError `upload_unknown`."""
        return await asyncio.to_thread(self.shelf.upload, ident, owner)

    async def whole(self, ident: str, owner: UserId) -> Upload:
        """An upload that is all here; ProblemError `upload_unknown` or `upload_incomplete`."""
        upload = await self.upload(ident, owner)
        if not upload.complete:
            raise problems.incomplete(upload.offset, upload.size)
        return upload

    async def cancel(self, ident: str, owner: UserId) -> None:
        """Forget an upload; ProblemError `upload_unknown`."""
        await self.upload(ident, owner)
        await asyncio.to_thread(self.shelf.cancel, ident)

    async def take(
        self,
        upload: str,
        details: Details | None,
        *,
        resource: str | None = None,
        user: User,
        key: str,
        within_s: float | None = None,
    ) -> Resource | None:
        """Check a file that is all here and make it a resource, or the next version of `resource`.

        None if that takes longer than `within_s`: ask again with the same key. ProblemError
        `upload_incomplete`, or for a file of a wrong type or with a virus, which is deleted then.
        """

        async def work() -> Resource:
            return await self._take(upload, details, resource, user, key)

        return await self._once(key, work, within_s)

    async def _take(
        self, ident: str, details: Details | None, resource: str | None, user: User, key: str
    ) -> Resource:
        upload = await self.whole(ident, user.id)
        owner, details = await self._owner(details, resource, user)
        part = self.shelf.part(upload)
        try:
            kind = check_type(upload.name, await asyncio.to_thread(head_of, part))
            await self.scan(part)
        except ProblemError as problem:
            if problem.code != "scan_failed":
                await asyncio.to_thread(self.shelf.cancel, ident)
                log.warning("library.refused", code=problem.code, by=user.login)
            raise
        version = Version(
            0, self.shelf.new_name(suffix_of(upload.name)), upload.name, kind.media_type,
            upload.size, await asyncio.to_thread(sha256_of, part), self._clock(), user.login,
        )  # fmt: skip
        found = await self._keep(part, owner, details, version, key)
        await asyncio.to_thread(self.shelf.cancel, ident)
        return found

    async def scan(self, path: Path) -> None:
        """Ask the scanner about a file, if there is one; ProblemError as `outside.scan`."""
        await scan(self._options.scan_command, path)

    # ------------------------------------------------------------------ recordings

    async def cut(
        self,
        lesson: OccurrenceId,
        file: str,
        marks: tuple[float, float],
        details: Details,
        *,
        by: str,
        key: str,
    ) -> Resource:
        """Make a resource of a part of a lesson's recording for `by`; `marks` are seconds in it.

        ProblemError for marks outside it, or a recording that is not there (any more).
        """

        async def work() -> Resource:
            return await self._cut(lesson, file, marks, details, by, key)

        made = await self._once(key, work, None)
        assert made is not None
        return made

    async def _cut(
        self,
        lesson: OccurrenceId,
        name: str,
        marks: tuple[float, float],
        details: Details,
        by: str,
        key: str,
    ) -> Resource:
        recorded, source, began_at = await self._recorded(lesson, name)
        from_s, to_s = marks
        check_marks(from_s, to_s, recorded.duration_s)
        check_details(details)
        share = min(1.0, (to_s - from_s) / max(recorded.duration_s, 1.0))
        # From the file's beginning: the part begins with a keyframe before its mark.
        pages, octets = await self.tracks.to_pack(lesson, began_at, from_s=0.0, to_s=to_s)
        free = await asyncio.to_thread(lambda: self.shelf.free_bytes)
        check_size(
            max(1, int(recorded.bytes * share)) + octets,
            self.limits,
            used_bytes=await self.used_bytes(),
            free_bytes=free,
        )
        kind = _type_of(source)
        target = self.shelf.path(self.shelf.new_name(source.suffix))
        piece = await cut(source, target, from_s, to_s, pages)
        version = Version(
            0, target.name, f"{lesson}-{name}", kind.media_type, piece.bytes, piece.sha256,
            self._clock(), by, piece.duration_s,
            Cut(lesson, name, piece.from_s, piece.to_s),
        )  # fmt: skip
        return await self._stored(_fresh(), details, version, key)

    async def _recorded(
        self, lesson: OccurrenceId, name: str
    ) -> tuple[RecordedFile, Path, datetime]:
        """A finished file of a lesson's recording, where it is and when it begins."""
        recording = await self._keeper.of(lesson)
        saved = recording is not None and recording.state is RecordingState.SAVED
        if recording is None or not saved or self._recordings is None:
            raise problems.not_recorded(lesson, name)
        found = next((f for f in recording.files if f.name == name), None)
        path = self._recordings / recording.folder / name
        inside = path.parent.parent == self._recordings and ".." not in (recording.folder, name)
        there = inside and await asyncio.to_thread(path.is_file)
        began_at = None if found is None else recording.at(found.start_s)
        if found is None or began_at is None or not there:
            raise problems.not_recorded(lesson, name)
        return found, path, began_at

    # ------------------------------------------------------------------ changing

    async def describe(self, ident: str, details: Details, *, user: User) -> None:
        """Change what is said of a resource; ProblemError if it may not, or a field is wrong."""
        check_may_change(user, await self.resource(ident))
        check_details(details)
        if not await self._store.save_details(ResourceId(ident), details):
            raise problems.unknown(ident)
        await self._log(user.login, "resource.describe", ident)

    async def delete(self, ident: str, reason: str, *, user: User) -> None:
        """Delete the files of a resource; who, when and why stays.

        ProblemError if this person may not, or without a reason.
        """
        resource = await self.resource(ident)
        check_may_change(user, resource)
        if not reason.strip():
            raise problems.no_reason()
        await self._delete(
            resource, Deletion(self._clock(), user.login, reason.strip()[:MAX_REASON])
        )

    async def retire(self, by: str, reason: str, *, age: timedelta, limit: int) -> int:
        """Delete what `by` made longer than `age` ago and of which no push is open; how many."""
        now = self._clock()
        unused = await self._store.unused_resources(by, before=now - age, now=now, limit=limit)
        gone = 0
        for resource in await self._store.resources_by_id(unused):
            try:
                await self._delete(resource, Deletion(now, by, reason))
            except ProblemError as problem:  # somebody was faster, or pushed it again
                log.info("library.not_retired", resource=resource.id, code=problem.code)
            else:
                gone += 1
        return gone

    async def _delete(self, resource: Resource, deletion: Deletion) -> None:
        if not await self._store.delete_resource(resource.id, deletion):
            raise problems.unknown(resource.id)
        await asyncio.to_thread(self.shelf.remove, [v.file for v in resource.versions])
        await self._log(deletion.by, "resource.delete", resource.id)
        log.info("library.deleted", resource=resource.id, by=deletion.by)

    # ------------------------------------------------------------------ parts

    async def _once(
        self, key: str, work: Callable[[], Awaitable[Resource]], within_s: float | None
    ) -> Resource | None:
        """The work of this key, begun or joined; None if it is not done within the time."""
        known = await self._store.resource_by_key(key)
        if known is not None:
            return known
        task = self._work.get(key)
        if task is None:
            if len(self._work) >= MAX_WAITING:
                raise problems.busy()
            task = asyncio.create_task(self._in_turn(work), name=f"library-{key[:40]}")
            self._work[key] = task
            task.add_done_callback(lambda _: self._work.pop(key, None))
        done, _ = await asyncio.wait([task], timeout=within_s)
        return task.result() if done else None

    async def _in_turn(self, work: Callable[[], Awaitable[Resource]]) -> Resource:
        async with self._turns:
            return await work()

    async def _owner(
        self, details: Details | None, resource: str | None, user: User
    ) -> tuple[ResourceId, Details | None]:
        """Whose version a file is to be: a new resource's with its details, or one there is."""
        if resource is None:
            return _fresh(), check_details(details or Details(""))
        known = await self.resource(resource)
        check_may_change(user, known)
        if len(known.versions) >= MAX_VERSIONS:
            raise problems.too_many_versions(MAX_VERSIONS)
        return known.id, None

    async def _keep(
        self, part: Path, owner: ResourceId, details: Details | None, version: Version, key: str
    ) -> Resource:
        await asyncio.to_thread(self.shelf.keep, part, version.file)
        return await self._stored(owner, details, version, key)

    async def _stored(
        self, owner: ResourceId, details: Details | None, version: Version, key: str
    ) -> Resource:
        """Write down a file that is in its place, or take it away again."""
        try:
            found = await self._store.add_version(owner, details, version, key=key)
        except (ProblemError, KeyError) as error:
            await asyncio.to_thread(self.shelf.remove, [version.file])
            if isinstance(error, KeyError):
                raise problems.unknown(owner) from error
            raise
        if all(v.file != version.file for v in found.versions):
            # Another coordinator was faster with the same key.
            await asyncio.to_thread(self.shelf.remove, [version.file])
        await self._log(version.by, "resource.add", found.id)
        log.info("library.added", resource=found.id, bytes=version.bytes, by=version.by)
        return found

    async def _log(self, actor: str, what: str, target: str) -> None:
        await self._store.log_access(actor, what, target, at=self._clock())


def _fresh() -> ResourceId:
    return ResourceId(f"r-{secrets.token_hex(8)}")


def _type_of(source: Path) -> FileType:
    """A recording's type by its suffix, which the relay gave it."""
    return next(t for t in TYPES.values() if source.suffix in t.suffixes)


def may_add(user: User) -> bool:
    """Who brings in resources."""
    return user.role in (Role.ADMIN, Role.TEACHER)
