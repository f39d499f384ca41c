"""Drawing a report without stopping anybody: in a child process, bounded in time and memory."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from ..domain.problems import ProblemError, ProblemKind
from .child import FILES

log = structlog.get_logger(__name__)

#: A term of 48 rooms takes a quarter of a minute on a slow machine.
TIMEOUT_S: Final = 300.0
_COMMAND: Final = (sys.executable, "-I", "-m", "sync_classroom.reports.child")
# What a child says when it dies is for the log, and only its end says why.
_LAST_WORDS: Final = 2000

Progress = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DrawnFile:
    """One file of a report."""

    path: Path
    bytes: int
    sha256: str


class Renderer:
    """Draws reports, one at a time; whoever comes second waits. `fonts` are families by preference.

    A child that takes longer than `timeout_s` is killed, and so is one whose caller is cancelled.
    """

    def __init__(
        self,
        *,
        fonts: Sequence[str] = (),
        timeout_s: float = TIMEOUT_S,
        command: tuple[str, ...] = _COMMAND,
    ) -> None:
        self._turn = asyncio.Lock()
        self._fonts = tuple(fonts)
        self._timeout_s = timeout_s
        self._command = command

    async def render(
        self,
        content: Mapping[str, Any],
        formats: Sequence[str],
        folder: Path,
        progress: Progress,
    ) -> Mapping[str, DrawnFile]:
        """Draw a report of `domain.report` in these formats (`pdf`, `xlsx`, `csv`) into `folder`.

        `progress` is told of each step: `charts`, `pdf`, `xlsx`, `csv`. Raises ProblemError
        `report_slow` beyond the time and `report_failed` if the child came to nothing. What
        `progress` raises ends the child and passes.
        """
        asked = {"content": content, "formats": list(formats), "fonts": list(self._fonts)}
        data = await asyncio.to_thread(lambda: json.dumps(asked).encode())
        async with self._turn:
            try:
                async with asyncio.timeout(self._timeout_s):
                    files = await self._ask(data, folder, progress)
            except TimeoutError:
                raise _slow(self._timeout_s) from None
        if files is None or set(files) != set(formats):
            raise _failed()
        return {
            form: DrawnFile(folder / FILES[form], file["bytes"], file["sha256"])
            for form, file in files.items()
        }

    async def _ask(self, data: bytes, folder: Path, progress: Progress) -> Mapping[str, Any] | None:
        child = await asyncio.create_subprocess_exec(
            *self._command, str(folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        try:
            async with asyncio.TaskGroup() as tasks:
                words = tasks.create_task(child.stderr.read(), name="report-stderr")
                tasks.create_task(_feed(child.stdin, data), name="report-stdin")
                files = await _follow(child.stdout, progress)
            status = await child.wait()
        except ExceptionGroup as several:
            # Whoever waits for the report is told what went wrong, not in what company.
            raise several.exceptions[0] from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if status != 0:
            log.error(
                "report.child_failed",
                status=status,
                words=words.result()[-_LAST_WORDS:].decode(errors="replace"),
            )
            return None
        return files


async def _feed(stdin: asyncio.StreamWriter, data: bytes) -> None:
    try:
        stdin.write(data)
        await stdin.drain()
        stdin.close()
        await stdin.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        return  # the child has ended; its status says why


async def _follow(stdout: asyncio.StreamReader, progress: Progress) -> Mapping[str, Any] | None:
    """Tell of the steps; the files of the last line. ProblemError for what is no line of ours."""
    files: Mapping[str, Any] | None = None
    async for line in stdout:
        try:
            told = json.loads(line)
        except ValueError:
            log.error("report.child_failed", said=line[:_LAST_WORDS].decode(errors="replace"))
            raise _failed() from None
        if "step" in told:
            await progress(told["step"])
        elif "files" in told:
            files = told["files"]
        elif "peak_kib" in told:
            log.info("report.drawn", peak_mib=told["peak_kib"] // 1024)
    return files


def _slow(seconds: float) -> ProblemError:
    return ProblemError(
        "report_slow",
        f"报告在 {seconds:.0f} 秒内没有生成完，已停止。请缩短时间段，或在空闲时再试。",
        f"The report was not done within {seconds:.0f} seconds and was stopped. Choose a shorter"
        " period, or try when the machine is idle.",
        kind=ProblemKind.UNAVAILABLE,
        value=seconds,
    )


def _failed() -> ProblemError:
    return ProblemError(
        "report_failed",
        "报告没有生成成功，原因已记入日志。请重试；若再次发生请联系管理员。",
        "The report could not be made; the log says why. Try again, and tell an administrator if it"
        " happens again.",
        kind=ProblemKind.UNAVAILABLE,
    )
