"""The journal on disk: numbered segments of JSON lines, appended, paged, confirmed, deleted.

No clock, no threads: `journal.py` drives this from a thread of its own. A segment is named by the
millisecond it was begun and the boot that wrote it, so that numbers only ever grow, also after the
folder was emptied. A cursor is `<segment number>.<byte offset>`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: Small enough that confirmed space comes back soon, large enough that a day makes few files:
#: about 4000 samples, one minute of 600 sessions.
SEGMENT_BYTES: Final = 1024 * 1024
#: A record has about 350 bytes; a longer line is damage.
MAX_RECORD_BYTES: Final = 8 * 1024
#: How much of the last segment is looked at for a torn end after a crash.
TAIL_BYTES: Final = 64 * 1024
#: Only the relay writes, its group may read: the journal names classrooms and times.
FILE_MODE: Final = 0o640
#: The largest page, whatever is asked for.
MAX_PAGE: Final = 5000

_NAME = re.compile(r"(\d{13,16})-([0-9a-f]{8})\.ndjson")
_CURSOR = re.compile(r"(\d{1,16})\.(\d{1,12})")


@dataclass(frozen=True, slots=True)
class Page:
    """Records after a cursor; `damaged` counts lines that could not be read and were left out."""

    records: tuple[Mapping[str, Any], ...]
    cursor: str
    more: bool
    damaged: int


@dataclass(slots=True)
class _Segment:
    number: int
    path: Path
    size: int


def parse_cursor(text: str) -> tuple[int, int]:
    """Segment number and offset; ValueError for what is not a cursor."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise ValueError(f"not a journal cursor: {text[:40]!r}")
    return int(match[1]), int(match[2])


class JournalFull(OSError):  # noqa: N818 - reads as the condition it is
    """The journal has reached `max_bytes` of unconfirmed records."""


class JournalFiles:
    """One folder of segments; `torn` says whether the last boot's end had to be cut off.

    Only one object may use a folder at a time. Every method may raise OSError; `append` leaves the
    files as they were then.
    """

    def __init__(self, folder: Path, *, boot: str, max_bytes: int, now_ms: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._boot = boot
        self._max_bytes = max_bytes
        self._segments = _scan(folder)
        self.torn_at: float | None = _cut_torn_end(self._segments[-1]) if self._segments else None
        self._total = sum(segment.size for segment in self._segments)
        self._descriptor = -1
        self._roll(now_ms)

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return self._total

    def append(self, lines: Sequence[bytes], *, now_ms: int) -> None:
        """Append whole lines (each ending in a newline), all or none of them."""
        data = b"".join(lines)
        if self._total + len(data) > self._max_bytes:
            raise JournalFull(errno.ENOSPC, "the journal has reached relay.journal_max_mb")
        if self._segments[-1].size >= SEGMENT_BYTES:
            self._roll(now_ms)
        segment = self._segments[-1]
        try:
            # A write that failed half-way left bytes behind the good end: begin by dropping them.
            if os.fstat(self._descriptor).st_size != segment.size:
                os.ftruncate(self._descriptor, segment.size)
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            with contextlib.suppress(OSError):  # tried again before the next append
                os.ftruncate(self._descriptor, segment.size)
            raise
        segment.size += len(data)
        self._total += len(data)

    def sync(self) -> None:
        """Make what was appended survive a power cut."""
        os.fdatasync(self._descriptor)

    def page(self, after: str | None, limit: int) -> Page:
        """Up to `limit` records after the cursor (None: the oldest kept).

        Raises ValueError for what is not a cursor.
        """
        number, offset = parse_cursor(after) if after is not None else (0, 0)
        if all(segment.number < number for segment in self._segments):
            number, offset = 0, 0  # a cursor of a journal that was wiped: offer all we have
        limit = max(1, min(limit, MAX_PAGE))
        records: list[Mapping[str, Any]] = []
        damaged = 0
        end = (number, offset)
        for segment in self._segments:
            if segment.number < number:
                continue
            start = offset if segment.number == number else 0
            found, bad, position = _read(segment, start, limit - len(records))
            records += found
            damaged += bad
            end = (segment.number, position)
            if len(records) == limit:
                break
        last = self._segments[-1]
        more = end < (last.number, last.size)
        return Page(tuple(records), f"{end[0]}.{end[1]}", more, damaged)

    def confirm(self, cursor: str) -> int:
        """Delete segments wholly before the cursor, never the one being written.

        Returns how many were deleted. Raises ValueError for what is not a cursor.
        """
        number, offset = parse_cursor(cursor)
        kept: list[_Segment] = []
        deleted = 0
        for segment in self._segments[:-1]:
            if (segment.number, segment.size) <= (number, offset) or segment.number < number:
                segment.path.unlink(missing_ok=True)
                self._total -= segment.size
                deleted += 1
            else:
                kept.append(segment)
        self._segments = [*kept, self._segments[-1]]
        return deleted

    def close(self) -> None:
        """Sync and close the segment being written."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.fdatasync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _roll(self, now_ms: int) -> None:
        number = max(now_ms, self._segments[-1].number + 1 if self._segments else 0)
        path = self._folder / f"{number:013d}-{self._boot}.ndjson"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(path, flags, FILE_MODE)
        self.close()
        self._descriptor = descriptor
        self._segments.append(_Segment(number, path, 0))
        with contextlib.suppress(OSError):  # the name survives a power cut where that is possible
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _scan(folder: Path) -> list[_Segment]:
    """The segments of former boots, oldest first; empty ones are removed."""
    found = []
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        size = path.stat().st_size
        if size == 0:
            path.unlink(missing_ok=True)
        else:
            found.append(_Segment(int(match[1]), path, size))
    return sorted(found, key=lambda segment: segment.number)


def _cut_torn_end(segment: _Segment) -> float | None:
    """Cut what does not end in a whole record off a crashed boot's segment.

    Returns when that was last written (Unix seconds), or None if the end was good.
    """
    written = segment.path.stat().st_mtime
    with segment.path.open("r+b") as file:
        start = max(0, segment.size - TAIL_BYTES)
        file.seek(start)
        tail = file.read()
        good = len(tail)
        while good:
            end = tail.rfind(b"\n", 0, good) + 1
            begin = tail.rfind(b"\n", 0, max(0, end - 1)) + 1
            if end == good and _record(tail[begin:end]) is not None:
                break
            good = begin if end == good else end
        if start + good == segment.size:
            return None
        file.truncate(start + good)
        os.fsync(file.fileno())
    segment.size = start + good
    return written


def _record(line: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and "id" in value and "kind" in value else None


def _read(segment: _Segment, start: int, limit: int) -> tuple[list[Mapping[str, Any]], int, int]:
    """Up to `limit` records from `start`, the number of bad lines, and where reading ended."""
    records: list[Mapping[str, Any]] = []
    damaged = 0
    position = min(start, segment.size)
    with segment.path.open("rb") as file:
        file.seek(position)
        while len(records) < limit and position < segment.size:
            line = file.readline(MAX_RECORD_BYTES)
            if not line:
                break
            position += len(line)
            record = _record(line)
            if record is None:
                damaged += 1
            else:
                records.append(record)
    return records, damaged, position
