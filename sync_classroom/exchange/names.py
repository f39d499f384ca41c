"""Names as people write them, to ids: exact, then by what is left without spaces and signs.

A name several have is only taken where the school is known; otherwise the candidates are named. A
name nobody has gets the nearest ones suggested, never taken.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..domain.roster import Classroom, Roster, SchoolClass, Teacher
from .tables import plain

KINDS: Final = ("school", "classroom", "teacher", "class", "term")
MAX_SUGGESTIONS: Final = 3
# Comparing with ten thousand rooms takes 0.1 s; a sheet in which everything is wrong has thousands.
MAX_COMPARED: Final = 200
_LIKE: Final = 0.6
_MAX_NAME: Final = 100


def bare(text: str) -> str:
    """A name without case, spaces and signs: `三（2）班` is `三2班`."""
    return "".join(c for c in plain(text[: 4 * _MAX_NAME]).lower() if c.isalnum())[:_MAX_NAME]


@dataclass(frozen=True, slots=True)
class Match:
    """`ident` is the one meant, or None: then `candidates` have the name, or `near` are like it."""

    ident: str | None
    candidates: tuple[str, ...] = ()
    near: tuple[str, ...] = ()


@dataclass(slots=True)
class _Names:
    ids: dict[str, str] = field(default_factory=dict)
    by_name: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


class NameBook:
    """Every name of a roster; `chosen` are a person's answers: (kind, name) → id."""

    def __init__(self, roster: Roster, chosen: Mapping[tuple[str, str], str] | None = None) -> None:
        self._labels: dict[tuple[str, str], str] = {}
        self._chosen = {(kind, bare(name)): ident for (kind, name), ident in (chosen or {}).items()}
        self._school_of: dict[tuple[str, str], str] = {}
        self._names = {kind: _Names() for kind in KINDS}
        self._compared: dict[tuple[str, str], tuple[str, ...]] = {}
        for school in roster.schools.values():
            self._add("school", school.id, [school.name])
        for term in roster.terms.values():
            self._add("term", term.id, [term.name])
        things: Mapping[str, Iterable[Classroom | Teacher | SchoolClass]] = {
            "classroom": roster.classrooms.values(),
            "teacher": roster.teachers.values(),
            "class": roster.classes.values(),
        }
        for kind, of_kind in things.items():
            for thing in of_kind:
                whole = roster.schools[thing.school].name + thing.name
                self._add(kind, thing.id, [thing.name, whole], thing.school)

    def _add(self, kind: str, ident: str, names: Sequence[str], school: str | None = None) -> None:
        known = self._names[kind]
        known.ids[ident.lower()] = ident
        self._labels[kind, ident] = names[0]
        for name in {bare(n) for n in names} - {""}:
            known.by_name[name].append(ident)
        if school is not None:
            self._school_of[kind, ident] = school

    def school_of(self, kind: str, ident: str) -> str:
        """The school of a classroom, teacher or class."""
        return self._school_of[kind, ident]

    def label(self, kind: str, ident: str) -> str:
        """A name a person can tell from others: school, name and id."""
        school = self._school_of.get((kind, ident))
        before = "" if school is None else f"{self._labels['school', school]} "
        return f"{before}{self._labels[kind, ident]} ({ident})"

    def find(self, kind: str, text: str, schools: Collection[str] = ()) -> Match:
        """Who is meant by `text`; `schools` are those it is likely to belong to."""
        known = self._names[kind]
        name = bare(text)
        if (chosen := self._chosen.get((kind, name))) is not None:
            return Match(chosen)
        if (ident := known.ids.get(text.strip().lower())) is not None:
            return Match(ident)
        found = list(dict.fromkeys(known.by_name.get(name, ()))) or self._with_school(kind, text)
        if len(found) > 1 and schools:
            found = [i for i in found if self._school_of.get((kind, i)) in schools] or found
        if len(found) == 1:
            return Match(found[0])
        if found:
            return Match(None, candidates=tuple(found))
        return Match(None, near=self._near(kind, name))

    def _with_school(self, kind: str, text: str) -> list[str]:
        """`王老师(城厢四小)`: the name with its school behind it."""
        inner, bracket, rest = text.partition("(")
        if not bracket:
            return []
        school = self._names["school"].by_name.get(bare(rest), ())
        return [
            i
            for i in self._names[kind].by_name.get(bare(inner), ())
            if self._school_of.get((kind, i)) in school
        ]

    def _near(self, kind: str, name: str) -> tuple[str, ...]:
        if (kind, name) not in self._compared:
            if len(self._compared) >= MAX_COMPARED or not name:
                return ()
            known = self._names[kind].by_name
            close = difflib.get_close_matches(name, known, n=MAX_SUGGESTIONS, cutoff=_LIKE)
            ids = dict.fromkeys(i for c in close for i in known[c])
            self._compared[kind, name] = tuple(ids)[:MAX_SUGGESTIONS]
        return self._compared[kind, name]
