"""Reports asked for, publications, restatements."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from sqlalchemy import Select, Text, cast, func, insert, select, update

from ..domain.publications import (
    UNFINISHED,
    Basis,
    Publication,
    Report,
    ReportState,
    Restatement,
    Why,
)
from ..domain.report import ReportKind
from .queries import Queries, rows
from .report_tables import publications, reports, restatements

# A constant of our own: whoever numbers publications holds it.
_NUMBERING: Final = 0x5C_1A55_0020
_LISTED: Final = [c for c in publications.columns if c.name not in ("basis", "key")]


class ReportQueries(Queries):
    """`ReportStore` of the coordinator's ports."""

    async def add_report(self, report: Report) -> Report:
        """Store a new report; that with the same key, if there is one."""
        statement = (
            self._insert(reports)
            .values(**_values(report))
            .on_conflict_do_nothing(index_elements=["key"])
        )
        async with self._database.write() as connection:
            await connection.execute(statement)
            found = await rows(connection, select(reports).where(reports.c.key == report.key))
        return _report(found[0])

    async def save_report(self, report: Report) -> None:
        """Store what changed of a report."""
        statement = update(reports).where(reports.c.id == report.id).values(**_values(report))
        async with self._database.write() as connection:
            await connection.execute(statement)

    async def report(self, ident: str) -> Report | None:
        """One report, or None."""
        found = await self._reports(select(reports).where(reports.c.id == ident))
        return found[0] if found else None

    async def report_by_key(self, key: str) -> Report | None:
        """The report that was asked for with this key, or None."""
        found = await self._reports(select(reports).where(reports.c.key == key))
        return found[0] if found else None

    async def reports(self, *, limit: int) -> Sequence[Report]:
        """The latest, newest first, but for those that were removed."""
        return await self._reports(
            select(reports)
            .where(reports.c.state != ReportState.REMOVED.value)
            .order_by(reports.c.at.desc(), reports.c.id.desc())
            .limit(limit)
        )

    async def unfinished_reports(self, place: str) -> Sequence[Report]:
        """What a coordinator still has to make, in the order it was asked for."""
        states = [s.value for s in UNFINISHED]
        return await self._reports(
            select(reports)
            .where(reports.c.state.in_(states), reports.c.place == place)
            .order_by(reports.c.at, reports.c.id)
        )

    async def add_publication(
        self, publication: Publication, *, key: str
    ) -> tuple[Publication, bool]:
        """Store a publication under the next number; that of the same key, if there is one.

        The one of the same report, if it was published with another key: then False is with it.
        """
        assert publication.basis is not None
        async with self._database.write() as connection:
            await self._alone(connection, _NUMBERING)
            same = (publications.c.key == key) | (publications.c.report == publication.report)
            found = await rows(connection, _whole().where(same))
            if not found:
                last = await connection.execute(select(func.max(publications.c.no)))
                values = {
                    f.name: getattr(publication, f.name)
                    for f in fields(publication)
                    if f.name not in ("no", "basis", "kind")
                }
                values |= {
                    "no": (last.scalar_one() or 0) + 1,
                    "key": key,
                    "kind": publication.kind.value,
                    "basis": publication.basis.to_dict(),
                }
                await connection.execute(insert(publications).values(**values))
                found = await rows(connection, _whole().where(same))
        return await _with_basis(found[0]), found[0].key == key

    async def publications(self) -> Sequence[Publication]:
        """Every publication without its basis, newest first."""
        statement = select(*_LISTED).order_by(publications.c.no.desc())
        async with self._database.read() as connection:
            return [_publication(row) for row in await rows(connection, statement)]

    async def publication(self, no: int) -> Publication | None:
        """One publication with its basis, or None."""
        async with self._database.read() as connection:
            found = await rows(connection, _whole().where(publications.c.no == no))
        return await _with_basis(found[0]) if found else None

    async def add_restatement(self, restatement: Restatement) -> Restatement:
        """Store a restatement; with its number."""
        statement = (
            insert(restatements)
            .values(
                publication=restatement.publication,
                at=restatement.at,
                by=restatement.by,
                total=restatement.total,
                differences=[dict(d) for d in restatement.differences],
                why=restatement.why.to_dict(),
            )
            .returning(restatements.c.seq)
        )
        async with self._database.write() as connection:
            seq = (await connection.execute(statement)).scalar_one()
        return Restatement(
            restatement.publication, restatement.at, restatement.by, restatement.total,
            restatement.differences, restatement.why, seq,
        )  # fmt: skip

    async def restatements(
        self, publication: int | None = None, *, limit: int
    ) -> Sequence[Restatement]:
        """What was computed again last, of one publication or of all, newest first."""
        statement = select(restatements).order_by(restatements.c.seq.desc()).limit(limit)
        if publication is not None:
            statement = statement.where(restatements.c.publication == publication)
        async with self._database.read() as connection:
            return [_restatement(row) for row in await rows(connection, statement)]

    async def latest_restatements(self) -> Mapping[int, Restatement]:
        """The last restatement of each publication that has one, by the publication's number."""
        r = restatements.c
        last = select(func.max(r.seq)).group_by(r.publication)
        statement = select(restatements).where(r.seq.in_(last))
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        return {row.publication: _restatement(row) for row in found}

    async def _reports(self, statement: Select[Any]) -> list[Report]:
        async with self._database.read() as connection:
            return [_report(row) for row in await rows(connection, statement)]


def _restatement(row: Any) -> Restatement:
    return Restatement(
        row.publication, row.at, row.by, row.total, row.differences, Why.from_dict(row.why),
        row.seq,
    )  # fmt: skip


def _values(report: Report) -> dict[str, Any]:
    values = {f.name: getattr(report, f.name) for f in fields(report)}
    return values | {
        "kind": report.kind.value,
        "state": report.state.value,
        "formats": list(report.formats),
        "files": {k: dict(v) for k, v in report.files.items()},
        "sha256": dict(report.sha256),
        "held": None if report.held is None else list(report.held),
        "failure": None if report.failure is None else dict(report.failure),
    }


def _report(row: Any) -> Report:
    values: dict[str, Any] = {f.name: getattr(row, f.name) for f in fields(Report)}
    return Report(
        **values
        | {
            "kind": ReportKind(row.kind),
            "state": ReportState(row.state),
            "formats": tuple(row.formats),
            "held": None if row.held is None else tuple(row.held),
        }
    )


def _whole() -> Select[Any]:
    """Publications with their key, and with what they rest on as text."""
    return select(*_LISTED, publications.c.key, cast(publications.c.basis, Text).label("basis"))


async def _with_basis(row: Any) -> Publication:
    # A term's figures are megabytes of JSON: reading it would hold up the loop.
    basis = await asyncio.to_thread(lambda: Basis.from_dict(json.loads(row.basis)))
    return replace(_publication(row), basis=basis)


def _publication(row: Any) -> Publication:
    values: dict[str, Any] = {
        f.name: getattr(row, f.name) for f in fields(Publication) if f.name != "basis"
    }
    values["kind"] = ReportKind(row.kind)
    return Publication(**values)
