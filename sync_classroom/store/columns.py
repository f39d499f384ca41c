"""Column types that mean the same on SQLite and PostgreSQL: ordered text, exact instants, JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """Microseconds since 1970 UTC of an aware instant; ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError(f"instant {at.isoformat()} has no time zone")
    return (at - EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """The aware UTC instant `us` microseconds after 1970."""
    return EPOCH + timedelta(microseconds=us)


class Instant(TypeDecorator[datetime]):
    """An aware instant as whole microseconds since 1970 UTC.

    One integer on both engines: SQLite has no time type, and equal representations mean that
    windows, orders and indexes cannot differ between the two.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Aware instant to microseconds."""
        return None if value is None else to_us(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Microseconds to aware UTC instant."""
        return None if value is None else from_us(value)


def ordered_text() -> Text:
    """Text that sorts by code point on both engines, whatever the server's locale is."""
    return Text().with_variant(Text(collation="C"), "postgresql")


def row_number() -> BigInteger:
    """A 64-bit counter; SQLite counts by itself only in a column declared INTEGER."""
    return BigInteger().with_variant(Integer, "sqlite")


def document() -> JSON:
    """A JSON value read and written whole; None is SQL NULL."""
    return JSON(none_as_null=True)


# A decoded row: column name to Python value.
Row = dict[str, Any]
