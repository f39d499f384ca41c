"""Folder, address and certificate of a coordinator: taken once, refused naming the setting."""

from __future__ import annotations

import asyncio
import gc
import socket
from pathlib import Path

import pytest

from sync_classroom import machine
from sync_classroom.domain.problems import ProblemError
from sync_classroom.machine import (
    NEW_OBJECTS,
    keep_running,
    known_id,
    listen,
    load_tls,
    own_folder,
    own_url,
    rare_collections,
)


def test_a_folder_keeps_its_coordinators_id_over_restarts(tmp_path: Path) -> None:
    with own_folder(tmp_path / "var") as first:
        assert len(first) == 16
        with pytest.raises(ProblemError) as caught, own_folder(tmp_path / "var"):
            pass
        assert (caught.value.code, caught.value.field) == ("data_dir_in_use", "server.data_dir")
    with own_folder(tmp_path / "var") as second:
        assert second == first


def test_the_id_of_a_folder_is_known_without_taking_it(tmp_path: Path) -> None:
    assert known_id(tmp_path / "var") == ""
    with own_folder(tmp_path / "var") as taken:
        assert known_id(tmp_path / "var") == taken


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("", encoding="ascii")
    with pytest.raises(ProblemError) as caught, own_folder(tmp_path / "var"):
        pass
    assert caught.value.code == "data_dir_unusable"


def test_a_port_in_use_is_refused_naming_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ProblemError) as caught, listen("127.0.0.1", port):
            pass
        assert (caught.value.code, caught.value.value) == ("listen_failed", f"127.0.0.1:{port}")
    with listen("127.0.0.1", port) as listener:
        assert listener.getsockname()[1] == port


def test_a_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("no certificate", encoding="ascii")
    with pytest.raises(ProblemError) as caught:
        load_tls(tmp_path / "c.pem", tmp_path / "c.pem")
    assert caught.value.code == "tls_unusable"


def test_the_collector_rests_while_served_and_is_then_as_it_was() -> None:
    before = gc.get_threshold()
    with rare_collections():
        assert gc.get_threshold() == (NEW_OBJECTS, *before[1:])
    assert gc.get_threshold() == before


@pytest.mark.asyncio
async def test_a_task_that_fails_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "AGAIN_S", 0.0)
    starts, done = 0, asyncio.Event()

    async def fails_twice() -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise RuntimeError("away")
        done.set()

    async with keep_running({"one": fails_twice}):
        await done.wait()
    assert starts == 3


def test_what_listens_everywhere_is_reached_by_name() -> None:
    assert own_url("0.0.0.0", 80, False) == "http://localhost"
    assert own_url("192.0.2.7", 8443, True) == "https://192.0.2.7:8443"
