"""`serve` and `relay` as processes: start, say where they are, refuse with a sentence, stop."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.support.processes import Server, running_server, wait_for_http
from tests.support.waiting import PATIENCE_S


def test_first_start_prints_a_set_up_link_that_works_once(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        server.start()
        link = server.said(r"http://\S+/setup\?token=\S+")
        with urllib.request.urlopen(link.group(), timeout=PATIENCE_S) as response:
            assert response.status == 200
            assert "<form" in response.read().decode()


def test_serving_cameras_over_http_to_others_is_warned_about(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.environment["SYNC_CLASSROOM_SERVER__LISTEN"] = f"0.0.0.0:{server.port}"
    try:
        server.start()
        assert "sync-classroom tls" in server.log.read_text("utf-8")
    finally:
        server.stop()


def test_a_taken_port_is_refused_by_the_setting_that_changes_it(tmp_path: Path) -> None:
    server = Server(tmp_path)
    with socket.create_server(("127.0.0.1", server.port)):
        text = server.command("serve", check=False)
    assert str(server.port) in text
    assert "server.listen" in text


def test_a_taken_media_port_is_refused_by_its_setting(tmp_path: Path) -> None:
    server = Server(tmp_path)
    host, _, port = server.environment["SYNC_CLASSROOM_RELAY__MEDIA"].rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((host, int(port)))
        text = server.command("serve", check=False)
    assert port in text
    assert "relay.media" in text


def test_a_made_certificate_serves_pages_and_relay_over_https(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        said = server.command("tls", "--name", "class.example")
        authority = tmp_path / "data/tls/ca.pem"
        assert str(authority) in said.replace("\n", "")
        server.start(authority)
        trusting = ssl.create_default_context(cafile=str(authority))
        for url in (f"{server.url}/terminal", f"{server.relay_url}/healthz"):
            with urllib.request.urlopen(url, timeout=PATIENCE_S, context=trusting) as response:
                assert response.status == 200
        with urllib.request.urlopen(f"{server.url}/terminal", context=trusting) as response:
            assert server.relay_url in response.headers["Content-Security-Policy"]
        assert "sync-classroom tls" not in server.log.read_text("utf-8")


def test_an_unknown_setting_stops_the_start(tmp_path: Path) -> None:
    server = Server(tmp_path, SYNC_CLASSROOM_SERVER__LISSTEN="x")
    text = server.command("serve", check=False)
    assert "SYNC_CLASSROOM_SERVER__LISSTEN" in text
    assert "Traceback" not in text


def test_the_log_level_is_that_of_the_settings(tmp_path: Path) -> None:
    for level, seen in (("info", True), ("warning", False)):
        with running_server(tmp_path / level, SYNC_CLASSROOM_LOG__LEVEL=level) as server:
            server.folder.mkdir()
            server.start()
            server.said(r"✔ http://")
            assert ("serve.ready" in server.stop_and_read()) is seen


def test_relay_of_its_own_unit_is_adopted_and_left_alone(tmp_path: Path) -> None:
    """As the systemd units and the compose file start the two."""
    server = Server(tmp_path, SYNC_CLASSROOM_RELAY__SPAWN="false")
    with (tmp_path / "relay.log").open("wb") as output:
        relay = subprocess.Popen(
            [sys.executable, "-m", "sync_classroom.cli", "relay"],
            env=server.environment, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        wait_for_http(f"{server.relay_url}/healthz", alive=lambda: relay.poll() is None)
        server.start()
        assert server.relay_pid() == relay.pid
        assert "answers at" in server.command("doctor", check=False)
        # Asked to stop the relay too, it stops its own only, and this one is not.
        server.stop_coordinator()
        assert "relay_adopted" in server.log.read_text("utf-8")
        assert relay.poll() is None
    finally:
        relay.send_signal(signal.SIGTERM)
        assert relay.wait(PATIENCE_S) == 0
        server.stop()
