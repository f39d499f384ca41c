"""Published versions: their list, what each changed, in parts, and what a rule went through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.ids import SeriesId, TermId
from ..domain.plan_change import RuleChange, Version, VersionEntry, VersionOutline
from .plan_tables import version_entries, versions
from .queries import Queries, rows

_OF_VERSION: Final = [c for c in versions.c if c.name != "key"]


class VersionQueries(Queries):
    """The part of `TimetableStore` that is about versions."""

    async def versions(self, term: TermId | None, limit: int) -> tuple[Version, ...]:
        """The latest published versions, of one term or of all, newest first."""
        statement = select(*_OF_VERSION).order_by(versions.c.no.desc()).limit(limit)
        if term is not None:
            statement = statement.where(versions.c.term == term)
        async with self._database.read() as connection:
            return tuple(map(_version, await rows(connection, statement)))

    async def version_by_key(self, key: str) -> Version | None:
        """The version a key made, or None."""
        async with self._database.read() as connection:
            return await version_where(connection, versions.c.key == key)

    async def version(self, no: int) -> Version | None:
        """One version, or None."""
        async with self._database.read() as connection:
            return await version_where(connection, versions.c.no == no)

    async def version_outline(self, no: int) -> VersionOutline:
        """How many entries of each kind a version has; nothing for one that is not there."""
        entry = version_entries.c
        told = (
            select(entry.kind, func.count().label("count"))
            .where(entry.version == no, entry.told)
            .group_by(entry.kind)
        )
        beside = (
            select(entry.beside, func.count().label("count"))
            .where(entry.version == no, entry.beside.is_not(None))
            .group_by(entry.beside)
        )
        async with self._database.read() as connection:
            return VersionOutline(
                {row.kind: row[1] for row in await rows(connection, told)},
                {row.beside: row[1] for row in await rows(connection, beside)},
            )

    async def version_entries(
        self, no: int, *, kind: str | None = None, offset: int = 0, limit: int
    ) -> tuple[VersionEntry, ...]:
        """Entries of a version in order: all of them, or those of a `kind` that are told of."""
        entry = version_entries.c
        statement = select(version_entries).where(entry.version == no)
        if kind is not None:
            statement = statement.where(entry.kind == kind, entry.told)
        statement = statement.order_by(entry.position).offset(offset).limit(limit)
        async with self._database.read() as connection:
            return tuple(map(_entry, await rows(connection, statement)))

    async def version_size(self, no: int) -> int:
        """How many entries a version has, told of or not."""
        statement = select(func.count()).where(version_entries.c.version == no)
        async with self._database.read() as connection:
            return await connection.scalar(statement) or 0

    async def rule_changes(self, series: Iterable[SeriesId], limit: int) -> tuple[RuleChange, ...]:
        """What versions did to any of these rules, the latest `limit` of it, newest first."""
        entry, rules = version_entries.c, sorted(series)
        wanted = (
            select(version_entries, *(c.label(f"its_{c.name}") for c in _OF_VERSION))
            .join(versions, versions.c.no == entry.version)
            .where(entry.series.in_(rules))
            .order_by(entry.version.desc(), entry.position.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            found = await rows(connection, wanted)
            # Few versions, each walked through by its key.
            beside = (
                select(entry.version, entry.beside, func.count().label("count"))
                .where(
                    entry.version.in_({row.version for row in found}),
                    entry.beside.in_(rules),
                )
                .group_by(entry.version, entry.beside)
            )
            lessons = {(row[0], row[1]): row[2] for row in await rows(connection, beside)}
        return tuple(
            RuleChange(
                Version(*(getattr(row, f"its_{c.name}") for c in _OF_VERSION)),
                _entry(row),
                lessons.get((row.version, row.series), 0),
            )
            for row in found
        )


async def version_where(connection: AsyncConnection, where: ColumnElement[bool]) -> Version | None:
    """The version that meets `where`."""
    found = await rows(connection, select(*_OF_VERSION).where(where))
    return next(map(_version, found), None)


def _version(row: Any) -> Version:
    return Version(row.no, row.term, row.at, row.by, row.note, row.counts)


def _entry(row: Any) -> VersionEntry:
    return VersionEntry(row.kind, row.entry, row.series, row.beside, row.told, row.by, row.reason)
