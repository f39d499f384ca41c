"""The relay kept running: spawned, killed, adopted, outlived, replaced."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import ClientSession

from sync_classroom.coordinator import relay_process
from sync_classroom.coordinator.ports import RelayDownError, RoomSpec
from sync_classroom.coordinator.relay_client import RelayClient
from sync_classroom.coordinator.relay_process import RelayProcess, settings_digest
from sync_classroom.coordinator.tokens import TokenMinter
from sync_classroom.domain.problems import ProblemError
from sync_classroom.relay.settings import settings_to_json
from sync_classroom.relay.whip import SDP
from tests.support.relay_child import relay_child
from tests.support.relays import settings
from tests.support.sdp_offers import PUBLISH
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.asyncio


def told(folder: Path, **more: Any) -> dict[str, Any]:
    """Relay settings as the coordinator hands them over, with ports that stay the same."""
    values = settings_to_json(settings(folder, open_mode=True))
    return values | {"control": str(folder / "control.sock")} | more


class Keeper(RelayProcess):
    """A RelayProcess that remembers the boots it announced."""

    def __init__(self, values: dict[str, Any], folder: Path) -> None:
        super().__init__(values, on_boot=self._remember, log_file=folder / "relay.log")
        self.boots: list[str] = []

    async def _remember(self, boot: str) -> None:
        self.boots.append(boot)


@asynccontextmanager
async def kept(folder: Path, values: dict[str, Any] | None = None) -> AsyncIterator[Keeper]:
    """A relay that runs and is watched; ended whatever happens."""
    keeper = Keeper(values or told(folder), folder)
    await keeper.start()
    watching = asyncio.create_task(keeper.watch())
    try:
        yield keeper
    finally:
        await keeper.stop()
        await asyncio.wait({watching})


def running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def holds(process: psutil.Process, folder: Path) -> bool:
    files = process.info["open_files"] or []
    return process.pid != os.getpid() and any(str(folder) in file.path for file in files)


def pid_of(keeper: RelayProcess) -> int:
    assert keeper.identity is not None
    return keeper.identity.pid


async def publish(keeper: RelayProcess) -> None:
    assert keeper.identity is not None
    url = f"http://127.0.0.1:{keeper.identity.http_port}/whip/lesson-1"
    async with (
        ClientSession() as http,
        http.post(url, data=PUBLISH, headers={"Content-Type": SDP}) as response,
    ):
        assert response.status == 201


async def test_a_spawned_relay_serves_and_stops(tmp_path: Path) -> None:
    async with kept(tmp_path) as keeper:
        assert keeper.identity is not None
        assert keeper.boots == [keeper.identity.boot]
        assert (await keeper.client.status()).boot == keeper.identity.boot
        pid = pid_of(keeper)
        assert os.getsid(pid) == pid != os.getsid(0)  # a Ctrl-C of ours is not its
    assert not running(pid)
    assert not (tmp_path / "control.sock").exists()


async def test_secrets_are_not_on_the_command_line(tmp_path: Path) -> None:
    keys = TokenMinter(tmp_path / "tokens.json").public_keys()
    async with kept(tmp_path, told(tmp_path, keys=keys, open_mode=False)) as keeper:
        process = psutil.Process(pid_of(keeper))
        assert process.cmdline()[1:] == ["-m", "sync_classroom.relay.server"]
        assert keys[0]["x"] not in " ".join(process.environ().values())


async def test_a_killed_relay_is_back_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but its start takes time: whatever else could be waited for lasts an hour."""
    monkeypatch.setattr(relay_process, "PULSE_S", 3600.0)
    monkeypatch.setattr(relay_process, "DEATH_POLL_S", 3600.0)
    monkeypatch.setattr(relay_process, "BACKOFF_S", (*relay_process.BACKOFF_S[:2], 3600.0))
    assert sum(relay_process.BACKOFF_S[:2]) < 0.5
    async with kept(tmp_path) as keeper:
        first = pid_of(keeper)
        for boots in (2, 3):
            os.kill(pid_of(keeper), signal.SIGKILL)
            await until(lambda boots=boots: len(keeper.boots) == boots)
        assert len(set(keeper.boots)) == 3
        assert pid_of(keeper) != first
        await publish(keeper)


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same decisions, a tenth of the time."""
    for name in ("PULSE_S", "ANSWER_S", "SILENT_S"):
        monkeypatch.setattr(relay_process, name, getattr(relay_process, name) / 10)


async def test_a_relay_that_hangs_is_killed_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with kept(tmp_path) as keeper:
        first = pid_of(keeper)
        with monkeypatch.context() as hurried:
            hurry(hurried)
            began = time.monotonic()
            os.kill(first, signal.SIGSTOP)  # alive, and its sockets still take connections
            await until(lambda: not running(first))
            assert time.monotonic() - began >= relay_process.SILENT_S
        await until(lambda: len(keeper.boots) == 2)  # with all its time to answer
        assert pid_of(keeper) != first
        await publish(keeper)


async def test_a_relay_that_hangs_only_for_a_moment_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_process, "PULSE_S", 0.02)
    monkeypatch.setattr(relay_process, "ANSWER_S", 0.05)
    async with kept(tmp_path) as keeper:
        asked: list[bool] = []
        look = keeper._look

        async def counted() -> bool:
            asked.append(False)
            idle = await look()
            asked[-1] = True
            return idle

        monkeypatch.setattr(keeper, "_look", counted)
        os.kill(pid_of(keeper), signal.SIGSTOP)
        await until(lambda: asked[-4:] == [False] * 4)
        monkeypatch.setattr(relay_process, "ANSWER_S", PATIENCE_S)
        os.kill(pid_of(keeper), signal.SIGCONT)
        await until(lambda: asked[-2:] == [True] * 2)
        assert len(keeper.boots) == 1
        assert running(pid_of(keeper))


@pytest.mark.parametrize("then", ["start", "stop"])
async def test_a_relay_that_hung_while_nobody_watched_does_not_stand_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    monkeypatch.setattr(relay_process, "SILENT_S", 0.2)
    first = Keeper(told(tmp_path), tmp_path)
    await first.start()
    pid = pid_of(first)
    await first.close()
    os.kill(pid, signal.SIGSTOP)
    second = Keeper(told(tmp_path), tmp_path)
    second.client = RelayClient(tmp_path / "control.sock", timeout_s=0.2)
    if then == "start":
        await second.start()
        assert pid_of(second) != pid
    await second.stop()
    assert not running(pid)


async def test_stopping_while_the_relay_comes_back_ends_it(tmp_path: Path) -> None:
    for noticed in (False, True):
        keeper = Keeper(told(tmp_path), tmp_path)
        await keeper.start()
        watching = asyncio.create_task(keeper.watch())
        os.kill(pid_of(keeper), signal.SIGKILL)
        if noticed:  # the next one is being spawned
            await until(lambda keeper=keeper: keeper._changing.locked())
        await keeper.stop()
        async with asyncio.timeout(PATIENCE_S):
            await watching
        with pytest.raises(RelayDownError):
            await keeper.client.identity()
        await keeper.client.close()
        assert not [p for p in psutil.process_iter(["open_files"]) if holds(p, tmp_path)]


async def test_a_relay_outlives_its_coordinator_and_is_adopted(tmp_path: Path) -> None:
    values = told(tmp_path)

    def coordinator() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.coordinator_child", json.dumps(values)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    seen = []
    for how in ("kill", "end", "terminal"):
        child = coordinator()
        assert child.stdout is not None
        assert child.stdin is not None
        seen.append(json.loads(await asyncio.to_thread(child.stdout.readline)))
        if how == "kill":
            child.kill()
        elif how == "terminal":
            child.send_signal(signal.SIGINT)
        child.stdin.close()
        child.wait()
        child.stdout.close()
    assert seen[0] == seen[1] == seen[2]
    pid = seen[0]["pid"]
    assert running(pid)
    async with kept(tmp_path, values) as keeper:
        assert keeper.boots == [seen[0]["boot"]]
        os.kill(pid, signal.SIGKILL)  # not our child, and watched all the same
        await until(lambda: len(keeper.boots) == 2)
        assert pid_of(keeper) != pid


async def test_adopting_hands_over_the_keys(tmp_path: Path) -> None:
    first = Keeper(told(tmp_path, open_mode=False), tmp_path)
    await first.start()
    await first.close()
    keys = TokenMinter(tmp_path / "tokens.json").public_keys()
    values = told(tmp_path, open_mode=False, keys=keys)
    assert settings_digest(values) == settings_digest(told(tmp_path, open_mode=False))
    async with kept(tmp_path, values) as keeper:
        assert keeper.boots == first.boots
        token = TokenMinter(tmp_path / "tokens.json").publish(
            "lesson-1", "host", "camera", makes_room=True, **_span()
        )
        assert keeper.identity is not None
        url = f"http://127.0.0.1:{keeper.identity.http_port}/whip/lesson-1"
        headers = {"Content-Type": SDP, "Authorization": f"Bearer {token}"}
        async with (
            ClientSession() as http,
            http.post(url, data=PUBLISH, headers=headers) as response,
        ):
            assert response.status == 201


def _span() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"not_before": now, "expires": now + timedelta(hours=1)}


async def test_a_relay_that_runs_by_itself_is_not_replaced_but_named(tmp_path: Path) -> None:
    with relay_child(settings(tmp_path, open_mode=True)) as child:
        keeper = Keeper(told(tmp_path), tmp_path)
        with pytest.raises(ProblemError) as caught:
            await keeper.start()
        assert (caught.value.code, caught.value.value) == ("relay_others", child.process.pid)
        assert "relay.spawn = false" in caught.value.en
        assert running(child.process.pid)
        await keeper.close()


async def test_an_idle_relay_of_other_settings_is_replaced_at_once(tmp_path: Path) -> None:
    first = Keeper(told(tmp_path), tmp_path)
    await first.start()
    pid = pid_of(first)
    await first.close()
    async with kept(tmp_path, told(tmp_path, max_sessions=7)) as keeper:
        assert keeper.boots != first.boots
        assert not running(pid)


async def test_a_busy_relay_of_other_settings_is_replaced_when_it_is_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_process, "PULSE_S", 0.05)
    first = Keeper(told(tmp_path), tmp_path)
    await first.start()
    await publish(first)
    await first.close()
    async with kept(tmp_path, told(tmp_path, max_sessions=7)) as keeper:
        assert keeper.boots == first.boots
        identity = await keeper.client.identity()
        assert (identity.draining, identity.sessions) == (False, 1)
        await keeper.client.put_room(RoomSpec("lesson-2"))  # lessons go on beginning on it
        await keeper.client.kick("lesson-1", "host")
        await until(lambda: len(keeper.boots) == 2)
        identity = await keeper.client.identity()
        assert (identity.draining, identity.boot) == (False, keeper.boots[1])


async def test_a_drained_relay_is_started_again_and_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_process, "PULSE_S", 0.05)
    deaths = relay_process.RESPAWNS._value.get()
    async with kept(tmp_path) as keeper:
        await publish(keeper)
        await keeper.client.drain()
        assert (await keeper.client.identity()).draining
        with pytest.raises(RelayDownError, match="relay_draining"):
            await keeper.client.put_room(RoomSpec("lesson-2"))
        await keeper.client.kick("lesson-1", "host")
        await until(lambda: len(keeper.boots) == 2)
        assert not (await keeper.client.identity()).draining
        await keeper.client.put_room(RoomSpec("lesson-2"))
        assert '"relay_drained"' in relay_log(tmp_path)
    assert relay_process.RESPAWNS._value.get() == deaths


async def test_a_relay_we_start_does_not_speak_to_our_service_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    async with kept(tmp_path) as keeper:
        environment = psutil.Process(pid_of(keeper)).environ()
        assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & environment.keys()
        assert environment["PATH"] == os.environ["PATH"]


async def test_a_relay_that_cannot_start_says_why(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        values = told(tmp_path, http={"host": "127.0.0.1", "port": port})
        with pytest.raises(ProblemError) as caught:
            await Keeper(values, tmp_path).start()
    problem = caught.value
    assert (problem.code, problem.field) == ("port_in_use", "relay.http")
    assert problem.zh


async def test_a_relay_that_dies_without_a_word_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ProblemError) as caught:
        await Keeper(told(tmp_path, medai=5), tmp_path).start()
    assert (caught.value.code, caught.value.value) == ("relay_not_started", 2)
    for sentence in (caught.value.zh, caught.value.en):
        assert str(tmp_path / "relay.log") in sentence
        assert "relay.stderr" in sentence
    assert "medai" in (tmp_path / "relay.log").read_text("utf-8")


async def test_respawning_backs_off_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_process, "BACKOFF_S", (0.0, 0.01))
    values = told(tmp_path)
    async with kept(tmp_path, values) as keeper:
        assert keeper.identity is not None
        port = keeper.identity.http_port
        # From now on it wants that very port, and somebody else takes it in between.
        keeper._settings["http"] = {"host": "127.0.0.1", "port": port}
        os.kill(pid_of(keeper), signal.SIGKILL)
        taken = await take(port)
        with closing(taken):
            await until(lambda: relay_log(tmp_path).count("port_in_use") >= 2)
        await until(lambda: len(keeper.boots) == 2)


def relay_log(folder: Path) -> str:
    return (folder / "relay.log").read_text("utf-8")


async def take(port: int) -> socket.socket:
    def server() -> socket.socket | None:
        with suppress(OSError):
            return socket.create_server(("127.0.0.1", port))
        return None

    taken: socket.socket = await until(server)
    return taken


async def test_a_boot_callback_that_fails_does_not_end_the_watch(tmp_path: Path) -> None:
    boots = []

    async def fail(boot: str) -> None:
        boots.append(boot)
        raise KeyError(boot)

    keeper = RelayProcess(told(tmp_path), on_boot=fail, log_file=tmp_path / "relay.log")
    await keeper.start()
    watching = asyncio.create_task(keeper.watch())
    os.kill(pid_of(keeper), signal.SIGKILL)
    await until(lambda: len(boots) == 2)
    await keeper.stop()
    await asyncio.wait({watching})
    with pytest.raises(RelayDownError):
        await keeper.client.status()
    await keeper.client.close()
