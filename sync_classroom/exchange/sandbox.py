"""Reading a file without stopping anybody: in a child process, bounded in time and in number."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Final

from .reading import Content, from_json
from .refusals import MAX_BYTES, refusal

TIMEOUT_S: Final = 30.0  # the largest workbook takes two seconds on a slow machine
MAX_CHILDREN: Final = 2  # two people uploading at once is already a coincidence
_COMMAND: Final = (sys.executable, "-I", "-m", "sync_classroom.exchange.child")


class Sandbox:
    """Reads files for everybody of this process, at most `MAX_CHILDREN` at a time."""

    def __init__(self, timeout_s: float = TIMEOUT_S, command: tuple[str, ...] = _COMMAND) -> None:
        self._turns = asyncio.Semaphore(MAX_CHILDREN)
        self._timeout_s = timeout_s
        self._command = command

    async def read(self, data: bytes) -> Content:
        """What a file holds; ProblemError with a code of `refusals`, `file_slow` beyond the time
        and `file_damaged` if reading it ended the child."""
        if len(data) > MAX_BYTES:
            raise refusal("file_too_large", len(data))
        try:
            async with asyncio.timeout(self._timeout_s), self._turns:
                status, out = await self._ask(data)
        except TimeoutError:
            raise refusal("file_slow") from None
        if status != 0:
            raise refusal("file_damaged")
        found = json.loads(out)
        if "refused" in found:
            raise refusal(found["refused"], found["value"])
        return from_json(found)

    async def _ask(self, data: bytes) -> tuple[int | None, bytes]:
        child = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            out, _ = await child.communicate(data)
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        return child.returncode, out
