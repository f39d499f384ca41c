"""What `doctor` finds, in sentences with their remedy."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_classroom.app import DATABASE_URL
from sync_classroom.cli.doctor import Level, camera_works, examine
from sync_classroom.cli.tls import ensure_certificate
from sync_classroom.config import Settings
from sync_classroom.coordinator.relay_client import RelayClient
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.relay import kernel
from sync_classroom.relay.settings import Listen
from sync_classroom.setting_tables import RecordingSettings
from sync_classroom.store.database import open_store
from tests.support import relays
from tests.support.ports import free_port
from tests.support.relay_child import Child, relay_child

from .conftest import Command
from .test_tls import NOW


def _settings(tmp_path: Path, fanout: str = "auto", **server: str) -> Settings:
    return Settings(
        server={"data_dir": str(tmp_path), "listen": "127.0.0.1:0", **server},  # type: ignore[arg-type]
        relay={"http": "127.0.0.1:0", "media": "127.0.0.1:0", "fanout": fanout},  # type: ignore[arg-type]
    )


def _texts(settings: Settings, level: Level) -> str:
    return "\n".join(f.en for f in examine(settings) if f.level is level)


def test_an_empty_installation_is_told_to_load_schools_and_make_accounts(tmp_path: Path) -> None:
    warnings = _texts(_settings(tmp_path), Level.WARN)
    assert "sync-classroom init config/taicang.toml" in warnings
    assert "sync-classroom user add" in warnings
    assert _texts(_settings(tmp_path), Level.FAIL) == ""


def test_a_lesson_that_cannot_be_counted_is_named_with_the_reason(tmp_path: Path) -> None:
    async def set_aside() -> None:
        store = await open_store(DATABASE_URL, data_dir=tmp_path)
        await store.set_aside(OccurrenceId("o-1"), [], at=NOW, error="ValueError: odd fact")
        await store.close()

    asyncio.run(set_aside())
    failures = _texts(_settings(tmp_path), Level.FAIL)
    assert "lesson o-1" in failures
    assert "ValueError: odd fact" in failures


def test_a_loaded_installation_counts_its_schools(loaded: Command) -> None:
    done = loaded("doctor")
    assert "Schools and classrooms: 10 / " in done.output


def test_a_line_of_a_school_that_the_roster_lacks_is_named_with_its_setting(
    loaded: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "SYNC_CLASSROOM_PUSH__SCHOOL_RATE_KBPS", '{"remote-1": 1000, "school-3": 500}'
    )
    done = loaded("doctor")
    assert "! push.school_rate_kbps names the school school-3" in done.output
    assert "Correct it to an id of the roster page" in done.output
    assert "remote-1" not in done.output


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    failures = _texts(_settings(tmp_path, data_dir=str(blocked / "data")), Level.FAIL)
    assert str(blocked / "data") in failures
    assert "server.data_dir" in failures


def test_a_port_in_use_names_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        warnings = _texts(_settings(tmp_path, listen=f"127.0.0.1:{port}"), Level.WARN)
    assert f"TCP 127.0.0.1:{port}" in warnings
    assert "server.listen" in warnings


def test_the_media_port_is_looked_at_for_tcp_too_unless_it_is_switched_off(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = _settings(tmp_path)
        for tcp in (True, False):
            relay = {"http": "127.0.0.1:0", "media": f"127.0.0.1:{port}", "media_tcp": tcp}
            changed = settings.model_copy(update={"relay": type(settings.relay)(**relay)})
            assert (f"TCP 127.0.0.1:{port} cannot be used" in _texts(changed, Level.WARN)) is tcp
            assert f"UDP 127.0.0.1:{port} is free (relay.media)" in _texts(changed, Level.OK)


def test_a_relay_that_runs_says_how_it_is(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    control = tmp_path / "relay" / "control.sock"
    with relay_child(relays.settings(tmp_path, control=control, open_mode=True)) as child:
        assert child.report is not None
        idle = f"The relay relay-1 answers at {control}: 0 rooms, 0 sessions, load "
        assert idle in _texts(settings, Level.OK)
        client = RelayClient(control)

        async def drain() -> None:
            await client.drain()
            await client.close()

        asyncio.run(drain())
        warnings = _texts(settings, Level.WARN)
        assert idle in warnings
        assert "sync-classroom drain --cancel" in warnings
    assert "The relay" not in _texts(settings, Level.OK)  # none, though its socket is left


def test_http_to_other_machines_is_warned_about(tmp_path: Path) -> None:
    settings = _settings(tmp_path, listen="0.0.0.0:0")
    assert not camera_works(settings)
    assert "sync-classroom tls" in _texts(settings, Level.WARN)


@pytest.mark.parametrize(
    "server",
    [{"listen": "127.0.0.1:0"}, {"listen": "0.0.0.0:0", "public_url": "https://a.example"}],
)
def test_localhost_and_proxies_are_not_warned_about(tmp_path: Path, server: dict[str, str]) -> None:
    assert camera_works(_settings(tmp_path, **server))


def test_a_made_certificate_is_found_and_its_end_said(tmp_path: Path) -> None:
    made = ensure_certificate(tmp_path / "tls", ["class.example"], now=NOW)
    settings = _settings(tmp_path, listen="0.0.0.0:0")
    assert camera_works(settings)
    assert f"valid until {made.not_after:%Y-%m-%d}" in _texts(settings, Level.OK)


def test_a_certificate_that_does_not_fit_its_key_fails(tmp_path: Path) -> None:
    ensure_certificate(tmp_path / "one", ["class.example"], now=NOW)
    ensure_certificate(tmp_path / "two", ["class.example"], now=NOW)
    settings = _settings(
        tmp_path,
        tls_certificate=str(tmp_path / "one/server.pem"),
        tls_key=str(tmp_path / "two/server.key"),
    )
    assert "server.tls_key" in _texts(settings, Level.FAIL)


def test_a_database_that_cannot_be_reached_fails_without_its_password(tmp_path: Path) -> None:
    settings = _settings(tmp_path).model_copy(
        update={"store": Settings().store.model_copy(
            update={"url": "postgresql://u:s3cret@127.0.0.1:9/none"}
        )}
    )  # fmt: skip
    failures = _texts(settings, Level.FAIL)
    assert failures
    assert "s3cret" not in failures


def _recording(tmp_path: Path, **recording: object) -> Settings:
    return _settings(tmp_path).model_copy(update={"recording": RecordingSettings(**recording)})  # type: ignore[arg-type]


def test_recordings_have_room_or_it_is_said_which_setting_helps(tmp_path: Path) -> None:
    fine = _recording(tmp_path, min_free_mb=0)
    assert f"Recordings in {tmp_path / 'recordings'}" in _texts(fine, Level.OK)
    full = _recording(tmp_path, min_free_mb=1_000_000)
    assert "recording.min_free_mb (1000000 MB)" in _texts(full, Level.WARN)
    (tmp_path / "recordings" / "lesson").mkdir()
    (tmp_path / "recordings" / "lesson" / "01-camera-1.mp4").write_bytes(bytes(1_100_000))
    limited = _recording(tmp_path, min_free_mb=0, max_total_mb=1)
    assert "recording.max_total_mb (1 MB)" in _texts(limited, Level.WARN)


def test_a_recordings_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    failures = _texts(_recording(tmp_path, folder=str(blocked / "films")), Level.FAIL)
    assert "recording.folder" in failures
    warned = _recording(tmp_path, folder=str(blocked / "films"), lessons=False)
    assert "recording.folder" in _texts(warned, Level.WARN)


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[tuple[Settings, Child]]:
    """A relay that runs by itself, and settings that find it."""
    port = free_port()
    relay = relays.settings(tmp_path, control=Listen("127.0.0.1", port), control_secret="s" * 16)
    with relay_child(relay) as child:
        settings = _settings(tmp_path)
        control = {
            "spawn": False, "control": f"http://127.0.0.1:{port}", "control_secret": "s" * 16,
        }  # fmt: skip
        yield (
            settings.model_copy(update={"relay": settings.relay.model_copy(update=control)}),
            child,
        )


def _with(settings: Settings, **relay: str) -> Settings:
    return settings.model_copy(update={"relay": settings.relay.model_copy(update=relay)})


def test_relay_of_somebody_else_is_asked(apart: tuple[Settings, Child]) -> None:
    settings, child = apart
    where = settings.relay.control
    assert f"The relay relay-1 answers at {where}: 0 rooms, 0 sessions" in _texts(
        settings, Level.OK
    )
    assert "relay.media" not in _texts(settings, Level.OK)  # its ports are its own
    wrong = _texts(_with(settings, control_secret="w" * 16), Level.FAIL)
    assert f"{where} does not take the secret" in wrong
    assert "w" * 16 not in wrong
    assert "is relay-1, and relay.id says r7" in _texts(_with(settings, id="r7"), Level.FAIL)
    child.process.kill()
    child.process.wait()
    assert f"No relay answers at {where}" in _texts(settings, Level.FAIL)


def test_relay_on_another_machine_needs_its_public_address(tmp_path: Path) -> None:
    settings = _with(_settings(tmp_path), control="https://127.0.0.1:9", control_secret="s" * 16)
    settings = settings.model_copy(
        update={"relay": settings.relay.model_copy(update={"spawn": False})}
    )
    assert "relay.public_url must say how terminals reach it" in _texts(settings, Level.FAIL)


def test_the_fan_out_in_use_is_said_and_a_missing_kernel_is_warned_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto, python, wanted = (_settings(tmp_path, choice) for choice in ("auto", "python", "kernel"))
    assert "Media is forwarded by: kernel" in _texts(auto, Level.OK)
    assert "Media is forwarded by: python" in _texts(python, Level.OK)
    monkeypatch.setattr(kernel, "_kernel", None)
    assert "install gcc and then this package again" in _texts(auto, Level.WARN)
    assert _texts(auto, Level.FAIL) == ""
    assert "relay.fanout asks for the kernel, but it was not built" in _texts(wanted, Level.FAIL)


def test_several_coordinators_with_a_relay_each_are_warned_about(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    assert "relay.spawn" not in _texts(settings, Level.WARN)
    several = settings.model_copy(
        update={"store": settings.store.model_copy(update={"redis_url": "redis://10.0.0.1"})}
    )
    assert "set relay.spawn = false" in _texts(several, Level.WARN)
