"""What surrounds every answer."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sync_classroom.coordinator.push_files import ANY_TIME, LineOptions
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import SchoolId
from sync_classroom.domain.school_lines import Lines
from sync_classroom.web.static import static_url
from tests.support.waiting import PATIENCE_S
from tests.support.web import PASSWORD, closed, site

pytestmark = pytest.mark.asyncio

SIGN_IN = {"login": "admin", "password": PASSWORD}


async def test_every_answer_carries_the_security_headers(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        for path in ("/sign-in", "/api/session", "/api/nowhere", "/nowhere", "/healthz"):
            headers = (await served.ask("GET", path)).headers
            host = served.url.removeprefix("http://")
            assert headers["Content-Security-Policy"] == (
                f"default-src 'self'; connect-src 'self' ws://{host} https://relay.example;"
                " img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none';"
                " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            ), path
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "same-origin"
            assert headers["Server"] == "sync-classroom"
            assert "camera=(self)" in headers["Permissions-Policy"]
            assert "Strict-Transport-Security" not in headers


async def test_only_the_worker_that_brings_pushes_may_ask_schools_caches(tmp_path: Path) -> None:
    caches = {SchoolId("a"): "https://cache.example:8443", SchoolId("b"): "https://b.example"}
    lines = LineOptions(Lines(ANY_TIME.general, caches=caches))
    async with site(tmp_path, people=False, lines=lines) as served:
        for name, allowed in (("fetcher.js?cache=x", True), ("terminal.js", False)):
            headers = (await served.ask("GET", static_url("terminal/fetcher.js").replace(
                "fetcher.js", name))).headers  # fmt: skip
            connect = headers["Content-Security-Policy"].split("connect-src")[1].split(";")[0]
            for cache in caches.values():
                assert (cache in connect.split()) is allowed, name


async def test_tls_is_remembered_by_browsers_only_when_it_is_there(tmp_path: Path) -> None:
    async with site(tmp_path, people=False, secure=True) as served:
        headers = (await served.ask("GET", "/sign-in", headers={"Host": "class.example"})).headers
        assert headers["Strict-Transport-Security"] == "max-age=15552000"
        assert "wss://class.example" in headers["Content-Security-Policy"]


async def test_a_host_header_cannot_write_into_the_policy(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        evil = {"Host": "a;script-src *"}
        headers = (await served.ask("GET", "/sign-in", headers=evil)).headers
        assert "script-src" not in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "OWN"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/api/users", "/people", "/sign-out", "/api/session"])
async def test_another_sites_page_cannot_post(
    tmp_path: Path, headers: dict[str, str], path: str
) -> None:
    async with site(tmp_path) as served:
        sent = {k: served.url if v == "OWN" else v for k, v in headers.items()}
        new = {"login": "mallory", "name": "M", "role": "admin", "password": PASSWORD}
        response = await served.ask("POST", path, role=Role.ADMIN, headers=sent, json=new)
        assert response.status == 403
        assert len(await served.services.accounts.list()) == 4
        assert (await served.ask("GET", "/api/session", role=Role.ADMIN)).status == 200


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "OWN"}, {"Sec-Fetch-Site": "same-origin"}], ids=str
)
async def test_our_own_page_and_a_program_can_post(tmp_path: Path, headers: dict[str, str]) -> None:
    async with site(tmp_path) as served:
        sent = {k: served.url if v == "OWN" else v for k, v in headers.items()}
        response = await served.ask("POST", "/api/session", headers=sent, json=SIGN_IN)
        assert response.status == 200


@pytest.mark.parametrize("path", ["/api/session", "/sign-in", "/api/terminal/enrol"])
async def test_ten_megabytes_are_refused_without_being_read(tmp_path: Path, path: str) -> None:
    async with site(tmp_path) as served:
        sent = 0

        async def body() -> AsyncIterator[bytes]:
            nonlocal sent
            for _ in range(160):
                sent += 65536
                yield b"x" * 65536

        kind = "application/json" if "/api/" in path else "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind}
        whole = await served.ask("POST", path, data=io.BytesIO(b"x" * 10_000_000), headers=headers)
        assert whole.status == 413
        chunked = await served.ask("POST", path, data=body(), headers=headers)
        assert chunked.status == 413
        assert sent < 160 * 65536, "the server listened to the end"
        if path.startswith("/api/"):
            assert (await chunked.json())["code"] == "too_large"


async def test_a_refusal_has_one_shape_for_programs(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        for method, path, status, code in (
            ("GET", "/api/nowhere", 404, "not_found"),
            ("PUT", "/api/session", 405, "method"),
            ("GET", "/api/session", 401, "signed_out"),
        ):
            response = await served.ask(method, path)
            assert response.status == status
            assert response.content_type == "application/problem+json"
            body = await response.json()
            assert body["code"] == code
            assert set(body) == {"code", "zh", "en", "field", "value", "clashes"}
        allowed = (await served.ask("PUT", "/api/session")).headers["Allow"].split(",")
        assert sorted(allowed) == ["DELETE", "GET", "POST"]


async def test_a_refusal_is_a_page_for_people(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        missing = await served.ask("GET", "/nowhere", role=Role.ADMIN)
        assert (missing.status, missing.content_type) == (404, "text/html")
        forbidden = await served.ask("GET", "/people", role=Role.TEACHER)
        assert (forbidden.status, forbidden.content_type) == (403, "text/html")
        assert "您的角色不能做这件事" in await forbidden.text()


async def test_our_own_fault_says_nothing_of_its_inside(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await served.store.close()
        # The database is gone in the middle of everything.
        (tmp_path / "test.db").rename(tmp_path / "moved.db")
        (tmp_path / "test.db").mkdir()
        response = await served.ask("GET", "/api/session", role=Role.ADMIN)
        assert response.status in (500, 503)
        text = await response.text()
        assert "Traceback" not in text
        assert "sqlite" not in text.lower()
        assert (await served.ask("GET", "/readyz")).status == 503
        assert (await served.ask("GET", "/healthz")).status == 200


async def test_shutdown_says_goodbye_to_terminals_and_ends_streams(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        _, token = await served.device("far-1-r1")
        stream = await served.client.get(
            served.url + "/api/events",
            headers={"Cookie": f"__Host-session={served.cookies[Role.ADMIN]}"},
        )
        async with served.connect() as socket:
            await served.hello(socket, token)
            stopping = asyncio.create_task(served.runner.cleanup())
            code, messages = await closed(socket)
            assert code == 1001
            assert messages[-1] == {"type": "bye", "reason": "restart"}
            assert b"retry" in await asyncio.wait_for(stream.content.read(), PATIENCE_S)
            await asyncio.wait_for(stopping, PATIENCE_S)


async def test_a_body_that_never_ends_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_classroom.web.middleware.BODY_S", 0.1)
    async with site(tmp_path, people=False) as served:

        async def drip() -> AsyncIterator[bytes]:
            yield b'{"login": "'
            await asyncio.Event().wait()

        headers = {"Content-Type": "application/json"}
        async with asyncio.timeout(PATIENCE_S):
            response = await served.ask("POST", "/api/session", data=drip(), headers=headers)
        assert response.status == 408
        assert (await response.json())["code"] == "timeout"


async def test_a_form_in_parts_is_refused(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        form = aiohttp.FormData({"login": "admin", "password": PASSWORD}, default_to_multipart=True)
        response = await served.ask("POST", "/sign-in", data=form)
        assert response.status == 415
