"""What the resource library needs of a store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from ..domain.ids import ResourceId
from ..domain.library import Deletion, Details, Resource, Version


class LibraryStore(Protocol):
    """Resources and their versions; the files are in the library's folder."""

    async def add_version(
        self, resource: ResourceId, details: Details | None, version: Version, *, key: str
    ) -> Resource:
        """Store a file as the first version of a new resource, or as the next of one there is.

        `details` None: the resource must be there and not deleted, else KeyError. The number of
        `version` is given here. Once for a `key`: a repeat returns what the first one made.
        ProblemError `unknown_reference` for a lesson or teacher there is not.
        """
        ...

    async def resource_by_key(self, key: str) -> Resource | None:
        """The resource to which a request with this key brought a file, or None."""
        ...

    async def resources(self, *, limit: int) -> Sequence[Resource]:
        """The latest that are not deleted, newest first."""
        ...

    async def resources_by_id(self, idents: Collection[ResourceId]) -> Sequence[Resource]:
        """These resources, deleted ones too, by id."""
        ...

    async def save_details(self, resource: ResourceId, details: Details) -> bool:
        """Replace what is said of a resource; False if it is not there or deleted.

        ProblemError `unknown_reference` for a lesson or teacher there is not.
        """
        ...

    async def delete_resource(self, resource: ResourceId, deletion: Deletion) -> bool:
        """Remember that a resource was deleted; False if it was already, or never was there.

        ProblemError `resource_in_use` while a push order of it is not over.
        """
        ...

    async def unused_resources(
        self, by: str, *, before: datetime, now: datetime, limit: int
    ) -> Sequence[ResourceId]:
        """What `by` made before an instant and of which no push order is open; oldest first."""
        ...

    async def library_bytes(self) -> int:
        """What the files of all resources that are not deleted take."""
        ...

    async def library_files(self) -> Collection[str]:
        """The names of the files of all resources that are not deleted."""
        ...
