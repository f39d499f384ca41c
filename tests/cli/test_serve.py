"""`serve` and `relay` as processes: start, say where they are, refuse with a sentence, stop."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.processes import Server, free_port, running_server, wait_for_http


def test_first_start_prints_a_set_up_link_that_works_once(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        server.start()
        link = re.search(r"http://\S+/setup\?token=\S+", server.log.read_text("utf-8"))
        assert link
        with urllib.request.urlopen(link.group(), timeout=10) as response:
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


def test_an_unknown_setting_stops_the_start(tmp_path: Path) -> None:
    server = Server(tmp_path, SYNC_CLASSROOM_SERVER__LISSTEN="x")
    text = server.command("serve", check=False)
    assert "SYNC_CLASSROOM_SERVER__LISSTEN" in text
    assert "Traceback" not in text


def test_relay_alone_serves_whip_and_whep_in_open_mode(tmp_path: Path) -> None:
    http, media = free_port(), free_port(socket.SOCK_DGRAM)
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_classroom.cli", "relay", "--open", "--http",
         f"127.0.0.1:{http}", "--media", f"127.0.0.1:{media}"],
        env=os.environ | {"SYNC_CLASSROOM_SERVER__DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_for_http(f"http://127.0.0.1:{http}/healthz", alive=lambda: process.poll() is None)
        request = urllib.request.Request(f"http://127.0.0.1:{http}/whip/any", method="OPTIONS")
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.headers["Accept-Post"] == "application/sdp"
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    assert f"http://127.0.0.1:{http}/whip/ROOM" in output.decode()


def test_open_mode_on_a_public_address_needs_i_know(tmp_path: Path) -> None:
    server = Server(tmp_path)
    text = server.command("relay", "--open", "--http", "0.0.0.0:0", check=False)
    assert "--i-know" in text


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:99999", ":80"])
def test_a_bad_address_on_the_command_line_is_named(tmp_path: Path, address: str) -> None:
    text = Server(tmp_path).command("relay", "--open", "--http", address, check=False)
    assert f"'{address}' is not ADDRESS:PORT" in text
