from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.intervals import (
    Span,
    SpanBuilder,
    Spans,
    difference,
    instant_of,
    intersection,
    length,
    normalise,
    second_of,
    union,
)

_RAW = st.lists(st.tuples(st.integers(-30, 60), st.integers(-30, 60)), max_size=12)


def seconds(spans: list[Span] | Spans) -> set[int]:
    return {s for first, last in spans for s in range(first, last)}


def proper(spans: Spans) -> bool:
    """Sorted, not empty, not touching."""
    return all(a < b for a, b in spans) and all(x[1] < y[0] for x, y in pairwise(spans))


@given(_RAW)
def test_normalise_keeps_every_second_once(raw: list[Span]) -> None:
    spans = normalise(raw)
    assert proper(spans)
    assert seconds(spans) == seconds(raw)
    assert length(spans) == len(seconds(raw))
    assert normalise(spans) == spans


@given(_RAW, _RAW)
def test_the_algebra_equals_sets_of_seconds(left: list[Span], right: list[Span]) -> None:
    a, b = normalise(left), normalise(right)
    for result, expected in [
        (union(a, b), seconds(a) | seconds(b)),
        (intersection(a, b), seconds(a) & seconds(b)),
        (difference(a, b), seconds(a) - seconds(b)),
    ]:
        assert proper(result)
        assert seconds(result) == expected


@given(_RAW, st.integers(1, 4))
def test_a_builder_equals_normalising_at_once(raw: list[Span], limit: int) -> None:
    class Small(SpanBuilder):
        _LIMIT = limit  # type: ignore[misc]

    builder = Small()
    for n, (first, last) in enumerate(raw):
        builder.add(first, last)
        assert builder._settled == normalise(builder._settled)
        if n == len(raw) // 2:
            assert builder.spans() == normalise(raw[: n + 1])
    assert builder.spans() == normalise(raw)


def test_a_builder_keeps_no_more_than_there_are_gaps() -> None:
    builder = SpanBuilder()
    for n in range(100_000):
        builder.add(10 * n, 10 * n + 10)
    assert builder._loose == [(0, 1_000_000)]
    for n in reversed(range(100_000)):
        builder.add(10 * n, 10 * n + 10)
    assert len(builder._loose) <= 2 * SpanBuilder._LIMIT
    assert builder.spans() == ((0, 1_000_000),)


@pytest.mark.parametrize(
    ("at", "second"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 0, 0, 1, 999_999, tzinfo=UTC), 1),
        (datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC), -1),
        (datetime(1970, 1, 1, 8, 0, 7, 500_000, tzinfo=timezone(timedelta(hours=8))), 7),
    ],
)
def test_an_instant_is_cut_to_its_second(at: datetime, second: int) -> None:
    assert second_of(at) == second
    assert instant_of(second) == at.replace(microsecond=0)


def test_half_open_intervals_that_touch_are_one_and_share_nothing() -> None:
    assert normalise([(0, 10), (10, 20)]) == ((0, 20),)
    assert intersection(((0, 10),), ((10, 20),)) == ()
    assert difference(((0, 10),), ((10, 20),)) == ((0, 10),)
