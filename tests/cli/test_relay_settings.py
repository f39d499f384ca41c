"""From the settings file to what the relay is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.cli.relay_settings import ingest_sources, relay_settings
from sync_classroom.cli.tls import ensure_certificate
from sync_classroom.config import Settings
from sync_classroom.domain.problems import ProblemError
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
            recording={"min_free_mb": 8, "max_total_mb": 7},  # type: ignore[arg-type]
            retention={"media_days": 9},  # type: ignore[arg-type]
        )
    )  # fmt: skip
    assert told.relay == "r7"
    assert (told.media, told.http) == (Listen("::", 7), Listen("127.0.0.1", 8))
    assert told.advertised == ("192.0.2.1",)
    assert (told.max_sessions, told.max_rooms, told.batch_window_ms) == (9, 10, 1.5)
    assert (told.max_bitrate_kbps, told.journal_max_mb, told.max_load) == (1100, 12, 0.5)
    assert (told.fanout, told.media_tcp, told.tls_certificate) == ("python", False, None)
    assert told.recording_dir == tmp_path / "recordings"
    assert (told.recording_keep_days, told.recording_min_free_mb, told.recording_max_mb) == (
        9,
        8,
        7,
    )


def test_recordings_have_a_folder_of_their_own_if_wanted(tmp_path: Path) -> None:
    told = relay_settings(
        Settings(
            server={"data_dir": "elsewhere"},  # type: ignore[arg-type]
            recording={"folder": str(tmp_path / "films")},  # type: ignore[arg-type]
        )
    )
    assert told.recording_dir == tmp_path / "films"


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


def ingesting(**values: object) -> Settings:
    return Settings(ingest=values)  # type: ignore[arg-type]


def test_recording_hosts_arrive_checked(tmp_path: Path) -> None:
    settings = ingesting(
        sources={
            "host-1-r1": "rtsp://admin:s3cret@192.0.2.10/main",
            "host-1-r2": "push:" + "k" * 16,
            "host-2-r1": "file:lesson.mp4",
        },
        rtmp="0.0.0.0:1935",
        folder=str(tmp_path),
    )
    assert ingest_sources(settings) == settings.ingest.sources
    told = relay_settings(settings)
    assert (told.ingest_rtmp, told.ingest_folder) == (Listen("0.0.0.0", 1935), tmp_path)
    assert ingest_sources(Settings()) == {}
    assert (relay_settings(Settings()).ingest_rtmp, relay_settings(Settings()).ingest_folder) == (
        None,
        None,
    )


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"sources": {"r": "http://s3cret@h/"}}, "ingest_invalid", "ingest.sources.r"),
        ({"sources": {"r": "file:a.mp4"}}, "ingest_folder", "ingest.folder"),
        (
            {
                "sources": {"a": "push:" + "s3cret-" * 3, "b": "push:" + "s3cret-" * 3},
                "rtmp": "a:1",
            },
            "ingest_key_twice",
            "ingest.sources",
        ),
    ],
)
def test_a_recording_host_that_cannot_be_is_named_without_its_secrets(
    values: dict[str, object], code: str, field: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        ingest_sources(ingesting(**values))
    problem = caught.value
    assert (problem.code, problem.field) == (code, field)
    assert "s3cret" not in f"{problem.zh}{problem.en}{problem.value}"
