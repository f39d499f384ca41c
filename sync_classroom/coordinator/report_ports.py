"""What reports need from outside: rows, a bundle to write, somebody who draws."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ..domain.facts import Fact
from ..domain.publications import Publication, Report, Restatement
from ..domain.retention import Kind, RetentionRun, Stock
from ..domain.terminal_journal import TerminalSample


class ReportStore(Protocol):
    """Reports asked for, publications, restatements."""

    async def add_report(self, report: Report, *, most_waiting: int) -> Report | None:
        """Store a new report; that with the same key, if there is one.

        None, and nothing is stored, if `most_waiting` of its place are unfinished: of several at
        once no more are stored than that.
        """
        ...

    async def save_report(self, report: Report) -> None:
        """Store what changed of a report."""
        ...

    async def report(self, ident: str) -> Report | None:
        """One report, or None."""
        ...

    async def report_by_key(self, key: str) -> Report | None:
        """The report that was asked for with this key, or None."""
        ...

    async def reports(self, *, limit: int) -> Sequence[Report]:
        """The latest, newest first, but for those that were removed."""
        ...

    async def unfinished_reports(self, place: str) -> Sequence[Report]:
        """What a coordinator still has to make, in the order it was asked for."""
        ...

    async def remove_report(self, ident: str) -> bool:
        """Mark a finished report as one without files, for ever.

        False, and nothing is changed, if it was published, is being made, or was removed.
        """
        ...

    async def add_publication(
        self, publication: Publication, *, key: str
    ) -> tuple[Publication, bool] | None:
        """Store a publication under the next number; that of the same key, if there is one.

        The one of the same report, if it was published with another key: then False is with it.
        None, and nothing is stored, if the report is not done, or not any more.
        """
        ...

    async def publications(self) -> Sequence[Publication]:
        """Every publication without its basis, newest first."""
        ...

    async def publication(self, no: int) -> Publication | None:
        """One publication with its basis, or None."""
        ...

    async def add_restatement(self, restatement: Restatement) -> Restatement:
        """Store a restatement; with its number."""
        ...

    async def restatements(self, publication: int, *, limit: int) -> Sequence[Restatement]:
        """What was computed again last of one publication, newest first."""
        ...

    async def latest_restatements(self) -> Mapping[int, Restatement]:
        """The last restatement of every publication that has one, by its number."""
        ...


class RetentionStore(Protocol):
    """What may be deleted in time, and what was."""

    async def stock(self, cuts: Mapping[Kind, datetime], *, now: datetime) -> Sequence[Stock]:
        """What lies in store of every kind by age, and how much of it is before its cut."""
        ...

    async def kept_facts(self) -> int:
        """How many facts there are, which are never deleted."""
        ...

    async def allow_cut(self, kind: Kind, before: datetime, *, at: datetime, by: str) -> None:
        """Let protected rows of a kind before an instant be deleted, and remember it for ever."""
        ...

    async def delete_some(self, kind: Kind, before: datetime, limit: int) -> int:
        """Delete about `limit` rows of a kind before an instant, oldest first; 0: none are left."""
        ...

    async def add_retention_run(self, run: RetentionRun) -> RetentionRun:
        """Remember what was deleted; for ever."""
        ...

    async def retention_runs(self, *, limit: int, deleting: bool = False) -> Sequence[RetentionRun]:
        """The latest runs, newest first; `deleting`: those that deleted something or failed."""
        ...


class BundleSink(Protocol):
    """An evidence bundle being written (`exchange.bundle_files.BundleWriter`)."""

    @property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 of every file written so far."""
        ...

    def whole(self, name: str, value: Mapping[str, Any]) -> None:
        """Write one of the JSON files."""
        ...

    def open_facts(self) -> AbstractContextManager[Callable[[Iterable[Fact]], int]]:
        """Write facts batch by batch."""
        ...

    def open_terminals(
        self,
    ) -> AbstractContextManager[Callable[[Iterable[TerminalSample]], int]]:
        """Write what terminals noted batch by batch, the samples of a journal together."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...

    def discard(self) -> None:
        """Leave nothing behind."""
        ...


OpenBundle = Callable[[Path], BundleSink]


class Drawn(Protocol):
    """One drawn file."""

    @property
    def path(self) -> Path:
        """Where it is."""
        ...

    @property
    def bytes(self) -> int:
        """How long it is."""
        ...

    @property
    def sha256(self) -> str:
        """Its hash."""
        ...


class Drawing(Protocol):
    """Draws reports (`reports.worker.Renderer`)."""

    async def render(
        self,
        content: Mapping[str, Any],
        formats: Sequence[str],
        folder: Path,
        progress: Callable[[str], Awaitable[None]],
    ) -> Mapping[str, Drawn]:
        """Draw a report of `domain.report` in these formats into a folder, telling each step."""
        ...
