"""A measure at the console: its name, and its value as pages and reports write it."""

from __future__ import annotations

from typing import Any

from ..domain.definitions import DEFINITIONS, Unit
from ..domain.writing import percent
from .language import say


def measure_name(code: str) -> str:
    """What a Chinese console calls a measure; in English its code name, as JSON has it."""
    known = DEFINITIONS[code]
    return say(known.zh + ("（秒）" if known.unit is Unit.SECONDS else ""), code)


def cell(value: Any) -> str:
    """A number, or a rate with its fraction; an empty denominator is a dash, never 0 or 100 %."""
    if not isinstance(value, dict):
        return str(value)
    numerator, denominator = value["numerator"], value["denominator"]
    written = percent(numerator, denominator)
    return f"{written} ({numerator}/{denominator})" if denominator else written
