"""From the settings file to what the processes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.cli.settings import own_url, serve_settings
from sync_classroom.cli.tls import ensure_certificate
from sync_classroom.config import Settings
from sync_classroom.domain.ids import SchoolId
from sync_classroom.domain.school_lines import Hours, Line
from sync_classroom.relay.settings import Listen

from .test_tls import NOW


def test_every_number_arrives(tmp_path: Path) -> None:
    settings = Settings(
        server={"listen": "[::1]:9000", "data_dir": str(tmp_path), "trusted_proxies": ["10.0.0.1"]},  # type: ignore[arg-type]
        store={"url": "postgresql://h/d", "redis_url": "redis://h"},  # type: ignore[arg-type]
        relay={"id": "r7", "media": "0.0.0.0:7", "http": "127.0.0.1:8", "max_sessions": 9},  # type: ignore[arg-type]
        lesson={  # type: ignore[arg-type]
            "lead_s": 61, "grace_s": 62, "extension_s": 63, "host_gone_s": 64, "setup_gap_s": 65,
        },
    )  # fmt: skip
    told = serve_settings(settings, stop_relay=True)
    assert (told.host, told.port, told.stop_relay) == ("::1", 9000, True)
    assert (told.database_url, told.redis_url) == ("postgresql://h/d", "redis://h")
    assert told.trusted_proxies == ("10.0.0.1",)
    rules = told.rules
    assert (rules.lead_s, rules.grace_s, rules.extension_s, rules.host_gone_s) == (61, 62, 63, 64)
    assert told.setup_gap_s == 65
    assert told.relay.relay == "r7"
    assert told.relay.media == Listen("0.0.0.0", 7)
    assert told.relay.http == Listen("127.0.0.1", 8)
    assert told.relay.max_sessions == 9


def test_lines_of_schools_arrive_as_they_are_said() -> None:
    push = {
        "quiet_hours": ["17:00-07:30"], "rate_kbps": 4000, "terminal_quota_mb": 50,
        "school_quiet_hours": {"far": []}, "school_rate_kbps": {"near": 1000},
        "school_caches": {"near": "https://near.example"},
    }  # fmt: skip
    told = serve_settings(Settings(push=push)).push_lines  # type: ignore[arg-type]
    night = (Hours(17 * 60, 7 * 60 + 30),)
    assert told.quota_bytes == 50_000_000
    assert told.lines.of(SchoolId("far")) == Line((), 4000)
    assert told.lines.of(SchoolId("near")) == Line(night, 1000, "https://near.example")


def test_a_made_certificate_serves_the_pages(tmp_path: Path) -> None:
    made = ensure_certificate(tmp_path / "tls", ["class.example"], now=NOW)
    settings = Settings(server={"data_dir": str(tmp_path)})  # type: ignore[arg-type]
    assert serve_settings(settings).tls == (made.certificate, made.key)


def test_relay_of_somebody_else_is_checked_by_the_authority_that_is_known(tmp_path: Path) -> None:
    server = {"data_dir": str(tmp_path)}
    relay = {"spawn": False, "control": "https://r.example:1", "control_secret": "s" * 16}
    told = serve_settings(Settings(server=server, relay=relay))  # type: ignore[arg-type]
    assert (told.spawn_relay, told.relay_authority) == (False, None)
    made = ensure_certificate(tmp_path / "tls", ["class.example"], now=NOW)
    told = serve_settings(Settings(server=server, relay=relay))  # type: ignore[arg-type]
    assert told.relay_authority == made.authority
    own = Settings(server=server, relay=relay | {"control_ca": "/etc/ca.pem"})  # type: ignore[arg-type]
    assert serve_settings(own).relay_authority == Path("/etc/ca.pem")
    assert serve_settings(Settings()).spawn_relay


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "192.0.2.7:80", "class.example:80"])
def test_an_address_that_names_one_machine_needs_no_guess(listen: str) -> None:
    assert own_url(Settings(server={"listen": listen})) == ""  # type: ignore[arg-type]


def test_a_wildcard_address_is_reached_by_our_own(tmp_path: Path) -> None:
    settings = Settings(server={"listen": "0.0.0.0:8080", "data_dir": str(tmp_path)})  # type: ignore[arg-type]
    url = own_url(settings)
    assert url.startswith("http://")
    assert url.endswith(":8080")
    assert "0.0.0.0" not in url
