"""From the settings file to what the relay is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.cli.relay_settings import relay_settings
from sync_classroom.cli.tls import ensure_certificate
from sync_classroom.config import Settings
from sync_classroom.relay.settings import Listen

from .test_tls import NOW


def test_every_setting_arrives(tmp_path: Path) -> None:
    told = relay_settings(
        Settings(
            server={"data_dir": str(tmp_path)},  # type: ignore[arg-type]
            relay={  # type: ignore[arg-type]
                "id": "r7", "media": "[::]:7", "http": "127.0.0.1:8", "advertised": ["192.0.2.1"],
                "max_sessions": 9, "max_rooms": 10, "max_load": 0.5, "batch_window_ms": 1.5,
                "fanout": "python",
                "max_bitrate_kbps": 1100, "journal_max_mb": 12, "media_tcp": False,
            },
        )
    )  # fmt: skip
    assert told.relay == "r7"
    assert (told.media, told.http) == (Listen("::", 7), Listen("127.0.0.1", 8))
    assert told.advertised == ("192.0.2.1",)
    assert (told.max_sessions, told.max_rooms, told.batch_window_ms) == (9, 10, 1.5)
    assert (told.max_bitrate_kbps, told.journal_max_mb, told.max_load) == (1100, 12, 0.5)
    assert (told.fanout, told.media_tcp, told.tls_certificate) == ("python", False, None)


@pytest.mark.parametrize(
    ("control", "told", "tls"),
    [
        ("/run/relay.sock", Path("/run/relay.sock"), False),
        ("http://127.0.0.1:8091", Listen("127.0.0.1", 8091), False),
        ("https://[::]:8091", Listen("::", 8091), True),
        ("https://relay.example:8091", Listen("relay.example", 8091), True),
    ],
)
def test_control_is_a_socket_or_an_address_with_a_secret(
    control: str, told: Path | Listen, tls: bool
) -> None:
    relay = {"spawn": False, "control": control, "control_secret": "s" * 16}
    got = relay_settings(Settings(relay=relay))  # type: ignore[arg-type]
    assert (got.control, got.control_tls) == (told, tls)
    assert got.control_secret == ("s" * 16 if isinstance(told, Listen) else "")


def test_control_is_a_socket_in_the_data_folder_unless_set(tmp_path: Path) -> None:
    settings = Settings(server={"data_dir": str(tmp_path)})  # type: ignore[arg-type]
    assert relay_settings(settings).control == tmp_path / "relay" / "control.sock"


def test_a_made_certificate_serves_the_relay_too(tmp_path: Path) -> None:
    made = ensure_certificate(tmp_path / "tls", ["class.example"], now=NOW)
    told = relay_settings(Settings(server={"data_dir": str(tmp_path)}))  # type: ignore[arg-type]
    assert (told.tls_certificate, told.tls_key) == (made.certificate, made.key)
