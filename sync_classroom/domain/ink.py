"""Simple annotations over the shared courseware: strokes in coordinates of the picture, bounded.

A point is (x, y) in ten-thousandths of the picture's width and height, so that every room draws it
at the same place whatever its screen. The teacher's page numbers the strokes. What is over a bound
costs the oldest strokes; `static/terminal/ink.js` has the same rule, so that all come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

SCALE: Final = 10_000
COLOURS: Final = frozenset({"red", "yellow", "blue", "white"})
#: Of one lesson at a time; some pages of underlining.
MAX_STROKES: Final = 200
MAX_POINTS: Final = 5_000
#: Of one message; a fifth of a second of a fast hand is some dozen.
MAX_BATCH: Final = 500
MAX_STROKE_ID: Final = 1_000_000

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Stroke:
    """Points that continue a stroke, or begin it if its number is new."""

    id: int
    colour: str
    points: tuple[Point, ...]


@dataclass(slots=True)
class Ink:
    """What is drawn over a lesson's courseware now. Mutable: it grows by a few points at a time."""

    strokes: dict[int, tuple[str, list[Point]]] = field(default_factory=dict)
    count: int = 0

    def draw(self, strokes: Iterable[Stroke]) -> None:
        """Continue strokes; the oldest go where that is too much."""
        for stroke in strokes:
            _, points = self.strokes.setdefault(stroke.id, (stroke.colour, []))
            points += stroke.points
            self.count += len(stroke.points)
            while len(self.strokes) > MAX_STROKES or self.count > MAX_POINTS:
                self.wipe(next(iter(self.strokes)))

    def wipe(self, stroke: int | None) -> None:
        """Take one stroke away, or all; one that is not there is passed over."""
        if stroke is None:
            self.strokes.clear()
            self.count = 0
        elif (gone := self.strokes.pop(stroke, None)) is not None:
            self.count -= len(gone[1])

    def whole(self) -> list[dict[str, Any]]:
        """All of it, as messages have it, oldest first."""
        return [
            {"id": ident, "colour": colour, "points": [list(p) for p in points]}
            for ident, (colour, points) in self.strokes.items()
        ]
