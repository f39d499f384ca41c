from __future__ import annotations

import asyncio
import sys

import pytest

from sync_classroom.domain.import_rows import FileKind
from sync_classroom.domain.problems import ProblemError
from sync_classroom.exchange.refusals import MAX_BYTES
from sync_classroom.exchange.sandbox import Sandbox
from tests.support.timetable_files import ENGLISH, HEADINGS, png, workbook


async def _refused(sandbox: Sandbox, data: bytes) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        await sandbox.read(data)
    return caught.value


@pytest.mark.asyncio
async def test_file_is_read_in_another_process() -> None:
    content = await Sandbox().read(workbook([HEADINGS, ENGLISH]))
    assert (content.kind, content.tables[0].rows) == (FileKind.SHEET, (HEADINGS, ENGLISH))


@pytest.mark.asyncio
async def test_refusal_comes_back_with_its_value() -> None:
    assert (await _refused(Sandbox(), png())).code == "file_picture"
    too_large = await _refused(Sandbox(), bytes(MAX_BYTES + 1))
    assert (too_large.code, too_large.value) == ("file_too_large", MAX_BYTES + 1)


@pytest.mark.asyncio
async def test_reading_that_does_not_end_is_ended() -> None:
    sandbox = Sandbox(timeout_s=0.3, command=(sys.executable, "-c", "while True: pass"))
    assert (await _refused(sandbox, b"x")).code == "file_slow"


@pytest.mark.asyncio
async def test_file_that_kills_its_reader_is_damaged() -> None:
    sandbox = Sandbox(command=(sys.executable, "-c", "import os; os.abort()"))
    assert (await _refused(sandbox, b"x")).code == "file_damaged"


@pytest.mark.asyncio
async def test_loop_goes_on_while_files_are_read() -> None:
    sandbox = Sandbox()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(sandbox.read(workbook([HEADINGS, ENGLISH])) for _ in range(4)))
    ticking.cancel()
    assert ticks > 100
