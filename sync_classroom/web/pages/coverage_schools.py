"""Which schools, rooms and givers one page shows: a province has a thousand schools.

All of them would be a page of megabytes that nobody reads and that holds up everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ...domain.coverage import CoverageFigures, SchoolFigures
from ...domain.ids import SchoolId

# More are shown in pages, those that fall behind first.
SCHOOLS_PER_PAGE: Final = 50
# More are shown only once a school is chosen.
MOST_ROOMS: Final = 200
# Of more, those that gave most.
MOST_GIVERS: Final = 100


@dataclass(frozen=True, slots=True)
class SchoolPage:
    """The schools of one page, `first` and `last` counted from 1 among all `found`."""

    ids: tuple[SchoolId, ...]
    page: int
    pages: int
    found: int

    @property
    def first(self) -> int:
        """The place of the first one shown."""
        return (self.page - 1) * SCHOOLS_PER_PAGE + 1

    @property
    def last(self) -> int:
        """The place of the last one shown."""
        return self.first + len(self.ids) - 1


def school_page(coverage: CoverageFigures, asked: str) -> SchoolPage:
    """The page of `?schools=`; schools that fit on one are in the order of the roster."""
    schools = coverage.by_school
    if len(schools) <= SCHOOLS_PER_PAGE:
        return SchoolPage(tuple(schools), 1, 1, len(schools))
    ordered = _behind_first(schools)
    pages = -(-len(ordered) // SCHOOLS_PER_PAGE)
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 6 else 1
    page = min(max(1, number), pages)
    start = (page - 1) * SCHOOLS_PER_PAGE
    return SchoolPage(tuple(ordered[start : start + SCHOOLS_PER_PAGE]), page, pages, len(ordered))


def _behind_first(schools: Mapping[SchoolId, SchoolFigures]) -> Sequence[SchoolId]:
    """By held rate, the lowest first; those with nothing due at the end."""

    def place(school: SchoolId) -> tuple[bool, float, SchoolId]:
        held = schools[school].figures.held_rate.value
        return held is None, held or 0.0, school

    return sorted(schools, key=place)
