from __future__ import annotations

import pytest

from sync_classroom.domain.ids import TermId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.exchange.importer import TimetableReader
from sync_classroom.exchange.sandbox import Sandbox
from tests.support.rosters import programme
from tests.support.timetable_files import ENGLISH, HEADINGS, png, workbook


@pytest.mark.asyncio
async def test_file_becomes_rows_by_roster_term_and_answers() -> None:
    reader = TimetableReader(Sandbox())
    named = tuple("天文台" if c == "host-1-r1" else c for c in ENGLISH)
    content = await reader.read(workbook([HEADINGS, named]))
    roster, term = programme(), TermId("2026-autumn")
    (before,) = reader.interpret(content, roster, term, {}).rows
    (after,) = reader.interpret(content, roster, term, {("classroom", "天文台"): "host-1-r1"}).rows
    assert before.row is None
    assert after.row is not None
    assert (after.row.term, after.row.host.classroom) == ("2026-autumn", "host-1-r1")


@pytest.mark.asyncio
async def test_rubbish_is_refused() -> None:
    with pytest.raises(ProblemError) as caught:
        await TimetableReader(Sandbox()).read(png())
    assert caught.value.code == "file_picture"
