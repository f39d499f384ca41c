"""TURN servers and credentials for them that expire (draft-uberti-behave-turn-rest, as coturn has).

The server and we share a secret; a user name is the instant its password ends, so the server needs
no accounts and a password that was read by somebody is worth nothing after the lesson.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

MAX_URLS: Final = 8
"""More servers only make every terminal's gathering take longer."""
_URL = re.compile(
    r"(?P<scheme>turns?):(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(?::(?P<port>\d{1,5}))?"
    r"(?:\?transport=(?P<transport>udp|tcp))?"
)
_DEFAULT_PORT = {"turn": 3478, "turns": 5349}  # RFC 7065 3.2


@dataclass(frozen=True, slots=True)
class TurnUrl:
    """One way to a TURN server (RFC 7065): `transport` is `udp`, `tcp` or `tls`."""

    text: str
    host: str
    port: int
    transport: str

    @classmethod
    def parse(cls, text: str) -> TurnUrl:
        """Read `turn:host[:port][?transport=udp|tcp]` or `turns:…`. Raises ValueError."""
        match = _URL.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{text!r} is not turn:HOST:PORT?transport=udp (or tcp), or turns:HOST:PORT"
            )
        scheme, transport = match["scheme"], match["transport"]
        port = int(match["port"] or _DEFAULT_PORT[scheme])
        if not 0 < port < 65536:
            raise ValueError(f"{text!r} names port {port}")
        if scheme == "turns":
            if transport == "udp":
                raise ValueError(f"{text!r}: TURN over DTLS is what no browser speaks")
            transport = "tls"
        return cls(text, match["host"].strip("[]"), port, transport or "udp")


@dataclass(frozen=True, slots=True)
class Turn:
    """The TURN servers of a programme. No servers: nobody is told of any."""

    urls: tuple[str, ...] = ()
    secret: str = ""

    def credentials(self, user: str, expires_at: datetime) -> tuple[str, str]:
        """User name and password that end at `expires_at` (aware)."""
        name = f"{int(expires_at.timestamp())}:{user}"
        digest = hmac.digest(self.secret.encode(), name.encode(), "sha1")
        return name, base64.b64encode(digest).decode("ascii")

    def ice_servers(self, user: str, expires_at: datetime) -> list[dict[str, Any]]:
        """`RTCIceServer` objects for a browser; empty without servers."""
        if not self.urls:
            return []
        name, password = self.credentials(user, expires_at)
        return [{"urls": list(self.urls), "username": name, "credential": password}]

    def links(self, user: str, expires_at: datetime) -> list[str]:
        """`Link` values for WHIP and WHEP answers (RFC 9725 4.6); empty without servers."""
        if not self.urls:
            return []
        name, password = self.credentials(user, expires_at)
        return [
            f'<{url}>; rel="ice-server"; username="{name}"; credential="{password}";'
            ' credential-type="password"'
            for url in self.urls
        ]
