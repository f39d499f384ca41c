"""Parts of pages opened as if they were pages, and fetched as pages' scripts do."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.web.pages import page_routes
from sync_classroom.web.parts import whole_pages
from tests.support.timetable_pages import timetable
from tests.support.web import Site

pytestmark = pytest.mark.asyncio

OPENED = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
# As Chromium and Firefox ask over plain HTTP.
OPENED_PLAINLY = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
FETCHED = {"Sec-Fetch-Mode": "cors", "Accept": "text/html"}
FETCHED_PLAINLY = {"Accept": "text/html"}


async def led_to(
    served: Site, path: str, headers: dict[str, str], role: Role | None = Role.ADMIN
) -> str:
    """Where the answer sends its reader."""
    answer = await served.ask("GET", path, role=role, headers=headers)
    assert answer.status == 303, await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.headers["Location"]


async def test_a_part_with_an_address_of_its_own_leads_to_its_page(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        for headers in (OPENED, OPENED_PLAINLY):
            place = await led_to(served, "/timetable/coverage?term=t&week=13", headers)
            assert place == "/timetable?term=t&week=13#coverage"
            for part in ("editor", "free", "places", "publish", "states"):
                assert await led_to(served, f"/timetable/{part}", headers) == "/timetable"


async def test_a_part_that_is_asked_for_leads_to_the_page_without_it(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        path = "/timetable?by=school&part=work&id=%E4%B8%80"
        assert await led_to(served, path, OPENED) == "/timetable?by=school&id=%E4%B8%80"
        for page in ("/today", "/help", "/terminals", "/wall", "/coverage/reports"):
            assert await led_to(served, page + "?part=live", OPENED) == page


async def test_script_is_given_the_part_it_fetches(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        for headers in (FETCHED, FETCHED_PLAINLY, {}):
            for path in ("/timetable/coverage?term=t", "/timetable?part=work", "/today?part=live"):
                answer = await served.ask("GET", path, role=Role.ADMIN, headers=headers)
                assert answer.status == 200
                assert "<html" not in await answer.text()


async def test_a_page_is_opened_as_ever(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        answer = await served.ask("GET", "/timetable?week=13", role=Role.ADMIN, headers=OPENED)
        assert answer.status == 200
        assert "<html" in await answer.text()


async def test_who_is_signed_out_or_may_not_read_a_part_is_told_so_first(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        place = await led_to(served, "/timetable/coverage", OPENED, role=None)
        assert place == "/sign-in?next=%2Ftimetable%2Fcoverage"
        answer = await served.ask("GET", "/timetable/coverage", role=Role.TEACHER, headers=OPENED)
        assert answer.status == 403


async def test_parts_belong_to_pages_there_are() -> None:
    pages = {route.path for route in page_routes() if route.method == "GET" and not route.whole}
    wholes = whole_pages(page_routes())
    assert set(wholes) == {
        "timetable.coverage", "timetable.editor", "timetable.free", "timetable.places",
        "timetable.publish", "timetable.states",
    }  # fmt: skip
    assert {whole.partition("#")[0] for whole in wholes.values()} <= pages
