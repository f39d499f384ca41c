"""The local certificate authority: what it makes is accepted by a real TLS client."""

from __future__ import annotations

import datetime as dt
import re
import socket
import ssl
import threading
from pathlib import Path

import pytest

from sync_classroom.cli.tls import ensure_certificate, local_names
from tests.support.waiting import PATIENCE_S

from .conftest import Command

NOW = dt.datetime.now(dt.UTC)


def _handshake(folder: Path, server_name: str) -> None:
    """One real TLS handshake over a socket pair; raises if the client does not trust the server."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem", folder / "server.key")
    client = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    near, far = socket.socketpair()
    near.settimeout(PATIENCE_S)
    far.settimeout(PATIENCE_S)

    def serve() -> None:
        try:
            with server.wrap_socket(near, server_side=True) as stream:
                stream.recv(1)
        except (OSError, ssl.SSLError):
            near.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(far, server_hostname=server_name) as stream:
            stream.send(b"x")
    finally:
        far.close()
        thread.join(10)


def test_certificate_is_trusted_by_a_client_that_has_the_authority(tmp_path: Path) -> None:
    ensure_certificate(tmp_path, ["class.example", "127.0.0.1"], now=NOW)
    _handshake(tmp_path, "class.example")
    _handshake(tmp_path, "127.0.0.1")


def test_certificate_is_not_trusted_for_another_name(tmp_path: Path) -> None:
    ensure_certificate(tmp_path, ["class.example"], now=NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(tmp_path, "other.example")


def test_asking_again_changes_nothing(tmp_path: Path) -> None:
    ensure_certificate(tmp_path, ["class.example"], now=NOW)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    ensure_certificate(tmp_path, ["class.example"], now=NOW)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_new_name_is_added_and_no_old_one_lost(tmp_path: Path) -> None:
    ensure_certificate(tmp_path, ["class.example"], now=NOW)
    authority = (tmp_path / "ca.pem").read_bytes()
    made = ensure_certificate(tmp_path, ["10.1.2.3"], now=NOW)
    assert set(made.names) == {"class.example", "10.1.2.3"}
    assert (tmp_path / "ca.pem").read_bytes() == authority
    _handshake(tmp_path, "class.example")


def test_a_certificate_near_its_end_is_renewed(tmp_path: Path) -> None:
    first = ensure_certificate(tmp_path, ["class.example"], now=NOW)
    later = first.not_after - dt.timedelta(days=10)
    second = ensure_certificate(tmp_path, ["class.example"], now=later)
    assert second.not_after > first.not_after


def test_private_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    ensure_certificate(tmp_path, ["class.example"], now=NOW)
    assert {(tmp_path / n).stat().st_mode & 0o777 for n in ("ca.key", "server.key")} == {0o600}


def test_local_names_include_loopback() -> None:
    assert {"localhost", "127.0.0.1"} <= set(local_names())


def test_the_command_says_in_the_consoles_language_what_to_install(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {}
    for locale in ("C.UTF-8", "zh_CN.UTF-8"):
        monkeypatch.setenv("LC_ALL", locale)
        done = command("tls", "--name", "class.example")
        assert done.exit_code == 0, done.output
        said[locale[:2]] = done.output
    for text in said.values():
        assert str(tmp_path / "data/tls/ca.pem") in text
        assert str(tmp_path / "data/tls/ca.key") in text
        assert "class.example" in text
        assert "certutil -addstore Root ca.pem" in text
        assert "libnss3-tools" in text
    assert "请在每台终端上安装这一个文件" in said["zh"]
    assert not re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", said["zh"].replace("certutil", ""))
    assert "Install this one file on every terminal" in said["C."]
    assert not re.search(r"[一-鿿]", said["C."])
