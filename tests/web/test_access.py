"""The one table of who may do what, walked with every role and with none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from sync_classroom.domain.accounts import Role
from sync_classroom.web.access import ACCESS, TABLE, access_table, check_routes
from sync_classroom.web.pages import page_routes
from sync_classroom.web.pages.route import ADMIN, PageRoute
from tests.support.web import PEOPLE, Site, site

pytestmark = pytest.mark.asyncio

# Handlers of their own kind of answer: an upgrade, an endless stream, a check of the address.
STREAMS = {"ws.terminal", "api.events"}
SIGNS_OUT = {("DELETE", "/api/session"), ("POST", "/sign-out")}


async def nothing(request: web.Request) -> web.Response:
    return web.Response()


def operations(app: web.Application) -> Iterator[tuple[str, str, str]]:
    """(name, method, path with its variables filled in) of every route."""
    for route in app.router.routes():
        assert route.resource is not None
        assert route.name is not None
        path = re.sub(r"\{[^}]+\}", "nobody-knows", route.resource.canonical)
        yield route.name, route.method, path


async def answer(served: Site, method: str, path: str, role: Role | None) -> int:
    # No body and no form: whoever is let in fails later, with a status that is not a refusal.
    response = await served.ask(method, path, role=role)
    return response.status


async def test_every_route_obeys_the_table_for_every_role_and_for_none(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        table = served.app[TABLE]
        walked = 0
        for name, method, path in operations(served.app):
            if name in STREAMS or (method, path) in SIGNS_OUT:
                continue
            for role in (None, *PEOPLE):
                status = await answer(served, method, path, role)
                allowed = table[name]
                where = f"{name} {method} {path} as {role}: {status}"
                if allowed is None or (role is not None and role in allowed):
                    assert status not in (401, 500), where
                    assert status != 403 or name in {"metrics", "api.setup"}, where
                elif role is None and path.startswith("/api/"):
                    assert status == 401, where
                elif role is None:
                    assert status == 303, where
                else:
                    assert status == 403, where
                walked += 1
        assert walked > 5 * 30


async def test_events_are_for_those_signed_in(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        assert (await served.ask("GET", "/api/events")).status == 401


async def test_a_device_token_opens_the_device_route_and_nothing_else(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        terminal, token = await served.device("far-1-r1")
        bearer = {"Authorization": f"Bearer {token}"}
        own = await served.ask("GET", "/api/terminal/self", headers=bearer)
        assert (await own.json()) == {
            "terminal": terminal,
            "classroom": {"id": "far-1-r1", "name": "1号教室"},
            "school": {"id": "far-1", "name": "受援校一", "role": "remote"},
        }
        for name, method, path in operations(served.app):
            allowed = served.app[TABLE][name]
            if allowed is None or Role.DEVICE in allowed:
                continue
            status = (await served.ask(method, path, headers=bearer)).status
            assert status == (401 if path.startswith("/api/") else 303), name
        for role in PEOPLE:
            assert (await served.ask("GET", "/api/terminal/self", role=role)).status == 403
        wrong = {"Authorization": "Bearer nonsense"}
        assert (await served.ask("GET", "/api/terminal/self", headers=wrong)).status == 401


async def test_every_line_of_the_table_is_a_route(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        routes = {route.name for route in served.app.router.routes()}
        assert set(access_table(page_routes())) == routes
        assert set(ACCESS) <= routes


async def test_a_route_without_a_line_fails_the_build() -> None:
    app = web.Application()
    app.router.add_get("/secret", nothing, name="secret")
    with pytest.raises(RuntimeError, match=r"'secret' \(HEAD|'secret' \(GET"):
        check_routes(app, access_table(()))
    nameless = web.Application()
    nameless.router.add_get("/secret", nothing)
    with pytest.raises(RuntimeError, match="/secret"):
        check_routes(nameless, access_table(()))


async def test_a_page_may_not_take_a_name_or_let_devices_in() -> None:
    with pytest.raises(ValueError, match="taken twice"):
        access_table([PageRoute("api.roster", "GET", "/x", nothing, ADMIN)])
    with pytest.raises(ValueError, match="devices read no pages"):
        access_table([PageRoute("x", "GET", "/x", nothing, frozenset({Role.DEVICE}))])


async def test_a_page_sends_a_stranger_to_sign_in_and_back(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        response = await served.ask("GET", "/today?day=2026-11-23")
        assert response.status == 303
        assert response.headers["Location"] == "/sign-in?next=%2Ftoday%3Fday%3D2026-11-23"
