"""What the relay and its ingest processes have in common: lines on a pipe, and patience.

Kept apart from the processes themselves, so that the relay loads neither FFmpeg nor aiortc.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Final

FIRST_BACKOFF_S: Final = 1.0
LAST_BACKOFF_S: Final = 15.0
"""A host that is switched on during the lesson is seen after this long at the latest."""


def backoff_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row, from 1: doubling, bounded."""
    return float(min(LAST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(failures - 1, 10)))


def say(**what: object) -> None:
    """One line to the relay on standard output; it may be gone, which standard input tells of."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(what).encode() + b"\n")
