"""The journal: every sample on disk before anybody is offered it, and never in the media's way.

Samples are handed over without waiting; one thread writes them. When the disk is full, or the
coordinator has been away so long that `journal_max_mb` is reached, new samples are given up and
counted, media flows on, and a `gap` record says from when to when evidence is missing as soon as
there is space again. What is written is never removed before it is confirmed.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import math
import os
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from ..domain.problems import ProblemError, ProblemKind
from .journal_files import FILE_MODE, JournalFiles, Page
from .session import Direction, Sample

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

#: What the process wrote survives `kill -9` without any sync; this bounds what a power cut costs.
#: Syncing every sample instead would make a slow disk the limit of the whole relay.
SYNC_S: Final = 5.0
#: How often a full disk is tried again when no sample asks for it.
RETRY_S: Final = 5.0
#: A minute of 600 sessions; a disk that stalls for longer costs samples, not memory.
MAX_PENDING: Final = 4096
#: Errors that mean "not now", on which the relay starts and runs without a journal.
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def encode_sample(sample: Sample, record_id: str) -> dict[str, Any]:
    """A sample as the record documented in docs/relay-interface.md."""
    record: dict[str, Any] = {
        "id": record_id,
        "kind": sample.direction.value,
        "room": sample.room,
        "peer": sample.peer,
    }
    if sample.direction is Direction.PUBLISH:
        record |= {
            "source": sample.source,
            "from": _instant(sample.from_at),
            "to": _instant(sample.to_at),
            "packets": sample.packets,
            "bytes": sample.bytes,
            "lost": sample.lost,
            "jitter_ms": _finite(sample.jitter_ms),
        }
    else:
        record |= {
            "from": _instant(sample.from_at),
            "to": _instant(sample.to_at),
            "sent": sample.packets,
            "acked": sample.acked,
            "bytes": sample.bytes,
            "lost": sample.lost,
            "rtt_ms": _finite(sample.rtt_ms),
            "jitter_ms": _finite(sample.jitter_ms),
        }
    record |= {"nacks": sample.nacks, "plis": sample.plis}
    if sample.direction is Direction.SUBSCRIBE:
        record["dropped"] = sample.dropped
    return record | {"layer": sample.layer, "path": sample.path}


class Journal:
    """Journal of one relay process; `open`, then `run` in a task, then `close`.

    `wall` gives aware UTC. Counters are read by the metrics: `written` records, `lost` samples,
    `size` bytes on disk, `failing` while the disk refuses.
    """

    def __init__(
        self,
        folder: Path,
        *,
        relay: str,
        boot: str,
        version: str,
        max_bytes: int,
        sample_s: float,
        wall: Callable[[], datetime],
    ) -> None:
        self._folder = folder
        self._relay = relay
        self._boot = boot
        self._version = version
        self._max_bytes = max_bytes
        self._sample = timedelta(seconds=sample_s)
        self._wall = wall
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._files: JournalFiles | None = None
        self._lock = -1
        self._pending: deque[Sample] = deque()
        self._wake = asyncio.Event()
        self._gap: tuple[datetime, datetime] | None = None
        self._flushing = asyncio.Lock()
        self._boot_at: datetime | None = wall()
        self._sequence = 0
        self._dirty = False
        self._synced_at = wall()
        self.written = 0
        self.lost = 0
        self.damaged = 0
        self.failing = False

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._files.size if self._files is not None else 0

    async def open(self) -> None:
        """Take the folder and write the boot record, and a gap if the last end was torn.

        Raises ProblemError when the folder cannot be used or another relay uses it. A full disk
        is no error: the journal is then `failing` and tries again.
        """
        await self._in_thread(self._take_folder)
        try:
            self.written += await self._in_thread(lambda: self._write((), None))
        except OSError as error:
            if error.errno not in _NO_SPACE:
                raise self._unusable(error) from error
            self._give_up((), None, error)

    def add(self, sample: Sample) -> None:
        """Take a sample to be written; never blocks, never raises."""
        if len(self._pending) >= MAX_PENDING:
            self._lose(self._pending.popleft())
        self._pending.append(sample)
        self._wake.set()

    async def run(self) -> None:
        """Write what is added, until cancelled; owned by a task of the server."""
        while True:
            waiting = self._dirty or self.failing or self._gap is not None
            try:
                async with asyncio.timeout(min(SYNC_S, RETRY_S) if waiting else None):
                    await self._wake.wait()
            except TimeoutError:
                pass
            await self.flush()

    async def flush(self) -> None:
        """Write everything added so far; a batch once taken is dealt with even when cancelled."""
        writing = asyncio.ensure_future(self._flush())
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing
            raise

    async def _flush(self) -> None:
        async with self._flushing:
            self._wake.clear()
            batch, gap = tuple(self._pending), self._gap
            self._pending.clear()
            self._gap = None
            try:
                records = await self._in_thread(lambda: self._write(batch, gap))
            except Exception as error:  # whatever it is, media flow on and the loss is on record
                self._give_up(batch, gap, error)
                return
            self.written += records
            if self.failing:
                log.warning("journal_recovered", lost_samples=self.lost)
            self.failing = False

    def _give_up(
        self, batch: tuple[Sample, ...], gap: tuple[datetime, datetime] | None, error: Exception
    ) -> None:
        """Count what could not be written; the gap covers it and what was missing before."""
        for sample in batch:
            self._lose(sample)
        if gap is not None:
            self._widen_gap(*gap)
        if not self.failing:
            log.error("journal_failing", error=str(error), folder=str(self._folder))
        self.failing = True

    async def page(self, after: str | None, limit: int) -> Page:
        """Records after the cursor, oldest first; ValueError for what is not a cursor."""
        page = await self._in_thread(lambda: self._open_files().page(after, limit))
        if page.damaged:
            self.damaged += page.damaged
            log.error("journal_records_damaged", count=page.damaged, after=after)
        return page

    async def confirm(self, cursor: str) -> None:
        """Forget whole segments before the cursor; ValueError for what is not a cursor."""
        await self._in_thread(lambda: self._open_files().confirm(cursor))
        if self.failing:
            self._wake.set()  # there may be space again

    async def close(self) -> None:
        """Write what is pending, sync, close. Safe to call twice."""
        if self._lock < 0:
            return
        await self.flush()
        await self._in_thread(self._release)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    # ---------------------------------------------------------------- in the thread

    def _take_folder(self) -> None:
        path = self._folder / "lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            self._lock = -1
            raise ProblemError(
                "journal_in_use",
                f"另一个媒体服务正在使用日志目录 {self._folder}。请先停止它,"
                "或更改 server.data_dir。",
                f"Another relay is using the journal folder {self._folder}. Stop it first, or"
                " change server.data_dir.",
                kind=ProblemKind.CONFLICT,
                field="server.data_dir",
                value=str(self._folder),
            ) from error
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> ProblemError:
        return ProblemError(
            "journal_unusable",
            f"无法使用日志目录 {self._folder}:{error.strerror}。请检查磁盘与权限,"
            "或更改 server.data_dir。",
            f"The journal folder {self._folder} cannot be used: {error.strerror}. Check disk and"
            " permissions, or change server.data_dir.",
            kind=ProblemKind.UNAVAILABLE,
            field="server.data_dir",
            value=str(self._folder),
        )

    def _open_files(self) -> JournalFiles:
        if self._files is None:
            self._files = JournalFiles(
                self._folder, boot=self._boot, max_bytes=self._max_bytes, now_ms=self._now_ms()
            )
        return self._files

    def _write(self, samples: tuple[Sample, ...], gap: tuple[datetime, datetime] | None) -> int:
        """Append boot and gap if they are due, then the samples: all, or OSError and none."""
        files = self._open_files()
        if files.torn_at is not None:
            log.warning("journal_torn_end", folder=str(self._folder))
            # Whose line was torn is not known; a sample speaks of at most `sample_s`.
            torn_at = datetime.fromtimestamp(files.torn_at, UTC)
            gap = _wider(gap, torn_at - self._sample, torn_at)
        records: list[dict[str, Any]] = []
        if self._boot_at is not None:
            at = _instant(self._boot_at)
            records.append({"id": "", "kind": "boot", "at": at, "version": self._version})
        if gap is not None:
            first, last = map(_instant, gap)
            records.append({"id": "", "kind": "gap", "from": first, "to": last})
        records += [encode_sample(sample, "") for sample in samples]
        for number, record in enumerate(records, self._sequence + 1):
            record["id"] = f"{self._relay}:{self._boot}:{number}"
        if records:
            files.append([_line(record) for record in records], now_ms=self._now_ms())
            self._sequence += len(records)
            self._boot_at = files.torn_at = None
            self._dirty = True
        self._sync(files)
        return len(records)

    def _sync(self, files: JournalFiles) -> None:
        now = self._wall()
        if not self._dirty or (now - self._synced_at).total_seconds() < SYNC_S:
            return
        try:
            files.sync()
        except OSError as error:
            log.error("journal_sync_failed", error=str(error))
        self._dirty = False
        self._synced_at = now

    def _release(self) -> None:
        if self._files is not None:
            self._files.close()
        os.close(self._lock)
        self._lock = -1

    def _lose(self, sample: Sample) -> None:
        self.lost += 1
        self._widen_gap(sample.from_at, sample.to_at)

    def _widen_gap(self, from_at: datetime, to_at: datetime) -> None:
        self._gap = _wider(self._gap, from_at, to_at)

    def _now_ms(self) -> int:
        return int(self._wall().timestamp() * 1000)


def _wider(
    gap: tuple[datetime, datetime] | None, from_at: datetime, to_at: datetime
) -> tuple[datetime, datetime]:
    return (from_at, to_at) if gap is None else (min(from_at, gap[0]), max(to_at, gap[1]))


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _finite(value: float | None) -> float | None:
    return round(value, 3) if value is not None and math.isfinite(value) else None


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
