"""Ink grows by points and stays within its bounds by losing the oldest."""

from __future__ import annotations

from sync_classroom.domain.ink import MAX_POINTS, MAX_STROKES, Ink, Point, Stroke


def dots(ident: int, count: int) -> Stroke:
    return Stroke(ident, "red", ((ident, 0),) * count)


def test_a_stroke_is_begun_continued_and_wiped() -> None:
    ink = Ink()
    more: tuple[Point, ...] = ((3, 4), (5, 6))
    ink.draw([Stroke(7, "red", ((1, 2),)), dots(8, 1)])
    ink.draw([Stroke(7, "blue", more)])  # its colour is that of its beginning
    assert ink.whole() == [
        {"id": 7, "colour": "red", "points": [[1, 2], [3, 4], [5, 6]]},
        {"id": 8, "colour": "red", "points": [[8, 0]]},
    ]
    ink.wipe(7)
    ink.wipe(99)
    assert [s["id"] for s in ink.whole()] == [8]
    assert ink.count == 1
    ink.wipe(None)
    assert (ink.whole(), ink.count) == ([], 0)


def test_the_oldest_strokes_go_where_it_is_too_much() -> None:
    ink = Ink()
    ink.draw(dots(n, 1) for n in range(MAX_STROKES + 3))
    assert list(ink.strokes) == list(range(3, MAX_STROKES + 3))
    ink.draw([dots(1000, MAX_POINTS - 10)])
    assert list(ink.strokes) == [*range(MAX_STROKES - 7, MAX_STROKES + 3), 1000]
    assert ink.count == MAX_POINTS
    ink.draw([dots(1001, MAX_POINTS)])
    assert (list(ink.strokes), ink.count) == ([1001], MAX_POINTS)
    # One that is over the bound alone is not kept either.
    ink.draw([dots(1001, 1)])
    assert (list(ink.strokes), ink.count) == ([], 0)
