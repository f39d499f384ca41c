"""Every file of deploy/ as far as a machine without Docker or Windows can check it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from aioice.stun import TransactionFailed
from aioice.turn import create_turn_endpoint

from sync_classroom.config import ENV_PREFIX, Settings
from sync_classroom.domain.turn import Turn
from tests.support.coturn import SECRET, coturn
from tests.support.programs import program
from tests.support.waiting import PATIENCE_S

DEPLOY = Path(__file__).parent.parent.parent / "deploy"


def _setting_names() -> set[str]:
    return {
        f"{ENV_PREFIX}{table}__{key}".upper()
        for table, field in Settings.model_fields.items()
        for key in getattr(field.annotation, "model_fields", {})
    } | {f"{ENV_PREFIX}CONFIG"}


@pytest.mark.parametrize("name", ["sync-classroom.conf", "school-cache.conf"])
def test_nginx_accepts_the_configuration(name: str, tmp_path: Path) -> None:
    nginx = program("nginx")
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=class.example", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    site = (DEPLOY / "nginx" / name).read_text("utf-8")
    for place, instead in (
        ("/etc/sync-classroom/tls", str(tmp_path)),
        ("/etc/ssl/certs/ca-certificates.crt", str(certificate)),
        ("/var/cache/sync-classroom", f"{tmp_path}/kept"),
        # It is looked up as the file is read, and nobody has that name.
        ("proxy_pass https://class.example", "proxy_pass https://127.0.0.1"),
    ):
        site = site.replace(place, instead)
    (tmp_path / "site.conf").write_text(site, encoding="utf-8")
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{ access_log off; include {tmp_path}/site.conf; }}\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [nginx, "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("unit", ["sync-classroom.service", "sync-classroom-relay.service"])
def test_systemd_accepts_the_unit(unit: str, tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text("utf-8")
        # The program lives where an installation puts it; here any executable stands in its place.
        text = text.replace("/opt/sync-classroom/bin/sync-classroom", "/bin/true")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", tmp_path / unit],
        capture_output=True, text=True, check=False,
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert unit not in done.stderr, done.stderr


def test_compose_file_names_only_known_settings_and_files() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    assert set(compose["services"]) == {
        "postgres",
        "relay",
        "coordinator",
        "coturn",
        "nginx",
    }
    for service in compose["services"].values():
        for name in service.get("environment", {}):
            assert not name.startswith(ENV_PREFIX) or name in _setting_names(), name
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./"):
                assert (DEPLOY / source).exists(), source
            elif not source.startswith("$"):
                assert source in compose["volumes"], source


@pytest.mark.asyncio
async def test_coturn_takes_every_line_of_its_configuration(tmp_path: Path) -> None:
    async with coturn(tmp_path) as server:
        log = server.log.read_text("utf-8")
    assert "Bad configuration" not in log
    assert "Unknown" not in log
    assert re.findall("WARNING: (?!allow_loopback|I cannot support STUN CHANGE).*", log) == []


@pytest.mark.asyncio
async def test_coturn_relays_to_the_relay_and_to_nobody_else(tmp_path: Path) -> None:
    """A password that was stolen opens no way into anybody's network."""
    async with coturn(tmp_path) as server:
        name, password = Turn(("turn:x",), SECRET).credentials(
            "thief", datetime.now(UTC) + timedelta(minutes=1)
        )
        transport, _ = await create_turn_endpoint(
            asyncio.DatagramProtocol, ("127.0.0.1", server.port), name, password
        )
        bind = transport._TurnTransport__inner_protocol.channel_bind  # type: ignore[attr-defined]
        await bind(0x4000, ("127.0.0.1", 7700))
        for number, peer in enumerate(("10.0.0.1", "169.254.169.254", "192.168.1.1"), 0x4001):
            with pytest.raises(TransactionFailed) as refused:
                await bind(number, (peer, 80))
            assert refused.value.response.attributes["ERROR-CODE"][0] == 403
        transport.close()


COMPOSE_NEEDS = {
    "HOST_IP": "192.0.2.10",
    "POSTGRES_PASSWORD": "x",
    "PUBLIC_NAME": "class.example",
    "TLS_DIR": "/etc/ssl",
}


def _compose(file: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What Docker Compose makes of a file, as JSON or YAML; it needs no Docker for that."""
    return subprocess.run(
        [program("docker-compose"), "-f", file, "config"], capture_output=True, text=True,
        check=False, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
    )  # fmt: skip


@pytest.fixture
def compose_file(tmp_path: Path) -> Path:
    """compose.yaml as the Compose that is here can read it: before 2 it knew no project name."""
    version = subprocess.run(
        [program("docker-compose"), "version", "--short"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    if version.lstrip("v").startswith("1."):
        text = re.sub(r"(?m)^name: .*$", "", text)
    folder = tmp_path / "deploy"
    folder.mkdir()
    (folder / "compose.yaml").write_text(text, "utf-8")
    return folder / "compose.yaml"


def test_compose_accepts_the_file_and_runs_relay_and_coordinator_apart(compose_file: Path) -> None:
    done = _compose(compose_file, **COMPOSE_NEEDS)
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    told = {name: services[name]["environment"] for name in ("relay", "coordinator")}
    assert services["relay"]["command"] == ["sync-classroom", "relay"]
    for environment in told.values():
        assert environment[f"{ENV_PREFIX}RELAY__SPAWN"] == "false"
        assert environment[f"{ENV_PREFIX}RELAY__ADVERTISED"] == '["192.0.2.10"]'
    # What is said to both is read as settings, with lists as lists.
    for name, environment in told.items():
        done = subprocess.run(
            [sys.executable, "-c", "from sync_classroom.config import load_settings as load;"
             "print(load().relay.advertised)"],
            capture_output=True, text=True, check=False, cwd=compose_file.parent,
            env={"PATH": os.environ["PATH"], **environment},
        )  # fmt: skip
        assert done.stdout == "['192.0.2.10']\n", (name, done.stderr)


@pytest.mark.parametrize("missing", sorted(COMPOSE_NEEDS))
def test_compose_says_what_must_be_given(compose_file: Path, missing: str) -> None:
    done = _compose(compose_file, **{k: v for k, v in COMPOSE_NEEDS.items() if k != missing})
    assert done.returncode != 0
    said = re.search(rf"\$\{{{missing}:\?([^}}]+)\}}", compose_file.read_text("utf-8"))
    assert said is not None
    assert said.group(1) in done.stderr


def test_dockerfile_copies_what_exists_and_names_known_settings() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    root = DEPLOY.parent
    for line in re.findall(r"^COPY (?!--)(.+)$", text, re.M):
        *sources, _target = line.split()
        for source in sources:
            assert (root / source).exists(), source
    for name in re.findall(rf"\b({ENV_PREFIX}\w+)=", text):
        assert name in _setting_names(), name


def test_units_name_known_settings() -> None:
    for path in (DEPLOY / "systemd").iterdir():
        for name in re.findall(rf"\b({ENV_PREFIX}\w+)=", path.read_text("utf-8")):
            assert name in _setting_names(), (path.name, name)


def test_a_coordinator_beside_a_relay_of_its_own_does_not_start_another() -> None:
    name = f"{ENV_PREFIX}RELAY__SPAWN"
    unit = (DEPLOY / "systemd/sync-classroom.service").read_text("utf-8")
    assert f"Environment={name}=false" in unit
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    assert compose["services"]["coordinator"]["environment"][name] == "false"


def test_units_are_watched_and_say_when_they_are_ready() -> None:
    for path in (DEPLOY / "systemd").glob("*.service"):
        text = path.read_text("utf-8")
        assert re.search(r"^Type=notify$", text, re.M), path.name
        assert re.search(r"^WatchdogSec=\d+s$", text, re.M), path.name


@pytest.mark.parametrize("script", ["kiosk/terminal.sh", "setup.sh"])
def test_shell_scripts_parse(script: str) -> None:
    subprocess.run(["sh", "-n", DEPLOY / script], check=True)


def test_kiosk_script_starts_the_browser_on_the_terminal_page(tmp_path: Path) -> None:
    seen = tmp_path / "arguments"
    browser = tmp_path / "chromium"
    browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {seen}\n')
    browser.chmod(0o755)
    subprocess.run(
        ["sh", DEPLOY / "kiosk/terminal.sh", "https://class.example"],
        check=True, timeout=PATIENCE_S,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}
        | {"SYNC_CLASSROOM_ONCE": "1"},
    )  # fmt: skip
    arguments = seen.read_text().splitlines()
    assert arguments[-1] == "https://class.example/terminal"
    assert "--kiosk" in arguments
    assert "--autoplay-policy=no-user-gesture-required" in arguments


def test_kiosk_script_refuses_an_address_without_camera() -> None:
    done = subprocess.run(
        ["sh", DEPLOY / "kiosk/terminal.sh", "http://10.0.0.1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "http://10.0.0.1 is not https" in done.stderr


def test_windows_script_is_balanced_and_opens_the_terminal_page() -> None:
    """All that can be said here: PowerShell's own parser needs .NET, which Debian does not have."""
    text = (DEPLOY / "kiosk/terminal.ps1").read_text("utf-8")
    bare = re.sub(r"'[^']*'|\"(?:`.|[^\"`])*\"|#.*", "", text)
    for opening, closing in ("()", "{}", "[]"):
        assert bare.count(opening) == bare.count(closing), opening
    assert '"$Server/terminal"' in text
