"""Signing in and out, the first account, accounts of people, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sync_classroom.coordinator.accounts import SESSION_IDLE
from sync_classroom.domain.accounts import Role
from tests.support.web import PASSWORD, site

pytestmark = pytest.mark.asyncio
ADMIN, TEACHER = Role.ADMIN, Role.TEACHER


async def test_signing_in_and_out(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        wrong = await served.ask("POST", "/api/session", json={"login": "admin", "password": "x"})
        assert wrong.status == 401
        assert (await wrong.json())["code"] == "sign_in_wrong"
        assert "Set-Cookie" not in wrong.headers
        me = await (await served.ask("GET", "/api/session", role=TEACHER)).json()
        assert me["login"] == "teacher"
        assert me["role"] == "teacher"
        assert "password_hash" not in me
        assert (await served.ask("DELETE", "/api/session", role=TEACHER)).status == 204
        assert (await served.ask("GET", "/api/session", role=TEACHER)).status == 401
        assert (await served.ask("DELETE", "/api/session")).status == 204


async def test_a_session_expires(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        served.clock.turn(hours=11)
        assert (await served.ask("GET", "/api/session", role=ADMIN)).status == 200
        served.clock.now += SESSION_IDLE - timedelta(seconds=1)
        assert (await served.ask("GET", "/api/session", role=ADMIN)).status == 200
        served.clock.now += SESSION_IDLE
        assert (await served.ask("GET", "/api/session", role=ADMIN)).status == 401


async def test_guessing_is_answered_with_429_and_when_to_come_back(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        guess = {"login": "admin", "password": "a wrong password"}
        statuses = [
            (await served.ask("POST", "/api/session", json=guess)).status for _ in range(10)
        ]
        assert statuses == [401] * 10
        limited = await served.ask(
            "POST", "/api/session", json={"login": "admin", "password": PASSWORD}
        )
        assert limited.status == 429
        assert limited.headers["Retry-After"] == "30"
        assert (await served.ask("GET", "/api/session", role=ADMIN)).status == 200


async def test_the_setup_link_over_http(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        token = await served.services.accounts.setup_link()
        body = {"token": token, "login": "root", "name": "根", "password": PASSWORD}
        wrong = await served.ask("POST", "/api/setup", json=body | {"token": "x"})
        assert (wrong.status, (await wrong.json())["code"]) == (403, "setup_link_spent")
        made = await served.ask("POST", "/api/setup", json=body)
        assert (made.status, (await made.json())["role"]) == (201, "admin")
        again = await served.ask("POST", "/api/setup", json=body | {"login": "root2"})
        assert again.status == 403


async def test_accounts_are_made_changed_closed_and_opened(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        new = {"login": "li", "name": "李老师", "role": "teacher", "password": PASSWORD}
        made = await served.ask("POST", "/api/users", role=ADMIN, json=new)
        user = await made.json()
        assert made.status == 201
        twice = await served.ask("POST", "/api/users", role=ADMIN, json=new)
        assert (twice.status, (await twice.json())["field"]) == (409, "login")
        path = f"/api/users/{user['id']}"
        changed = await served.ask(
            "PATCH", path, role=ADMIN, json={"teacher": "host-1-t1", "language": "en"}
        )
        assert (await changed.json())["teacher"] == "host-1-t1"
        cleared = await served.ask("PATCH", path, role=ADMIN, json={"teacher": None})
        assert (await cleared.json())["teacher"] is None
        assert (await cleared.json())["language"] == "en"
        unknown = await served.ask("PATCH", path, role=ADMIN, json={"school": "nowhere"})
        assert (unknown.status, (await unknown.json())["code"]) == (422, "school_unknown")
        closed_ = await served.ask("POST", path + "/disable", role=ADMIN)
        assert (await closed_.json())["disabled_at"] is not None
        opened = await served.ask("POST", path + "/enable", role=ADMIN)
        assert (await opened.json())["disabled_at"] is None
        last = await served.ask("POST", f"/api/users/{served.users[ADMIN].id}/disable", role=ADMIN)
        assert (last.status, (await last.json())["code"]) == (409, "last_admin")


async def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        for body in (
            {"login": "x", "password": "s3cret" * 100},
            {"login": "x", "password": 12345},
        ):
            refused = await served.ask("POST", "/api/session", json=body)
            assert refused.status == 422
            text = await refused.text()
            assert "s3cret" not in text
            assert "12345" not in text
