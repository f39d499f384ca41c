"""A terminal's own samples for tests: rows as a device sends them, and samples as they are kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from sync_classroom.domain.ids import ClassroomId
from sync_classroom.domain.terminal_journal import (
    TerminalSample,
    parse_noted,
    place,
    sample_of,
    spool_name,
)
from sync_classroom.domain.timetable import Occurrence

SPOOL: Final = "0123456789abcdef" * 2


def ms_of(at: datetime) -> int:
    """Milliseconds since 1970, as a device's clock has them."""
    return round(at.timestamp() * 1000)


def row(
    n: int,
    start: datetime,
    *,
    lesson: str = "o-1",
    seat: str = "o-1-s0",
    lasts_s: float = 10,
    slow_s: float = 0,
    **changes: Any,
) -> dict[str, Any]:
    """A sample that heard everything, from a device whose clock is `slow_s` behind and knows it."""
    first = ms_of(start - timedelta(seconds=slow_s))
    length = round(lasts_s * 1000)
    return {
        "n": n, "lesson": lesson, "seat": seat, "from": first, "to": first + length,
        "offset": round(slow_s * 1000), "moved": length, "frames": 150, "sound": 60_000,
    } | changes  # fmt: skip


def message(rows: Iterable[Any], sent: datetime, **changes: Any) -> dict[str, Any]:
    """What a device posts."""
    return {"spool": SPOOL, "sent": ms_of(sent), "lost": 0, "samples": list(rows)} | changes


def kept(
    lesson: Occurrence, rows: Iterable[dict[str, Any]], *, classroom: str, received: datetime
) -> list[TerminalSample]:
    """The samples these rows become."""
    room = ClassroomId(classroom)
    found = []
    for at, each in enumerate(rows):
        noted = parse_noted(at, each)
        from_at, to_at = place(noted, lesson, room, sent_ms=ms_of(received), received_at=received)
        found.append(sample_of(noted, spool_name(room, SPOOL), from_at, to_at))
    return found


def noted_all_through(
    lesson: Occurrence,
    seat: str,
    *,
    classroom: str,
    silent: tuple[int, int] = (0, 0),
    first: int = 1,
) -> list[TerminalSample]:
    """Samples of the whole lesson; nothing came in the samples that begin within `silent`, s."""
    rows = []
    seconds = round((lesson.ends_at - lesson.starts_at).total_seconds())
    for n, at in enumerate(range(0, seconds, 10)):
        heard = not silent[0] <= at < silent[1]
        rows.append(
            row(
                first + n, lesson.starts_at + timedelta(seconds=at), lesson=lesson.id, seat=seat,
                **({} if heard else {"moved": 0, "frames": 0, "sound": 0}),
            )
        )  # fmt: skip
    return kept(lesson, rows, classroom=classroom, received=lesson.ends_at)
