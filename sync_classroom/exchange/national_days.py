"""The country's days off and make-up workdays, from the tables of the `holidays` package."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final

from holidays import country_holidays

from ..domain.national_days import merged
from ..domain.roster import NationalDay, Wording

# The longest run of days off (Spring Festival with National Day's length) ends well within this.
_RUN: Final = 14
_FRIDAY: Final = 5
_DAY: Final = timedelta(days=1)


def national_days(years: Iterable[int]) -> dict[date, NationalDay]:
    """Days off and make-up days of calendar years in China, by date.

    A year whose swaps have not been announced yet has its days off by law and no make-up days.
    """
    found: dict[date, NationalDay] = {}
    for year in sorted(set(years)):
        found.update(_of_year(year))
    return found


@dataclass(frozen=True, slots=True)
class NationalTables:
    """The country's days with a bureau's own over them; None in `own` is an ordinary day."""

    own: Mapping[date, NationalDay | None] = field(default_factory=dict)

    def __call__(self, years: Collection[int]) -> Mapping[date, NationalDay]:
        """The days of some calendar years, and all of the bureau's own."""
        return merged(national_days(years), self.own)


@cache
def _of_year(year: int) -> dict[date, NationalDay]:
    # A swap may lead into the year before or after, as those around New Year do.
    around = range(year - 1, year + 2)
    # Any: what every country's class has is typed, what those with swapped days have is not.
    chinese: Any = country_holidays("CN", years=around, language="zh_CN")
    english: Any = country_holidays("CN", years=around, language="en_US")
    before, after = str(chinese.tr(chinese.substituted_label)).split("%s")
    pattern = before + str(chinese.tr(chinese.substituted_date_format)) + after
    names: dict[date, Wording] = {}
    replaced_by: dict[date, date] = {}
    for on, name in chinese.items():
        if name.startswith(before) and name.endswith(after):
            replaced_by[datetime.strptime(name, pattern).date()] = on  # noqa: DTZ007 - a civil date
        else:
            names[on] = Wording(name, english[on])
    swapped = set(replaced_by.values())
    # The name of a run of days off is its holiday's, whichever of them is nearest.
    plain = {on: Wording(_plain(chinese, n.zh), _plain(english, n.en)) for on, n in names.items()}
    found = {
        on: NationalDay(on, names.get(on) or _name_nearby(on, plain, swapped))
        for on in sorted(names.keys() | swapped)
        if on.year == year
    }
    for on in chinese.weekend_workdays:
        if on.year == year:
            replaced = replaced_by.get(on)
            name = _name_nearby(replaced or on, plain, swapped)
            found[on] = NationalDay(on, name, teaching=True, replaces=replaced)
    return found


def _plain(country: Any, name: str) -> str:
    """`name` without the mark of a day off that fell on a weekend and is made up for."""
    before, after = str(country.tr(country.observed_label)).split("%s")
    return name.removeprefix(before).removesuffix(after)


def _name_nearby(on: date, names: dict[date, Wording], swapped: set[date]) -> Wording:
    """The holiday that a swapped day belongs to: reached over days off alone, backwards first."""
    for step in (-_DAY, _DAY):
        at = on
        for _ in range(_RUN):
            if at in names:
                return names[at]
            if at != on and at not in swapped and at.isoweekday() <= _FRIDAY:
                break
            at += step
    return Wording("调休", "Swapped day")
