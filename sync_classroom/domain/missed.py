"""What a room missed of a lesson that still runs, and where its recording has it.

The evidence decides, as for coverage: the host's media that the seat did not receive. Watching it
later is no attendance: nothing here is a fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .intervals import Span, Spans, difference, intersection, normalise
from .recordings import RecordedFile, Recording, RecordingState

#: Less is not worth watching: samples of host and seat begin and end a second or two apart.
LEAST_S: Final = 5
#: What was received between two losses this near is watched with them.
JOINED_S: Final = 10
#: A line this bad is told of by its last losses.
MOST: Final = 20
#: What is watched: the host's voice with the camera, and the courseware beside it.
SOURCES: Final = ("camera", "screen")


def missed_of(host: Spans, delivered: Spans, starts_at: int) -> Spans:
    """Seconds since 1970 of the host's media that a seat lost before it last received something.

    `host` and `delivered` as the facts have them, `starts_at` the planned start: nobody misses what
    is sent before. What the seat loses just now has no end yet, and cannot be told to it either.
    """
    if not delivered:
        return ()
    until = delivered[-1][1]
    lost = difference(intersection(host, ((starts_at, until),)), delivered)
    joined: list[Span] = []
    for first, last in lost:
        if joined and first - joined[-1][1] <= JOINED_S:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return normalise(span for span in joined if span[1] - span[0] >= LEAST_S)[-MOST:]


@dataclass(frozen=True, slots=True)
class Part:
    """A file that has some of it, `[from_s, to_s)` on the recording's time."""

    file: RecordedFile
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Missed:
    """One loss, `[first, last)` in seconds since 1970; without `parts` it is not written yet."""

    first: int
    last: int
    parts: tuple[Part, ...]


def watchable(spans: Spans, recording: Recording | None) -> tuple[Missed, ...]:
    """The losses that can be watched from the recording, now or as soon as they are written.

    `recording` None: it has been asked for and has not begun. What was lost before it began, or
    while its disk was full, is nowhere and left out.
    """
    if recording is None or recording.started_at is None:
        return tuple(Missed(first, last, ()) for first, last in spans)
    found = []
    for first, last in spans:
        parts = _parts(recording, recording.started_at, first, last)
        if parts or _awaited(recording, recording.started_at, last):
            found.append(Missed(first, last, parts))
    return tuple(found)


def _parts(recording: Recording, zero: datetime, first: int, last: int) -> tuple[Part, ...]:
    from_s, to_s = first - zero.timestamp(), last - zero.timestamp()
    parts = []
    for file in growing(recording):
        begins, ends = max(from_s, file.start_s), min(to_s, file.start_s + file.duration_s)
        if begins < ends:
            parts.append(Part(file, round(begins, 3), round(ends, 3)))
    return tuple(sorted(parts, key=lambda p: (SOURCES.index(p.file.source), p.from_s)))


def growing(recording: Recording) -> tuple[RecordedFile, ...]:
    """The host's files as they are written, fragment by fragment; joined ones have a hash."""
    return tuple(f for f in recording.files if f.source in SOURCES and f.sha256 is None)


def _awaited(recording: Recording, zero: datetime, last: int) -> bool:
    """Whether the recording has not come so far yet."""
    if recording.state is not RecordingState.RECORDING or recording.disk_full:
        return False
    written_s = max((f.start_s + f.duration_s for f in growing(recording)), default=0.0)
    return last - zero.timestamp() > written_s
