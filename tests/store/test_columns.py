"""Instants are exact to the microsecond in both directions, in every zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.store.columns import EPOCH, from_us, to_us

offsets = st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(
    st.datetimes(
        min_value=datetime(1900, 1, 1),  # noqa: DTZ001
        max_value=datetime(2200, 1, 1),  # noqa: DTZ001
        timezones=offsets,
    )
)
def test_an_instant_comes_back_exactly(instant: datetime) -> None:
    back = from_us(to_us(instant))
    assert back == instant
    assert back.tzinfo is UTC


def test_numbers() -> None:
    assert to_us(EPOCH) == 0
    assert to_us(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1
    assert to_us(datetime(2026, 11, 23, 9, 0, 0, 1, tzinfo=timezone(timedelta(hours=8)))) == (
        1_795_395_600_000_001
    )


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="2026-11-23T09:00:00 has no time zone"):
        to_us(datetime(2026, 11, 23, 9))  # noqa: DTZ001
