"""Coming in and going out."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.pages import look, office, read, send
from tests.support.web import PASSWORD, Site

pytestmark = pytest.mark.asyncio


def cookie_of(answer: object, name: str = "__Host-session") -> str:
    return answer.cookies[name].value  # type: ignore[attr-defined, no-any-return]


async def _account(served: Site, token: str) -> int:
    answer = await served.ask("GET", "/account", headers={"Cookie": f"__Host-session={token}"})
    return answer.status


async def test_signing_in_goes_where_one_was_going(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        asked = await served.ask("GET", "/terminals?show=offline")
        assert asked.status == 303
        assert asked.headers["Location"] == "/sign-in?next=%2Fterminals%3Fshow%3Doffline"
        page = await look(served, asked.headers["Location"], role=None)
        assert page.all("input", name="next")[0]["value"] == "/terminals?show=offline"
        answer = await send(
            served,
            "/sign-in",
            {"login": "admin", "password": PASSWORD, "next": "/terminals?show=offline"},
            role=None,
        )
        assert (answer.status, answer.headers["Location"]) == (303, "/terminals?show=offline")
        assert await _account(served, cookie_of(answer)) == 200


async def test_a_wrong_password_keeps_the_login_and_never_the_password(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await send(
            served, "/sign-in", {"login": "admin", "password": "wrong wrong wrong"}, role=None
        )
        page = await read(answer, 401)
        assert "账号或密码不对" in page.text
        assert page.all("input", name="login")[0]["value"] == "admin"
        assert page.all("input", name="password")[0]["value"] == ""
        assert "wrong wrong" not in page.html


async def test_empty_fields_are_named_next_to_the_field(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await read(await send(served, "/sign-in", {}, role=None), 422)
        for name in ("login", "password"):
            (control,) = page.all("input", name=name)
            assert control["aria-invalid"] == "true"
            assert f"{name}-error" in str(control["aria-describedby"])
            assert f"{name}-error" in page.ids


async def test_too_many_tries_say_when_to_come_back(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for _ in range(50):
            answer = await send(
                served, "/sign-in", {"login": "admin", "password": "wrong wrong"}, role=None
            )
            if answer.status == 429:
                break
        page = await read(answer, 429)
        assert int(answer.headers["Retry-After"]) > 0
        assert page.all("input", name="login")[0]["value"] == "admin"


async def test_whoever_is_signed_in_needs_no_sign_in_page(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await served.ask("GET", "/sign-in", role=Role.REVIEWER)
        assert (answer.status, answer.headers["Location"]) == (303, "/coverage")


async def test_signing_out_ends_the_session(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        token = served.cookies[Role.ADMIN]
        answer = await send(served, "/sign-out", {})
        assert answer.headers["Location"] == "/sign-in?done=signed-out"
        assert await _account(served, token) == 303


async def test_the_set_up_link_makes_the_first_administrator_once(tmp_path: Path) -> None:
    async with office(tmp_path, empty=True) as served:
        for user in await served.services.accounts.list():
            assert user  # the test site has accounts, so there is no set-up link
        assert await served.services.accounts.setup_link() is None
        answer = await served.ask("GET", "/setup?token=abc")
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?done=set-up")
        fields = {"token": "abc", "login": "first", "name": "第一人", "password": PASSWORD}
        page = await read(await send(served, "/setup", fields | {"again": "other"}, role=None), 422)
        assert "两次输入的密码不一样" in page.text
        assert page.all("input", name="name")[0]["value"] == "第一人"
        page = await read(
            await send(served, "/setup", fields | {"again": PASSWORD}, role=None), 403
        )
        assert "此设置链接已失效" in page.text


async def test_changing_ones_password_keeps_one_signed_in_and_ends_other_sessions(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        fresh = "another good password"
        other = served.cookies[Role.TEACHER]
        answer = await send(
            served,
            "/account/password",
            {"old": PASSWORD, "password": fresh, "again": fresh},
            role=Role.TEACHER,
        )
        assert answer.headers["Location"] == "/account?done=password"
        assert await _account(served, other) == 303
        assert await _account(served, cookie_of(answer)) == 200


@pytest.mark.parametrize(
    ("fields", "field", "words", "status"),
    [
        ({"old": PASSWORD, "password": "x" * 12, "again": "y" * 12}, "again", "不一样", 422),
        ({"old": "wrong", "password": "x" * 12, "again": "x" * 12}, "old", "现在的密码不对", 422),
        ({"old": PASSWORD, "password": "short", "again": "short"}, "password", "10", 422),
    ],
)
async def test_a_password_that_will_not_do_is_explained(
    tmp_path: Path, fields: dict[str, str], field: str, words: str, status: int
) -> None:
    async with office(tmp_path) as served:
        answer = await send(served, "/account/password", fields, role=Role.TEACHER)
        page = await read(answer, status)
        assert words in page.text
        assert page.all("input", name=field)[0]["aria-invalid"] == "true"


async def test_the_language_is_kept_by_browser_and_account(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await send(served, "/language", {"language": "en", "back": "/sign-in"}, role=None)
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")
        assert answer.cookies["language"].value == "en"
        page = await read(await served.ask("GET", "/sign-in", headers={"Cookie": "language=en"}))
        assert "Sign in" in page.text
        await send(served, "/language", {"language": "en", "back": "//evil.example"})
        page = await look(served, "/account")
        assert "My account" in page.text
        answer = await send(served, "/language", {"language": "xx", "back": "https://evil"})
        assert answer.headers["Location"] == "/"
        assert "language" not in answer.cookies
