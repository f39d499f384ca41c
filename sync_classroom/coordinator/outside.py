"""Programs of others and of ours that work on a file beside the coordinator: scanner and cutter."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from . import library_problems as problems
from .page_tracks import PackedPage

#: A scanner of 5 GB reads them from the disk once; one that takes longer than this hangs.
SCAN_S: Final = 600.0
#: Cutting only copies.
CUT_S: Final = 900.0
MAX_SAID: Final = 300
_CUTTING: Final = "sync_classroom.relay.recording.cutting"
#: What `{file}` stands for in a configured command; without it the path comes last.
PLACE: Final = "{file}"
# What scanners agree upon (clamscan(1), clamdscan(1)): 1 means found, anything else means unable.
_CLEAN, _FOUND = 0, 1


@dataclass(frozen=True, slots=True)
class Piece:
    """What was cut: from where to where it really goes, and what it is."""

    from_s: float
    to_s: float
    duration_s: float
    bytes: int
    sha256: str


async def scan(command: Sequence[str], path: Path) -> None:
    """Have a file scanned; nothing without a command.

    ProblemError `file_infected` if the command ends with 1, `scan_failed` if it ends otherwise than
    with 0, cannot be started or takes longer than SCAN_S.
    """
    if not command:
        return
    words = [word.replace(PLACE, str(path)) for word in command]
    if PLACE not in "".join(command):
        words.append(str(path))
    status, said = await _run(words, SCAN_S)
    if status == _FOUND:
        raise problems.infected(said.replace(str(path), "…"))
    if status != _CLEAN:
        raise problems.not_scanned(said)


async def cut(
    source: Path, target: Path, from_s: float, to_s: float, pages: Sequence[PackedPage] = ()
) -> Piece:
    """Copy `[from_s, to_s)` of a recorded file, beginning with the keyframe at or before it.

    The document pages shown in it go with it. ProblemError `cut_failed`; then there is no `target`.
    """
    words = [sys.executable, "-m", _CUTTING, str(source), str(target), str(from_s), str(to_s)]
    told = target.with_name(f"{target.name}.pages")
    try:
        if pages:
            text = json.dumps([asdict(page) for page in pages])
            await asyncio.to_thread(told.write_text, text, "utf-8")
            words.append(str(told))
        status, said = await _run(words, CUT_S)
    finally:
        await asyncio.to_thread(told.unlink, missing_ok=True)
    if status == 0:
        with contextlib.suppress(ValueError, TypeError):
            return Piece(**json.loads(said))
    await asyncio.to_thread(target.unlink, missing_ok=True)
    raise problems.not_cut(said)


async def _run(words: Sequence[str], within_s: float) -> tuple[int | None, str]:
    """`(exit code or None, the end of what it said)`; it ends when we do."""
    try:
        child = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        return None, f"{words[0]}: {error.strerror}"
    try:
        async with asyncio.timeout(within_s):
            said = await _end_of(child)
            await child.wait()
    except TimeoutError:
        return None, f"{words[0]}: longer than {within_s:.0f} s"
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    return child.returncode, said


async def _end_of(child: asyncio.subprocess.Process) -> str:
    """The last of what a process says, however much that is."""
    assert child.stdout is not None
    kept = b""
    while piece := await child.stdout.read(1 << 16):
        kept = (kept + piece)[-4 * MAX_SAID :]
    return kept.decode(errors="replace")[-MAX_SAID:].strip()
