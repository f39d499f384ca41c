"""Lesson study (看课): a lesson's recording that everybody in a meeting watches in step.

Where it is follows from where it was at an instant and whether it plays since then, so nothing has
to be told while it plays, and whoever comes late lands in step. Positions are milliseconds on the
recording's own time, which all its files share. Every function returns the study as it should be,
the same object when nothing changes; `version` is left to whoever stores it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from .ids import OccurrenceId
from .problems import ProblemError, ProblemKind

#: How fast it may play, in percent.
RATES: Final = (50, 75, 100, 125, 150, 200)
MAX_COMMENT: Final = 500
#: Of one session: a lesson of 40 minutes commented every five seconds.
MAX_COMMENTS: Final = 500


@dataclass(frozen=True, slots=True)
class Watched:
    """One file of a lesson's recording, `[start_ms, end_ms]` of the recording's time."""

    lesson: OccurrenceId
    file: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Study:
    """What a session watches (None: nothing). It was at `position_ms` at the instant `at`, and has
    gone on since then if it `playing`, at `rate` percent. `session` is the first plan's id."""

    session: OccurrenceId
    watched: Watched | None = None
    playing: bool = False
    position_ms: int = 0
    rate: int = 100
    at: datetime | None = None
    version: int = 0

    def position(self, now: datetime) -> int:
        """Where it is now, in milliseconds; it stops at the file's end."""
        if self.watched is None or self.at is None:
            return 0
        place = self.position_ms
        if self.playing:
            passed_us = max(0, round((now - self.at).total_seconds() * 1_000_000))
            place += passed_us * self.rate // 100_000
        return min(place, self.watched.end_ms)


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody said of a moment of the lesson; `by` is a peer, `name` what they were called.

    `number` counts from 1 in a session, `mark_ms` is on the recording's time.
    """

    session: OccurrenceId
    number: int
    lesson: OccurrenceId
    mark_ms: int
    text: str
    at: datetime
    by: str
    name: str


def watch(study: Study, watched: Watched, now: datetime) -> Study:
    """Watch another file, standing: of the same lesson at the same moment, else from the start."""
    if study.watched == watched:
        return study
    same = study.watched is not None and study.watched.lesson == watched.lesson
    place = study.position(now) if same else watched.start_ms
    return replace(
        study, watched=watched, playing=False, position_ms=_inside(watched, place), at=now
    )


def close(study: Study) -> Study:
    """Watch nothing any more."""
    if study.watched is None:
        return study
    return Study(study.session, version=study.version)


def play(study: Study, now: datetime) -> Study:
    """Go on from here; from the start where it is at the end."""
    watched = _required(study)
    place = study.position(now)
    if study.playing and place < watched.end_ms:
        return study
    if place >= watched.end_ms:
        place = watched.start_ms
    return replace(study, playing=True, position_ms=place, at=now)


def pause(study: Study, now: datetime) -> Study:
    """Stand still here."""
    _required(study)
    if not study.playing:
        return study
    return replace(study, playing=False, position_ms=study.position(now), at=now)


def jump(study: Study, to_ms: int, now: datetime) -> Study:
    """Go on, or stand, at another moment; ProblemError `mark_outside` if the file has none such."""
    watched = _required(study)
    return replace(study, position_ms=check_mark(watched, to_ms), at=now)


def pace(study: Study, rate: int, now: datetime) -> Study:
    """Play faster or slower from here; ProblemError `rate_unknown`."""
    _required(study)
    if rate not in RATES:
        known = "、".join(f"{r / 100:g}" for r in RATES)
        raise ProblemError(
            "rate_unknown",
            f"播放速度只能是 {known}。",
            f"The speed is one of {known.replace('、', ', ')}.",
            field="rate",
            value=rate,
        )
    if study.rate == rate:
        return study
    return replace(study, rate=rate, position_ms=study.position(now), at=now)


def check_mark(watched: Watched, mark_ms: int) -> int:
    """A moment that the file has; ProblemError `mark_outside`."""
    if _inside(watched, mark_ms) != mark_ms:
        first, last = clock(watched.start_ms), clock(watched.end_ms)
        raise ProblemError(
            "mark_outside",
            f"时间点要在 {first} 到 {last} 之间，给的是 {clock(mark_ms)}。",
            f"The time mark has to be between {first} and {last} and is {clock(mark_ms)}.",
            field="mark_ms",
            value=mark_ms,
        )
    return mark_ms


def comment_text(text: str) -> str:
    """A comment in one line, without blanks around it; ProblemError if empty or too long."""
    line = " ".join(text.split())
    if not line or len(line) > MAX_COMMENT or not line.isprintable():
        raise ProblemError(
            "comment_invalid",
            f"一条评论须为 1 到 {MAX_COMMENT} 字，现在有 {len(line)} 字。",
            f"A comment is 1 to {MAX_COMMENT} characters and has {len(line)}.",
            field="text",
            value=len(line),
        )
    return line


def clock(ms: int) -> str:
    """`12:05`, `1:02:03`: a moment of a recording, as players write it."""
    sign = "-" if ms < 0 else ""
    minutes, seconds = divmod(abs(ms) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}:{minutes:02d}:{seconds:02d}"
    return f"{sign}{minutes:02d}:{seconds:02d}"


def by_mark(comments: Iterable[Comment]) -> tuple[Comment, ...]:
    """Comments in the order of the lesson; those of one lesson together, as they first came."""
    found = list(comments)
    first: dict[OccurrenceId, int] = {}
    for each in sorted(found, key=lambda c: c.number):
        first.setdefault(each.lesson, each.number)
    return tuple(sorted(found, key=lambda c: (first[c.lesson], c.mark_ms, c.number)))


def nothing_watched() -> ProblemError:
    """There is nothing to play or to comment."""
    return ProblemError(
        "nothing_watched",
        "现在没有在看课。请主持人先选一段录像。",
        "Nothing is being watched. The leader chooses a recording first.",
        kind=ProblemKind.CONFLICT,
    )


def _required(study: Study) -> Watched:
    if study.watched is None:
        raise nothing_watched()
    return study.watched


def _inside(watched: Watched, place_ms: int) -> int:
    return max(watched.start_ms, min(place_ms, watched.end_ms))
