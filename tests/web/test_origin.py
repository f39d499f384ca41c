"""Whose request this is: address, TLS, cookie, own page or another's."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from sync_classroom.web.keys import SERVICES
from sync_classroom.web.origin import (
    client_address,
    cookie_name,
    host_of,
    is_secure,
    same_origin,
)
from tests.support.web import PASSWORD, settings, site


class _Settings:
    def __init__(self, **changes: object) -> None:
        self.settings = settings(**changes)


def request(
    remote: str = "192.0.2.1", *, method: str = "POST", settings: object = None, **headers: str
) -> web.Request:
    app = web.Application()
    app[SERVICES] = settings or _Settings()  # type: ignore[misc]
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    made = make_mocked_request(method, "/", headers={"Host": "class.example", **named}, app=app)
    return made.clone(remote=remote)


PROXY = _Settings(trusted_proxies=("10.0.0.0/8", "::1"))


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "203.0.113.5", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.5, 10.2.2.2", "203.0.113.5"),
        ("10.0.0.1", "rubbish", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::1", "2001:db8::7", "2001:db8::7"),
    ],
)
def test_a_client_cannot_choose_its_address(remote: str, forwarded: str, address: str) -> None:
    made = request(remote, settings=PROXY, X_Forwarded_For=forwarded)
    assert client_address(made) == address


def test_a_proxys_word_about_tls_counts_only_if_it_is_trusted() -> None:
    assert is_secure(request("10.0.0.1", settings=PROXY, X_Forwarded_Proto="https"))
    assert not is_secure(request("10.0.0.1", settings=PROXY, X_Forwarded_Proto="http"))
    assert not is_secure(request("192.0.2.1", settings=PROXY, X_Forwarded_Proto="https"))
    assert is_secure(request(settings=_Settings(secure=True)))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:8080", "__Host-session"),
        ("127.0.0.1:8080", "__Host-session"),
        ("[::1]:8080", "__Host-session"),
        ("kiosk.localhost", "__Host-session"),
        ("10.1.2.3:8080", "session"),
        ("localhost.evil.example", "session"),
        ("class.example", "session"),
        ("", "session"),
    ],
)
def test_the_cookies_name_says_how_it_is_protected(host: str, name: str) -> None:
    assert cookie_name(request(Host=host)) == name


@pytest.mark.parametrize("host", ["a b", "a;b", "a/b", "a@b", "[::1", "a:port", "x" * 300])
def test_a_host_that_is_none_is_ignored(host: str) -> None:
    assert host_of(request(Host=host)) is None


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({}, True),
        ({"Sec_Fetch_Site": "same-origin"}, True),
        ({"Sec_Fetch_Site": "none"}, True),
        ({"Sec_Fetch_Site": "same-site"}, False),
        ({"Sec_Fetch_Site": "cross-site", "Origin": "https://class.example"}, False),
        ({"Origin": "https://class.example"}, True),
        ({"Origin": "https://class.example:8443"}, False),
        ({"Origin": "https://class.example.evil.example"}, False),
        ({"Origin": "https://evil.example/?class.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "https://[broken"}, False),
        ({"Origin": "file://class.example"}, False),
    ],
    ids=str,
)
def test_own_pages_and_programs_are_told_from_others(headers: dict[str, str], own: bool) -> None:
    assert same_origin(request(**headers)) is own


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("host", "secure", "cookie"),
    [
        ("127.0.0.1", False, "__Host-session={}; HttpOnly; Path=/; SameSite=Lax; Secure"),
        ("class.example", True, "__Host-session={}; HttpOnly; Path=/; SameSite=Lax; Secure"),
        ("10.1.2.3", False, "session={}; HttpOnly; Path=/; SameSite=Lax"),
    ],
)
async def test_the_session_cookie_is_as_closed_as_the_line_allows(
    tmp_path: Path, host: str, secure: bool, cookie: str
) -> None:
    async with site(tmp_path, secure=secure) as served:
        signed_in = await served.ask(
            "POST",
            "/api/session",
            headers={"Host": host},
            json={"login": "teacher", "password": PASSWORD},
        )
        header = signed_in.headers["Set-Cookie"]
        token = header.partition("=")[2].partition(";")[0]
        assert len(token) == 43
        assert header == cookie.format(token)
        name = header.partition("=")[0]
        headers = {"Host": host, "Cookie": f"{name}={token}"}
        assert (await served.ask("GET", "/api/session", headers=headers)).status == 200
        # The same token under the other name, or over the other kind of line, is nobody.
        other = "session" if name != "session" else "__Host-session"
        headers = {"Host": host, "Cookie": f"{other}={token}"}
        assert (await served.ask("GET", "/api/session", headers=headers)).status == 401
        headers = {"Host": host, "Cookie": f"{name}={token}"}
        out = await served.ask("DELETE", "/api/session", headers=headers)
        assert out.status == 204
        assert "Max-Age=0" in out.headers["Set-Cookie"]
        assert (await served.ask("GET", "/api/session", headers=headers)).status == 401
