"""A published report's figures as they were seen, and how a recomputation differs from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from .fields import Fields

SNAPSHOT_SCHEMA: Final = "sync-classroom/snapshot/1"
# What an audit found out about its bundle is no figure, nor what terminals think of the figures.
_NO_FIGURES: Final = frozenset({"verification", "second_opinion"})
# At least one of them: a snapshot may leave out what it did not publish.
_FIGURES: Final = ("totals", "by_school", "by_classroom", "by_subject", "by_week")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was published: `figures` in the layout that `audit` prints, or a part of it.

    `first`, `last` are its period, None where it does not say. `sha256` are the hashes of the files
    it was computed from, by file name. `cut_off` is the instant up to which facts were known.
    """

    figures: Mapping[str, Any]
    first: date | None = None
    last: date | None = None
    cut_off: datetime | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not what was published; None where one side has no such value."""

    path: str
    published: Any
    found: Any

    def to_dict(self) -> dict[str, Any]:
        """As `audit` prints it."""
        return {"path": self.path, "published": self.published, "found": self.found}


def parse_snapshot(values: Mapping[str, Any]) -> Snapshot:
    """Read `snapshot.json`: published figures with their period, or `audit`'s output itself.

    Raises MalformedError (a ValueError) naming the field.
    """
    root = Fields(values, "snapshot")
    figures = root
    if "figures" in root.values:
        if root.values.get("schema") != SNAPSHOT_SCHEMA:
            raise root.wrong("schema", f" {SNAPSHOT_SCHEMA}", repr(SNAPSHOT_SCHEMA))
        figures = Fields(root.values["figures"], "snapshot, figures")
    if not any(name in figures.values for name in _FIGURES):
        raise figures.wrong("totals", "一组数字", "an object of measures")
    period = Fields(
        root.values.get("period", figures.values.get("period")) or {}, "snapshot, period"
    )
    hashes = Fields(root.values.get("sha256") or {}, "snapshot, sha256")
    return Snapshot(
        figures={k: v for k, v in figures.values.items() if k not in _NO_FIGURES},
        first=period.day_or_none("from"),
        last=period.day_or_none("to"),
        cut_off=root.instant("cut_off") if root.has("cut_off") else None,
        sha256={str(name): hashes.text(name) for name in hashes.values},
    )


def differences(published: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Difference]:
    """Every published value that differs from the one found, by path, in order.

    What was not published is not compared; lists are compared whole but for those of records with
    `occurrence` and `seat`, which are compared record by record whatever their order.
    """
    for name in sorted(published):
        yield from _differences(name, published[name], found.get(name))


def _differences(path: str, published: Any, found: Any) -> Iterator[Difference]:
    if isinstance(published, Mapping) and isinstance(found, Mapping):
        for name in sorted(published, key=str):
            yield from _differences(f"{path}.{name}", published[name], found.get(name))
    elif _of_seats(published) and _of_seats(found):
        yield from _differences(path, _by_seat(published), _by_seat(found))
    elif published != found:
        yield Difference(path, published, found)


def _of_seats(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(v, Mapping) and "seat" in v and "occurrence" in v for v in value
    )


def _by_seat(records: list[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {f"{r['occurrence']}/{r['seat']}": r for r in records}


def every_difference(
    path: str, kept: Mapping[str, Any], found: Mapping[str, Any]
) -> Iterator[Difference]:
    """Every value below `path` that differs, also where only one side has one."""
    seen: set[str] = set()
    for each in differences(kept, found):
        seen.add(each.path)
        yield Difference(f"{path}.{each.path}", each.published, each.found)
    for each in differences(found, kept):
        if each.path not in seen:
            yield Difference(f"{path}.{each.path}", each.found, each.published)
