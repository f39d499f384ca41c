"""The resource library: resources, their versions, and what was deleted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.ids import ResourceId
from ..domain.library import Cut, Deletion, Details, Resource, Version
from ..domain.push_orders import in_use
from .library_tables import resource_versions, resources
from .push_order_tables import not_over, push_orders, resting_on
from .queries import Queries, in_chunks, missing_reference, rows
from .tables import occurrences, teachers

# A constant of our own: whoever adds a version, deletes a resource or orders its push holds it.
ADDING: Final = 0x5C_1A55_0030


class LibraryQueries(Queries):
    """`LibraryStore` of the coordinator's ports."""

    async def add_version(
        self, resource: ResourceId, details: Details | None, version: Version, *, key: str
    ) -> Resource:
        """Store a file as the first version of a new resource, or as the next of one there is.

        `details` None: the resource must be there and not deleted, else KeyError. The number of
        `version` is given here. Once for a `key`: a repeat returns what the first one made.
        ProblemError `unknown_reference` for a lesson or teacher there is not.
        """
        async with self._database.write() as connection:
            await self._alone(connection, ADDING)
            known = await self._of_key(connection, key)
            if known is None:
                if details is not None:
                    await self._check(connection, details)
                    values = _details(details) | {"id": resource, "at": version.at}
                    await connection.execute(insert(resources).values(**values, by=version.by))
                elif not await self._alive(connection, resource):
                    raise KeyError(resource)
                last = await connection.execute(
                    select(func.max(resource_versions.c.no)).where(
                        resource_versions.c.resource == resource
                    )
                )
                number = (last.scalar_one() or 0) + 1
                row = _version_row(version) | {"resource": resource, "no": number, "key": key}
                await connection.execute(insert(resource_versions).values(**row))
                known = resource
            return (await self._with_versions(connection, _one(known)))[0]

    async def resource_by_key(self, key: str) -> Resource | None:
        """The resource to which a request with this key brought a file, or None."""
        async with self._database.read() as connection:
            known = await self._of_key(connection, key)
            if known is None:
                return None
            return (await self._with_versions(connection, _one(known)))[0]

    async def resources(self, *, limit: int) -> Sequence[Resource]:
        """The latest that are not deleted, newest first."""
        statement = (
            select(resources)
            .where(resources.c.deleted_at.is_(None))
            .order_by(resources.c.at.desc(), resources.c.id.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            return await self._with_versions(connection, statement)

    async def resources_by_id(self, idents: Collection[ResourceId]) -> Sequence[Resource]:
        """These resources, deleted ones too, by id."""
        found: list[Resource] = []
        async with self._database.read() as connection:
            for chunk in in_chunks(sorted(set(idents))):
                statement = select(resources).where(resources.c.id.in_(chunk))
                found += await self._with_versions(connection, statement.order_by(resources.c.id))
        return found

    async def save_details(self, resource: ResourceId, details: Details) -> bool:
        """Replace what is said of a resource; False if it is not there or deleted.

        ProblemError `unknown_reference` for a lesson or teacher there is not.
        """
        async with self._database.write() as connection:
            await self._check(connection, details)
            done = await connection.execute(
                update(resources)
                .where(resources.c.id == resource, resources.c.deleted_at.is_(None))
                .values(**_details(details))
            )
            return done.rowcount > 0

    async def delete_resource(self, resource: ResourceId, deletion: Deletion) -> bool:
        """Remember that a resource was deleted; False if it was already, or never was there.

        ProblemError `resource_in_use` while a push order of it is not over.
        """
        async with self._database.write() as connection:
            await self._alone(connection, ADDING)
            if resting := await rows(connection, resting_on(resource, deletion.at)):
                raise in_use([row.id for row in resting])
            done = await connection.execute(
                update(resources)
                .where(resources.c.id == resource, resources.c.deleted_at.is_(None))
                .values(
                    deleted_at=deletion.at, deleted_by=deletion.by, delete_reason=deletion.reason
                )
            )
            return done.rowcount > 0

    async def unused_resources(
        self, by: str, *, before: datetime, now: datetime, limit: int
    ) -> Sequence[ResourceId]:
        """What `by` made before an instant and of which no push order is open; oldest first."""
        statement = (
            select(resources.c.id)
            .where(
                resources.c.by == by,
                resources.c.deleted_at.is_(None),
                resources.c.at < before,
                resources.c.id.not_in(select(push_orders.c.resource).where(not_over(now))),
            )
            .order_by(resources.c.at)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [row.id for row in await rows(connection, statement)]

    async def library_bytes(self) -> int:
        """What the files of all resources that are not deleted take."""
        statement = (
            select(func.sum(resource_versions.c.bytes))
            .join(resources, resources.c.id == resource_versions.c.resource)
            .where(resources.c.deleted_at.is_(None))
        )
        async with self._database.read() as connection:
            return int((await connection.execute(statement)).scalar_one() or 0)

    async def library_files(self) -> Collection[str]:
        """The names of the files of all resources that are not deleted."""
        statement = (
            select(resource_versions.c.file)
            .join(resources, resources.c.id == resource_versions.c.resource)
            .where(resources.c.deleted_at.is_(None))
        )
        async with self._database.read() as connection:
            return frozenset(row.file for row in await rows(connection, statement))

    # ------------------------------------------------------------------ parts

    async def _of_key(self, connection: AsyncConnection, key: str) -> ResourceId | None:
        statement = select(resource_versions.c.resource).where(resource_versions.c.key == key)
        found = await rows(connection, statement)
        return ResourceId(found[0].resource) if found else None

    async def _alive(self, connection: AsyncConnection, resource: ResourceId) -> bool:
        alive = _one(resource).where(resources.c.deleted_at.is_(None))
        return bool(await rows(connection, alive))

    async def _check(self, connection: AsyncConnection, details: Details) -> None:
        problem = await missing_reference(
            connection,
            [("lesson", occurrences, details.lesson), ("teacher", teachers, details.teacher)],
        )
        if problem is not None:
            raise problem

    async def _with_versions(
        self, connection: AsyncConnection, statement: Select[Any]
    ) -> list[Resource]:
        found = await rows(connection, statement)
        versions: dict[str, list[Version]] = defaultdict(list)
        for chunk in in_chunks([row.id for row in found]):
            of_them = resource_versions.c.resource.in_(chunk)
            ordered = select(resource_versions).where(of_them).order_by(resource_versions.c.no)
            for row in await rows(connection, ordered):
                versions[row.resource].append(_version(row))
        return [_resource(row, versions[row.id]) for row in found]


def _one(resource: ResourceId) -> Select[Any]:
    return select(resources).where(resources.c.id == resource)


def _details(details: Details) -> dict[str, Any]:
    return {name: getattr(details, name) for name in Details.__slots__}


def _version_row(version: Version) -> dict[str, Any]:
    row = {name: getattr(version, name) for name in Version.__slots__}
    cut = version.cut
    row["cut"] = None if cut is None else [cut.lesson, cut.file, cut.from_s, cut.to_s]
    return row


def _version(row: Any) -> Version:
    values = {name: getattr(row, name) for name in Version.__slots__}
    return Version(**(values | {"cut": None if row.cut is None else Cut(*row.cut)}))


def _resource(row: Any, versions: Sequence[Version]) -> Resource:
    deleted = None
    if row.deleted_at is not None:
        deleted = Deletion(row.deleted_at, row.deleted_by, row.delete_reason)
    details = Details(**{name: getattr(row, name) for name in Details.__slots__})
    return Resource(row.id, details, row.at, row.by, tuple(versions), deleted)
