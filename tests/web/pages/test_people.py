"""Accounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.pages import look, office, read, send
from tests.support.web import PASSWORD

pytestmark = pytest.mark.asyncio

NEW = {
    "login": "wang",
    "name": "王老师",
    "role": "teacher",
    "language": "en",
    "school": "host-1",
    "teacher": "host-1-t1",
    "password": "three green boats",
}


async def test_an_account_is_added_and_can_sign_in(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await send(served, "/people", NEW)
        assert answer.headers["Location"] == "/people?done=user-added"
        _, user = await served.services.accounts.sign_in(
            "wang", NEW["password"], address="192.0.2.7"
        )
        assert (user.role, user.language, user.school, user.teacher) == (
            Role.TEACHER, "en", "host-1", "host-1-t1",
        )  # fmt: skip
        page = await look(served, "/people?role=teacher")
        assert "王老师" in page.text
        assert "学校 host-1" in page.text
        assert f"/people/{user.id}" in page.links()


@pytest.mark.parametrize(
    ("fields", "name", "status"),
    [
        ({"login": "admin"}, "login", 409),
        ({"login": "!"}, "login", 422),
        ({"name": ""}, "name", 422),
        ({"password": "short"}, "password", 422),
        ({"role": "device"}, "role", 422),
        ({"role": ""}, "role", 422),
    ],
)
async def test_what_will_not_do_is_said_at_its_field(
    tmp_path: Path, fields: dict[str, str], name: str, status: int
) -> None:
    async with office(tmp_path) as served:
        page = await read(await send(served, "/people", NEW | fields), status)
        wrong = [a for _, a in page.tags if a.get("id") == name]
        assert wrong[0]["aria-invalid"] == "true"
        assert page.all("input", name="password")[0]["value"] == ""
        assert NEW["password"] not in page.html
        if name != "name":
            assert page.all("input", name="name")[0]["value"] == "王老师"


async def test_all_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await read(await send(served, "/people", {"role": "teacher"}), 422)
        wrong = {a.get("id") for _, a in page.tags if a.get("aria-invalid") == "true"}
        assert wrong == {"name", "login", "password"}


async def test_an_account_is_changed_and_an_empty_password_keeps_the_old(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        user = served.users[Role.TEACHER]
        page = await look(served, f"/people/{user.id}")
        assert page.all("input", name="name")[0]["value"] == user.name
        fields = {"name": "新名", "role": "operator", "language": "zh", "password": ""}
        answer = await send(served, f"/people/{user.id}", fields)
        assert answer.headers["Location"] == "/people?done=user-saved"
        _, after = await served.services.accounts.sign_in(user.login, PASSWORD, address="192.0.2.7")
        assert (after.name, after.role) == ("新名", Role.OPERATOR)
        page = await read(await send(served, f"/people/{user.id}", fields | {"name": ""}), 422)
        assert page.all("input", name="name")[0]["aria-invalid"] == "true"


async def test_an_account_is_closed_and_opened(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        user = served.users[Role.TEACHER]
        page = await look(served, f"/people/{user.id}")
        (form,) = page.all("form", action=f"/people/{user.id}/state")
        assert user.name in str(form["data-confirm"])
        await send(served, f"/people/{user.id}/state", {"to": "disabled"})
        assert (await served.ask("GET", "/today", role=Role.TEACHER)).status == 303
        assert "停用于 11月23日 10:00" in (await look(served, f"/people/{user.id}")).text
        answer = await send(served, f"/people/{user.id}/state", {"to": "enabled"})
        assert answer.headers["Location"] == "/people?done=user-enabled"
        await served.services.accounts.sign_in(user.login, PASSWORD, address="192.0.2.7")


async def test_the_last_administrator_stays(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        admin = served.users[Role.ADMIN]
        page = await read(await send(served, f"/people/{admin.id}/state", {"to": "disabled"}), 409)
        assert "最后一个可用的管理员" in page.text


async def test_an_unknown_account_is_not_found_and_others_may_not_look(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/people/u-nobody", status=404)
        assert "user_unknown" in page.text
        for role in (Role.TEACHER, Role.REVIEWER, Role.OPERATOR):
            await look(served, "/people", role=role, status=403)
            assert (await send(served, "/people", NEW, role=role)).status == 403
