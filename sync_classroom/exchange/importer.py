"""Files into rows in one object: what the coordinator asks for (`FileReader` of its importer)."""

from __future__ import annotations

from collections.abc import Mapping

from ..domain.ids import TermId
from ..domain.import_rows import ReadFile
from ..domain.roster import Roster
from .reading import Content
from .rows import Setting, interpret
from .sandbox import Sandbox


class TimetableReader:
    """Reads in a sandbox, understands here."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def read(self, data: bytes) -> Content:
        """What a file holds; ProblemError for what is no timetable."""
        return await self._sandbox.read(data)

    def interpret(
        self,
        content: Content,
        roster: Roster,
        term: TermId | None,
        chosen: Mapping[tuple[str, str], str],
    ) -> ReadFile:
        """What it means in a roster; ProblemError if it has no header or no rows."""
        return interpret(content, Setting(roster, term, chosen))
