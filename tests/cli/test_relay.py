"""`relay` alone: open mode, its addresses, its refusals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.processes import Server, wait_for_http
from tests.support.waiting import PATIENCE_S


def test_relay_alone_serves_whip_and_whep_in_open_mode(tmp_path: Path) -> None:
    http, media = free_port(), free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_classroom.cli", "relay", "--open", "--http",
         f"127.0.0.1:{http}", "--media", f"127.0.0.1:{media}"],
        env=os.environ | {"SYNC_CLASSROOM_SERVER__DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_for_http(f"http://127.0.0.1:{http}/healthz", alive=lambda: process.poll() is None)
        request = urllib.request.Request(f"http://127.0.0.1:{http}/whip/any", method="OPTIONS")
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            assert response.headers["Accept-Post"] == "application/sdp"
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE_S)
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
