"""What surrounds a page: language, navigation, messages, problems, safe redirects."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.web.pages.frame import DONE, HOME, local_path, see_other
from tests.support.pages import Page, look, office, send

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("/today?date=2026-11-23", "/today?date=2026-11-23"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("javascript:alert(1)", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
    ],
)
async def test_nobody_is_sent_to_another_site(given: str, kept: str) -> None:
    assert local_path(given) == kept


async def test_an_answered_form_says_where_to_look() -> None:
    assert see_other("/a", done="saved").headers["Location"] == "/a?done=saved"
    assert see_other("/a?b=c", done="saved").headers["Location"] == "/a?b=c&done=saved"
    assert see_other("/a").status == 303


async def test_every_role_goes_to_its_own_home(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for role, home in HOME.items():
            answer = await served.ask("GET", "/", role=role)
            assert (answer.status, answer.headers["Location"]) == (303, home)
        answer = await served.ask("GET", "/")
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")


async def test_navigation_shows_what_a_role_may_open_and_marks_where_it_is(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/today", role=Role.TEACHER)
        assert "/people" not in page.links()
        assert [a["href"] for a in page.all("a", aria_current="page")] == ["/today"]
        page = await look(served, "/coverage", role=Role.REVIEWER)
        assert "/terminals" not in page.links()
        page = await look(served, "/lessons/english")
        assert [a["href"] for a in page.all("a", aria_current="page")] == ["/today"]
        for path, entry in (("/settings/rules", "/coverage"), ("/access-log", "/people")):
            page = await look(served, path)
            assert [a["href"] for a in page.all("a", aria_current="page")] == [entry]


async def test_a_message_comes_from_a_known_code_only(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/account?done=password")
        assert DONE["password"] in page.text
        page = await look(served, "/account?done=<b>you+won</b>")
        assert "you won" not in page.text


async def test_a_problem_is_a_whole_page_with_code_and_remedy(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/lessons/nothing", status=404)
        assert "lesson_not_found" in page.text
        assert "没有这个课次" in page.text
        page = await look(served, "/people", role=Role.TEACHER, status=403)
        assert "forbidden" in page.text
        page = await look(served, "/no-such-page", status=404)
        assert "not_found" in page.text
        assert "没有找到" in page.text
        assert "/people" in page.links()  # whoever is signed in keeps the navigation


async def test_only_what_may_pass_is_offered_to_be_tried_again(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/today", role=Role.REVIEWER, status=403)
        assert "不能打开" in page.text
        assert "再试一次" not in page.text
        assert "回到首页" in page.text


async def test_a_lesson_leads_a_reviewer_back_to_coverage(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/lessons/english", role=Role.REVIEWER)
        assert [a["href"] for a in page.all("a", aria_current="page")] == ["/coverage"]
        assert "/coverage?from=2026-11-23&to=2026-11-23" in page.links()
        assert not [link for link in page.links() if link.startswith("/today")]


async def test_pages_are_kept_by_nobody(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await served.ask("GET", "/today", role=Role.ADMIN)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Cookie" in answer.headers["Vary"]
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]


async def test_the_language_can_be_switched_on_a_page_that_came_back_with_complaints(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        user = served.users[Role.TEACHER].id
        for path, page_path in (
            ("/account/password", "/account"),
            ("/lessons/maths/cancel", "/lessons/maths"),
            (f"/people/{user}", f"/people/{user}"),
            ("/terminals/revoke", "/terminals"),
            ("/lessons/new", "/lessons/new"),
        ):
            answer = await send(served, path, {"password": "x", "again": "y"})
            page = Page(await answer.text())
            assert page.all("input", name="back")[0]["value"] == page_path
            await look(served, page_path)
