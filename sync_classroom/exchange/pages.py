"""Documents into pages without stopping anybody: in a child process, bounded in time and number."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..domain.documents import PageSize, document_problem

#: A book of 300 pages takes two minutes on a slow core.
TIMEOUT_S: Final = 600.0
#: Lessons need the processor more than documents do.
MAX_CHILDREN: Final = 1
OFFICE: Final = ("soffice", "libreoffice")
_COMMAND: Final = (sys.executable, "-I", "-m", "sync_classroom.exchange.page_child")


class PageMaker:
    """Converts for everybody of this process, one document after the other."""

    def __init__(
        self,
        timeout_s: float = TIMEOUT_S,
        command: Sequence[str] = _COMMAND,
        office: Sequence[str] = OFFICE,
    ) -> None:
        self._turns = asyncio.Semaphore(MAX_CHILDREN)
        self._timeout_s = timeout_s
        self._command = tuple(command)
        self._office = tuple(office)

    async def make(self, kind: str, source: Path, folder: Path) -> tuple[PageSize, ...]:
        """Write the pages of `source` into the empty `folder` and tell their sizes.

        `kind` as `domain.documents.kind_of` has it. ProblemError with a code of
        `document_problem`; `folder` then holds rubbish.
        """
        soffice = next(filter(None, map(shutil.which, self._office)), None)
        if kind == "office" and soffice is None:
            raise document_problem("document_office_missing")
        async with self._turns:
            status, out = await self._ask(kind, str(source), str(folder), soffice or "")
        if status == -signal.SIGXCPU:
            raise document_problem("document_slow")
        if status != 0:
            raise document_problem("document_damaged")
        found = json.loads(out)
        if "refused" in found:
            raise document_problem(found["refused"], found["value"])
        return tuple(PageSize(width, height) for width, height in found["pages"])

    async def _ask(self, *arguments: str) -> tuple[int | None, bytes]:
        child = await asyncio.create_subprocess_exec(
            *self._command,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # LibreOffice starts processes of its own, which end with ours.
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                out, _ = await child.communicate()
        except TimeoutError:
            raise document_problem("document_slow") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
        return child.returncode, out
