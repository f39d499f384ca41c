"""A province's schools and rooms on the coverage page: in parts, those that fall behind first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.domain.ids import ClassroomId, SchoolId
from sync_classroom.domain.measures import Ratio
from sync_classroom.domain.roster import Classroom, School, SchoolRole
from sync_classroom.web.pages.coverage_schools import MOST_ROOMS, SCHOOLS_PER_PAGE, school_page
from tests.support.pages import look, office
from tests.support.plans import at
from tests.web.pages.test_coverage_tables import COVERAGE

MANY = 2 * SCHOOLS_PER_PAGE + 3


def test_schools_that_fit_on_one_page_stay_in_their_order() -> None:
    found = school_page(COVERAGE, "7")
    assert found.ids == tuple(COVERAGE.by_school)
    assert (found.page, found.pages, found.first, found.last) == (1, 1, 1, len(COVERAGE.by_school))


def test_many_schools_come_in_pages_the_lowest_held_rate_first() -> None:
    one = next(iter(COVERAGE.by_school.values()))

    def held(rate: Ratio) -> object:
        return replace(one, figures=replace(one.figures, held_rate=rate))

    rates = {f"s{n:03}": Ratio(MANY - n, MANY) for n in range(MANY - 1)}
    rates["idle"] = Ratio(0, 0)
    many = replace(COVERAGE, by_school={SchoolId(s): held(r) for s, r in rates.items()})  # type: ignore[misc]
    pages = [school_page(many, str(n)) for n in (1, 2, 3)]
    assert [len(p.ids) for p in pages] == [SCHOOLS_PER_PAGE, SCHOOLS_PER_PAGE, 3]
    ordered = [s for p in pages for s in p.ids]
    assert ordered == [*sorted(rates.keys() - {"idle"}, reverse=True), "idle"]
    assert (pages[2].first, pages[2].last, pages[2].found) == (MANY - 2, MANY, MANY)
    for odd in ("", "x", "0", "-1", "²"):
        assert school_page(many, odd) == pages[0]
    assert school_page(many, "999999") == pages[2]


@pytest.mark.asyncio
async def test_a_province_is_a_page_of_its_own_size(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        roster = await served.store.load_roster()
        since = at("08:00").date()
        names = [SchoolId(f"far-{n:03}") for n in range(MANY)]
        rooms = [ClassroomId(f"{names[n % MANY]}-r{n}") for n in range(MOST_ROOMS)]
        await served.services.roster.apply(
            replace(
                roster,
                schools=roster.schools
                | {s: School(s, f"学校{s}", SchoolRole.REMOTE, since) for s in names},
                classrooms=roster.classrooms
                | {r: Classroom(r, names[n % MANY], f"{n}号", since) for n, r in enumerate(rooms)},
            )
        )
        page = await look(served, "/coverage?from=2026-11-23&to=2026-11-23")
        shown = [a for a in page.links() if a.startswith("/coverage/schools/")]
        assert len({a.partition("?")[0] for a in shown}) == SCHOOLS_PER_PAGE
        assert f"第 1–{SCHOOLS_PER_PAGE} 所，共 {MANY + 8} 所" in page.text
        assert "点开一所学校，看它的教室" in page.text
        assert not [a for a in page.links() if a.startswith("/coverage/classrooms/")]
        [following] = page.all("a", rel="next")
        assert str(following["href"]).endswith("&schools=2#schools-title")
        last = await look(served, "/coverage?from=2026-11-23&to=2026-11-23&schools=3")
        assert "学校far-102" in last.text
        assert "学校far-102" not in page.text
        one = await look(served, f"/coverage?from=2026-11-23&to=2026-11-23&school={names[0]}")
        assert "点开一所学校" not in one.text
        assert "0号" in one.text
