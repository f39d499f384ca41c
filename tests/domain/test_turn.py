from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from sync_classroom.domain.turn import Turn, TurnUrl

SECRET = "north"
EXPIRES = datetime(2026, 11, 23, 10, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "host", "port", "transport"),
    [
        ("turn:turn.example", "turn.example", 3478, "udp"),
        ("turn:turn.example:3479?transport=udp", "turn.example", 3479, "udp"),
        ("turn:192.0.2.7?transport=tcp", "192.0.2.7", 3478, "tcp"),
        ("turns:turn.example", "turn.example", 5349, "tls"),
        ("turns:turn.example:443?transport=tcp", "turn.example", 443, "tls"),
        ("turn:[2001:db8::7]:3478", "2001:db8::7", 3478, "udp"),
    ],
)
def test_addresses_are_read(text: str, host: str, port: int, transport: str) -> None:
    assert TurnUrl.parse(text) == TurnUrl(text, host, port, transport)


@pytest.mark.parametrize(
    "text",
    [
        "", "turn:", "stun:x", "http://x", "turn:x:0", "turn:x:65536", "turn:x?transport=sctp",
        "turns:x?transport=udp", 'turn:x"; rel="y', "turn:x, <y>", "turn://x",
    ],
)  # fmt: skip
def test_what_is_no_turn_address_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"turn|port"):
        TurnUrl.parse(text)


def test_credentials_are_those_coturn_computes() -> None:
    """`use-auth-secret`: the user begins with the expiry, the password is its HMAC-SHA1."""
    name, password = Turn(("turn:x",), SECRET).credentials("seat-1", EXPIRES)
    assert name == "1795428600:seat-1"
    expected = hmac.new(SECRET.encode(), name.encode(), hashlib.sha1).digest()
    assert base64.b64decode(password) == expected


def test_servers_for_browsers_and_links_for_whip() -> None:
    turn = Turn(("turn:a?transport=udp", "turns:b"), SECRET)
    name, password = turn.credentials("host", EXPIRES)
    assert turn.ice_servers("host", EXPIRES) == [
        {"urls": ["turn:a?transport=udp", "turns:b"], "username": name, "credential": password}
    ]
    assert turn.links("host", EXPIRES) == [
        f'<{url}>; rel="ice-server"; username="{name}"; credential="{password}";'
        ' credential-type="password"'
        for url in turn.urls
    ]
    assert (Turn().ice_servers("host", EXPIRES), Turn().links("host", EXPIRES)) == ([], [])
