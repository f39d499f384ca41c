"""Identifiers, one type per kind of thing, made only at the border where text comes in."""

from __future__ import annotations

import re
from typing import Final, NewType

SchoolId = NewType("SchoolId", str)
ClassroomId = NewType("ClassroomId", str)
ClassId = NewType("ClassId", str)
TeacherId = NewType("TeacherId", str)
TermId = NewType("TermId", str)
BellSetId = NewType("BellSetId", str)
SeriesId = NewType("SeriesId", str)
DocumentId = NewType("DocumentId", str)
OccurrenceId = NewType("OccurrenceId", str)
SeatId = NewType("SeatId", str)
PushId = NewType("PushId", str)
TargetId = NewType("TargetId", str)
ResourceId = NewType("ResourceId", str)
FactId = NewType("FactId", str)
ActId = NewType("ActId", str)
TerminalId = NewType("TerminalId", str)
UserId = NewType("UserId", str)

# An id travels in URLs, file names and token claims, so it is kept to characters that need no
# escaping in any of them.
ID_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,95}")


def checked(text: str) -> str:
    """Return `text` if it is a well-formed identifier, else raise ValueError naming it."""
    if not ID_PATTERN.fullmatch(text):
        raise ValueError(
            f"identifier {text!r} must be 1 to 96 letters, digits, '.', '_', ':' or '-',"
            " beginning with a letter or digit"
        )
    return text
