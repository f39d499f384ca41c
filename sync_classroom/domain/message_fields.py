"""Reading one JSON object of the terminal protocol: exact fields, exact types, bounded sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .ids import ID_PATTERN
from .question import MAX_OPTIONS, MIN_OPTIONS


class Fields:
    """The fields of one JSON object, each taken exactly once; what is left over is an error."""

    def __init__(self, raw: Any, where: str) -> None:
        if not isinstance(raw, dict):
            raise ValueError(f"{where} must be an object")
        self._left = dict(raw)
        self._where = where

    def take(self, name: str) -> Any:
        """A field whatever it is; ValueError if it is not there."""
        if name not in self._left:
            raise ValueError(f"{self._where} lacks {name!r}")
        return self._left.pop(name)

    def done(self) -> None:
        """ValueError if a field is left."""
        if self._left:
            raise ValueError(f"{self._where} has unknown field {sorted(self._left)[0][:40]!r}")

    def text(self, name: str, limit: int, *, empty: bool = False) -> str:
        """A text of at most `limit` characters, none of them a control character."""
        value = self.take(name)
        if not isinstance(value, str) or len(value) > limit or not (value or empty):
            raise ValueError(f"{name!r} must be text of {'0' if empty else '1'} to {limit} letters")
        # Lone surrogates cannot be stored or sent again; control characters spoil pages and logs.
        if any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in value):
            raise ValueError(f"{name!r} holds control characters")
        return value

    def word(self, name: str, words: frozenset[str]) -> str:
        """One of `words`."""
        value = self.take(name)
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"{name!r} must be one of {', '.join(sorted(words))}")
        return value

    def words(
        self, name: str, names: Sequence[str], words: frozenset[str], where: str
    ) -> dict[str, str]:
        """An object of some of `names`, each with one of `words`; in the order of `names`."""
        inner = Fields(self.take(name), where)
        found = {key: inner.word(key, words) for key in names if key in inner._left}
        inner.done()
        return found

    def each(self, name: str, read: Callable[[Fields, str], Any]) -> tuple[Any, ...]:
        """A list with one entry for each option of a question, each read as a field would be."""
        value = self.take(name)
        if not isinstance(value, list) or not MIN_OPTIONS <= len(value) <= MAX_OPTIONS:
            raise ValueError(f"{name!r} must be a list of {MIN_OPTIONS} to {MAX_OPTIONS}")
        return tuple(read(Fields({name: entry}, name), name) for entry in value)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.take(name)
        if not isinstance(value, bool):
            raise ValueError(f"{name!r} must be true or false")
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """A finite number from `low` to `high`."""
        value = self.take(name)
        # bool is an int in Python and a mistake here.
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{name!r} must be a number")
        if not math.isfinite(value) or not low <= value <= high:
            raise ValueError(f"{name!r} must lie between {low:g} and {high:g}")
        return value

    def number_or_none(self, name: str, low: float, high: float) -> float | None:
        """A number as `number` takes it, or null."""
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return None
        return self.number(name, low, high)

    def whole(self, name: str, high: int) -> int:
        """A whole number from 0 to `high`."""
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
            raise ValueError(f"{name!r} must be a whole number from 0 to {high}")
        return value

    def id(self, name: str) -> str:
        """An identifier."""
        value = self.take(name)
        if not isinstance(value, str) or not ID_PATTERN.fullmatch(value):
            raise ValueError(f"{name!r} must be an identifier")
        return value
