"""Files of research sessions: uploads that went through the resource library, for those invited.

The library keeps, checks and logs them; what belongs to a session is the version that was the
latest when it was added. Callers have checked who may add and who is invited.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from ..domain.ids import ResourceId
from ..domain.library import Version
from ..domain.problems import ProblemError, ProblemKind
from ..domain.research import SessionFile
from . import library_problems as problems
from .library import LibraryService
from .library_ports import LibraryStore
from .research import Session
from .research_ports import MaterialStore
from .services import Clock

MAX_FILES: Final = 30


class ServiceStore(MaterialStore, LibraryStore, Protocol):
    """Files of sessions, and the library's resources."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file of a session; `version` None: it was deleted from the library."""

    file: SessionFile
    version: Version | None


class MaterialService:
    """Sessions' files over the library's."""

    def __init__(self, store: ServiceStore, library: LibraryService, *, clock: Clock) -> None:
        self._store = store
        self._library = library
        self._clock = clock

    async def of(self, session: Session) -> list[Attached]:
        """The files of a session, as they were added."""
        files = await self._store.files_of(session.id)
        found = {r.id: r for r in await self._store.resources_by_id([f.resource for f in files])}
        attached = []
        for file in files:
            resource = found.get(file.resource)
            there = resource is not None and resource.deleted is None
            versions: Sequence[Version] = resource.versions if resource and there else ()
            attached.append(Attached(file, next((v for v in versions if v.no == file.no), None)))
        return attached

    async def add(self, session: Session, resource: str, *, actor: str) -> None:
        """Have a resource's latest version belong to a session, once.

        ProblemError `resource_unknown` or `too_many_files`.
        """
        found = await self._library.resource(resource)
        file = SessionFile(
            session.id, found.id, found.latest.no, found.details.title, self._clock(), actor
        )
        if not await self._store.add_file(file, most=MAX_FILES):
            raise ProblemError(
                "too_many_files",
                f"一场教研最多 {MAX_FILES} 个文件。请先移出不用的。",
                f"A session has {MAX_FILES} files at most. Take out one that is not needed first.",
                kind=ProblemKind.CONFLICT,
                field="resource",
                value=MAX_FILES,
            )

    async def remove(self, session: Session, resource: str) -> None:
        """Have it belong to the session no more; the library keeps it."""
        await self._store.remove_file(session.id, ResourceId(resource))

    async def read(
        self, session: Session, resource: str, *, actor: str | None
    ) -> tuple[Version, Path]:
        """A session's file; `actor`'s reading is logged. ProblemError `resource_unknown`."""
        files = await self._store.files_of(session.id)
        file = next((f for f in files if f.resource == resource), None)
        if file is None:
            raise problems.unknown(resource)
        return await self._library.read(resource, file.no, actor=actor)
