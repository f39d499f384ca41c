"""A process that writes a journal as fast as it can, to be killed or starved of disk by a test.

    python -m tests.support.journal_writer FOLDER [rlimit]

Prints the last written count after every flush. With `rlimit`, files are limited to a size that
runs out, the limit is lifted on a line of standard input, and counters are printed at the end.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from sync_classroom.relay.journal import Journal
from tests.support.samples import sample

LIMIT_BYTES = 4096


def journal(folder: Path) -> Journal:
    return Journal(
        folder,
        relay="relay-1",
        boot="b1a2c3d4",
        version="0.1.0",
        max_bytes=10**9,
        sample_s=10.0,
        wall=lambda: datetime.now(UTC),
    )


async def write_for_ever(folder: Path) -> None:
    writing = journal(folder)
    await writing.open()
    number = 0
    while True:
        for _ in range(7):
            writing.add(sample(number))
            number += 1
        await writing.flush()
        print(writing.written, flush=True)


async def write_beyond_limit(folder: Path) -> None:
    writing = journal(folder)
    await writing.open()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, hard))
    for number in range(40):
        writing.add(sample(number))
        await writing.flush()
    print(json.dumps({"lost": writing.lost, "failing": writing.failing}), flush=True)
    sys.stdin.readline()
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    writing.add(sample(100, after=timedelta(hours=1)))
    await writing.flush()
    print(json.dumps({"lost": writing.lost, "failing": writing.failing}), flush=True)
    await writing.close()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run((write_beyond_limit if sys.argv[2:] else write_for_ever)(Path(sys.argv[1])))
