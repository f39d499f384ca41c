"""Where a request comes from: its address behind proxies, TLS or not, our own page or another's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from ..coordinator.services import ServiceSettings
from .keys import SERVICES

_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_HOPS: Final = 8

# Browsers take `Secure` cookies over TLS and from localhost only. A school that runs plain HTTP on
# its network must still be able to sign in, so there the cookie has neither `Secure` nor the
# `__Host-` prefix (which demands it); the start-up line and `doctor` warn about that.
COOKIE_SECURE: Final = "__Host-session"
COOKIE_PLAIN: Final = "session"


def _settings(request: web.Request) -> ServiceSettings:
    return request.app[SERVICES].settings


def _trusted(address: str, proxies: Sequence[str]) -> bool:
    try:
        parsed = ip_address(address)
        return any(parsed in ip_network(proxy, strict=False) for proxy in proxies)
    except ValueError:
        return False


def client_address(request: web.Request) -> str:
    """The nearest address that is not a trusted proxy; "" for a Unix socket without one.

    `X-Forwarded-For` is read from the right and only as far as trusted proxies wrote it, so a
    client cannot choose the address it is throttled by.
    """
    address = request.remote or ""
    proxies = _settings(request).trusted_proxies
    hops = request.headers.get("X-Forwarded-For", "").split(",")[-MAX_HOPS:]
    while hops and (_trusted(address, proxies)):
        candidate = hops.pop().strip()
        try:
            ip_address(candidate)
        except ValueError:
            break
        address = candidate
    return address


def forwarded(request: web.Request) -> bool:
    """Whether some proxy says it passed this request on, trusted or not."""
    return "X-Forwarded-For" in request.headers or "Forwarded" in request.headers


def is_secure(request: web.Request) -> bool:
    """Whether the browser's side of this request is TLS."""
    if request.secure or _settings(request).secure:
        return True
    if _trusted(request.remote or "", _settings(request).trusted_proxies):
        return request.headers.get("X-Forwarded-Proto", "").strip().lower() == "https"
    return False


def host_of(request: web.Request) -> str | None:
    """The `Host` header if it is a plain host and port, else None."""
    host = request.headers.get("Host", "")
    return host if _HOST.fullmatch(host) else None


def is_local(request: web.Request) -> bool:
    """Whether the page's own host is this machine, which browsers treat as if it were TLS."""
    host = host_of(request)
    if host is None:
        return False
    name = urlsplit(f"//{host}").hostname or ""
    return name in _LOCAL_NAMES or name.endswith(".localhost")


def cookie_name(request: web.Request) -> str:
    """The session cookie's name for this request's kind of connection."""
    return COOKIE_SECURE if is_secure(request) or is_local(request) else COOKIE_PLAIN


def set_session_cookie(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Hand the session token to the browser, until it closes; the server decides how long."""
    name = cookie_name(request)
    response.set_cookie(
        name,
        token,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=name == COOKIE_SECURE,
    )


def drop_session_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """Take the session cookie back."""
    name = cookie_name(request)
    response.del_cookie(name, path="/", httponly=True, samesite="Lax", secure=name == COOKIE_SECURE)


def same_origin(request: web.Request) -> bool:
    """Whether a browser says that our own page, or no page at all, makes this request.

    `Sec-Fetch-Site` cannot be set by page script (Fetch Metadata section 2.4) but is missing over
    plain HTTP; `Origin` is there on every unsafe request of a browser (Fetch section 3.2). A client
    that sends neither is no browser, so nobody's cookies are borrowed.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    host = host_of(request)
    # Scheme too, except behind a proxy that is not known to speak TLS: then the host decides.
    return host is not None and parts.scheme in ("http", "https") and parts.netloc == host


def navigates(request: web.Request) -> bool:
    """Whether somebody opens this address, rather than a page's script fetching it.

    `Sec-Fetch-Mode` says so (Fetch Metadata section 2.2) but is missing over plain HTTP; there,
    only navigation names XHTML among what it accepts, and `fetchPart` of `server.js` does not.
    """
    mode = request.headers.get("Sec-Fetch-Mode")
    if mode is not None:
        return mode == "navigate"
    return "application/xhtml+xml" in request.headers.get("Accept", "")
