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

# A constant of our own: whoever counts reports, numbers publications or removes a report holds it.
REPORTS_LOCK: Final = 0x5C_1A55_0020
# Reports whose files may go: what is being made would write them again.
_FINISHED: Final = (ReportState.DONE.value, ReportState.FAILED.value)
_UNFINISHED: Final = tuple(s.value for s in UNFINISHED)
_LISTED: Final = [c for c in publications.columns if c.name not in ("basis", "key")]


class ReportQueries(Queries):
    """`ReportStore` of the coordinator's ports."""

    async def add_report(self, report: Report, *, most_waiting: int) -> Report | None:
        """Store a new report; that with the same key, if there is one.

        None, and nothing is stored, if `most_waiting` of its place are unfinished: of several at
        once no more are stored than that.
        """
        waiting = (
            select(func.count())
            .select_from(reports)
            .where(reports.c.state.in_(_UNFINISHED), reports.c.place == report.place)
        )
        same = select(reports).where(reports.c.key == report.key)
        async with self._database.write() as connection:
            await self._alone(connection, REPORTS_LOCK)
            found = await rows(connection, same)
            if found:
                return _report(found[0])
            if (await connection.execute(waiting)).scalar_one() >= most_waiting:
                return None
            await connection.execute(insert(reports).values(**_values(report)))
        return report

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
        return await self._reports(
            select(reports)
            .where(reports.c.state.in_(_UNFINISHED), reports.c.place == place)
            .order_by(reports.c.at, reports.c.id)
        )

    async def remove_report(self, ident: str) -> bool:
        """Mark a finished report as one without files, for ever.

        False, and nothing is changed, if it was published, is being made, or was removed.
        """
        statement = (
            update(reports)
            .where(
                reports.c.id == ident,
                reports.c.state.in_(_FINISHED),
                reports.c.id.not_in(select(publications.c.report)),
            )
            .values(state=ReportState.REMOVED.value, files={})
        )
        async with self._database.write() as connection:
            await self._alone(connection, REPORTS_LOCK)
            return (await connection.execute(statement)).rowcount > 0

    async def add_publication(
        self, publication: Publication, *, key: str
    ) -> tuple[Publication, bool] | None:
        """Store a publication under the next number; that of the same key, if there is one.

        The one of the same report, if it was published with another key: then False is with it.
        None, and nothing is stored, if the report is not done, or not any more.
        """
        assert publication.basis is not None
        done = select(reports.c.id).where(
            reports.c.id == publication.report, reports.c.state == ReportState.DONE.value
        )
        async with self._database.write() as connection:
            await self._alone(connection, REPORTS_LOCK)
            same = (publications.c.key == key) | (publications.c.report == publication.report)
            found = await rows(connection, _whole().where(same))
            if not found and not await rows(connection, done):
                return None
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

    async def restatements(self, publication: int, *, limit: int) -> Sequence[Restatement]:
        """What was computed again last of one publication, newest first."""
        statement = (
            select(restatements)
            .where(restatements.c.publication == publication)
            .order_by(restatements.c.seq.desc())
            .limit(limit)
        )
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
