"""The field types that requests share: bounded, printable, and said the same way in OpenAPI."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, Field

# Whatever lies outside is a typing error, and year 1 with an offset has no UTC.
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2100
ID_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,95}"
# No control characters: they cannot be shown, and PostgreSQL refuses NUL.
_LINE: Final = r"^[^\x00-\x1f\x7f]*$"


def _year(value: datetime) -> datetime:
    if not FIRST_YEAR <= value.year < LAST_YEAR:
        raise ValueError(f"must lie between the years {FIRST_YEAR} and {LAST_YEAR}")
    return value


def _day_year(value: date) -> date:
    if not FIRST_YEAR <= value.year < LAST_YEAR:
        raise ValueError(f"must lie between the years {FIRST_YEAR} and {LAST_YEAR}")
    return value


Id = Annotated[str, Field(pattern=f"^{ID_PATTERN}$", max_length=96)]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=_LINE)]
Login = Annotated[str, Field(min_length=1, max_length=64, pattern=_LINE)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=_LINE)]
Password = Annotated[
    str, Field(min_length=1, max_length=256, json_schema_extra={"format": "password"})
]
Secret = Annotated[str, Field(min_length=1, max_length=128)]
Instant = Annotated[AwareDatetime, AfterValidator(_year)]
Day = Annotated[date, AfterValidator(_day_year)]
