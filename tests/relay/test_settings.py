"""Relay settings survive the way to another process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.relay.settings import (
    Listen,
    RelaySettings,
    settings_from_json,
    settings_to_json,
)


@pytest.mark.parametrize(
    "settings",
    [
        RelaySettings(),
        RelaySettings(
            relay="relay-2",
            media=Listen("::", 1),
            control=Listen("127.0.0.1", 5),
            control_secret="s",
            tls_certificate=Path("a"),
            tls_key=Path("b"),
            advertised=("192.0.2.1", "2001:db8::1"),
            keys=({"kty": "OKP"},),
            turn_urls=("turn:turn.example",),
            turn_secret="s" * 16,
            media_tcp=False,
        ),
        RelaySettings(control=Path("control.sock")),
    ],
)
def test_settings_come_back_from_json_as_they_were(settings: RelaySettings) -> None:
    assert settings_from_json(json.loads(json.dumps(settings_to_json(settings)))) == settings


def test_missing_settings_take_their_defaults() -> None:
    assert settings_from_json({}) == RelaySettings()


@pytest.mark.parametrize(
    ("values", "name"),
    [({"medai": 1}, "medai"), ({"media": "x"}, "media"), ({"http": {"host": "x"}}, "http")],
)
def test_what_is_no_setting_is_named(values: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        settings_from_json(values)
