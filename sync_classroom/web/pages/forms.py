"""What was typed, kept, and what is wrong with it, next to the field it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from typing import Final

from multidict import MultiMapping

from ..fields import FIRST_YEAR, LAST_YEAR

# Longer than any honest value of a single field; a form field is never stored longer than this.
MAX_FIELD: Final = 2000


@dataclass(slots=True)
class Form:
    """The values of one form (`values`, every field a list) and one sentence per wrong field."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: MultiMapping[object]) -> Form:
        """Read a posted form; files and overlong values are cut to text of bounded length."""
        values: dict[str, list[str]] = {}
        for name in data:
            if name not in values:
                values[name] = [v[:MAX_FIELD] for v in data.getall(name) if isinstance(v, str)]
        return cls(values)

    @classmethod
    def filled(cls, **values: str | Sequence[str]) -> Form:
        """A form with values to begin with."""
        return cls({k: [v] if isinstance(v, str) else list(v) for k, v in values.items()})

    def get(self, name: str, default: str = "") -> str:
        """The first value of a field as typed, spaces included."""
        given = self.values.get(name)
        return given[0] if given else default

    def text(self, name: str) -> str:
        """The first value of a field, without spaces around it."""
        return self.get(name).strip()

    def all(self, name: str) -> Sequence[str]:
        """Every value of a field that may be given several times."""
        return self.values.get(name, ())

    def has(self, name: str, value: str) -> bool:
        """Whether `value` is among those given for the field (a ticked box)."""
        return value in self.all(name)

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong so far."""
        return not self.errors

    def wrong(self, name: str, sentence: str) -> None:
        """Say what is wrong with a field; the first complaint stays."""
        self.errors.setdefault(name, sentence)


def parse_day(text: str) -> date | None:
    """An ISO date (2026-11-23) of the years the API takes too, or None for anything else."""
    try:
        found = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return found if found is not None and FIRST_YEAR <= found.year < LAST_YEAR else None


def parse_clock(text: str) -> time | None:
    """`HH:MM`, or None for anything else."""
    try:
        return time.fromisoformat(text) if len(text) == 5 else None
    except ValueError:
        return None


def parse_count(text: str, *, least: int, most: int) -> int | None:
    """A whole number in `[least, most]`, or None for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        return None
    number = int(text)
    return number if least <= number <= most else None
