"""Refusals to listen name the setting that changes them."""

from __future__ import annotations

import errno
import os
import resource
import socket
import stat
from pathlib import Path

import pytest

from sync_classroom.domain.problems import ProblemError
from sync_classroom.relay.listening import (
    WANTED_DESCRIPTORS,
    bind_private,
    check_control,
    check_open_address,
    load_tls,
    not_listening,
    raise_descriptor_limit,
)
from sync_classroom.relay.settings import Listen, RelaySettings


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "localhost", "10.1.2.3", "192.168.7.1", "172.16.0.1", "fd00::1"]
)
def test_open_mode_is_for_private_addresses(host: str) -> None:
    check_open_address(Listen(host, 8090))


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "8.8.8.8", "2400:3200::1", "relay.example", "172.32.0.1"]
)
def test_open_mode_is_refused_elsewhere(host: str) -> None:
    with pytest.raises(ProblemError) as caught:
        check_open_address(Listen(host, 8090))
    problem = caught.value
    assert (problem.code, problem.field, problem.value) == ("open_public", "relay.http", host)
    assert "--i-know" in problem.en
    assert "--i-know" in problem.zh


def test_control_needs_a_secret_and_tls_unless_on_loopback() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        check_control(Listen(host, 0), "s" * 16, tls=False)
    for host in ("0.0.0.0", "10.0.0.1", "relay.example"):
        check_control(Listen(host, 0), "s" * 16, tls=True)
    for host, secret, tls in (
        ("0.0.0.0", "s" * 16, False),
        ("10.0.0.1", "s" * 16, False),
        ("relay.example", "s" * 16, False),
        ("127.0.0.1", "s" * 15, False),
        ("10.0.0.1", "s" * 15, True),
    ):
        with pytest.raises(ProblemError) as caught:
            check_control(Listen(host, 0), secret, tls=tls)
        assert (caught.value.code, caught.value.value) == ("control_unsafe", host)
        assert secret not in caught.value.en + caught.value.zh


def test_the_control_socket_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "new" / "control.sock"
    before = os.umask(0o022)
    os.umask(before)
    with bind_private(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    after = os.umask(before)
    assert after == before


def test_a_dead_relays_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    bind_private(path).close()
    assert path.is_socket()
    with bind_private(path) as live:
        live.listen()
        with pytest.raises(ProblemError) as caught:
            bind_private(path)
        assert caught.value.code == "control_unusable"
        assert os.strerror(errno.EADDRINUSE) in caught.value.en
    path.unlink()
    path.write_text("a file of somebody")
    with pytest.raises(ProblemError):
        bind_private(path)
    assert path.read_text() == "a file of somebody"


def test_a_path_no_socket_can_have_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ProblemError) as caught:
        bind_private(tmp_path / ("x" * 108))
    assert (caught.value.code, caught.value.field) == ("control_path_long", "server.data_dir")


def test_a_certificate_that_cannot_be_used_is_a_problem(tmp_path: Path) -> None:
    assert load_tls(RelaySettings()) is None
    path = tmp_path / "cert.pem"
    for _ in range(2):
        with pytest.raises(ProblemError) as caught:
            load_tls(RelaySettings(tls_certificate=path))
        assert (caught.value.code, caught.value.field) == ("tls_unusable", "server.tls_certificate")
        path.write_text("rubbish")


def test_a_taken_port_names_its_setting() -> None:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        first.listen()
        with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is what is asked
            second.bind(first.getsockname())
    problem = not_listening("relay.http", Listen("127.0.0.1", 8090), caught.value)
    assert (problem.code, problem.field) == ("port_in_use", "relay.http")
    assert problem.value == "127.0.0.1:8090"
    assert "relay.http" in problem.zh
    other = not_listening("relay.media", Listen("192.0.2.1", 1), OSError(errno.EADDRNOTAVAIL, "no"))
    assert (other.code, other.field) == ("address_unusable", "relay.media")


def test_the_descriptor_limit_is_raised_and_never_lowered() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        raised = raise_descriptor_limit()
        assert raised == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert raised == min(before[1], WANTED_DESCRIPTORS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, before[1]))
        assert raise_descriptor_limit() == raised
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
