"""The whole coordinator with its real relay: started, killed, restarted, stopped."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from sync_classroom.app import Ready, ServeSettings, serve
from sync_classroom.cli.tls import ensure_certificate
from sync_classroom.coordinator.relay_client import RelayClient
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.relay.settings import Listen, RelaySettings
from sync_classroom.simulator.recording import Recording, load_recording, make_recording
from sync_classroom.simulator.swarm import Administrator, open_http
from sync_classroom.simulator.terminal import VirtualTerminal
from sync_classroom.store.database import open_store
from tests.support.coordination import roster
from tests.support.databases import Valkey, file_store
from tests.support.ports import free_port
from tests.support.relay_child import relay_child
from tests.support.serve_child import Server, settings_of, start_server
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.asyncio

PASSWORD = "a good long password"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    path = tmp_path_factory.mktemp("lesson") / "lesson.mkv"
    make_recording(path, seconds=4, width=320, height=180, fps=15, bitrate_kbps=200)
    return load_recording(path)


@asynccontextmanager
async def serving(settings: ServeSettings) -> AsyncIterator[Ready]:
    """`serve` in this loop, stopped cleanly at the end."""
    stop = asyncio.Event()
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(settings, ready=ready.set_result, stop=stop))
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield ready.result()
    finally:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)
    await task


async def problem_of(settings: ServeSettings) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        async with serving(settings):
            pass
    return caught.value


def quiet(folder: Path, **more: Any) -> ServeSettings:
    """Loopback, ports of the system's choice, a relay that ends with the coordinator."""
    return replace(settings_of({"data_dir": str(folder), "stop_relay": True}), **more)


# ---------------------------------------------------------------- what a person can put right


async def test_port_already_taken_names_the_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        problem = await problem_of(quiet(tmp_path, port=taken.getsockname()[1]))
    assert (problem.code, problem.field) == ("listen_failed", "server.listen")
    assert "server.listen" in problem.zh


async def test_address_of_another_machine_names_the_setting(tmp_path: Path) -> None:
    problem = await problem_of(quiet(tmp_path, host="192.0.2.1"))
    assert (problem.code, problem.value) == ("listen_failed", "192.0.2.1:0")


async def test_relay_port_already_taken_names_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        relay = RelaySettings(
            media=Listen("127.0.0.1", 0), http=Listen("127.0.0.1", taken.getsockname()[1])
        )
        problem = await problem_of(quiet(tmp_path, relay=relay))
    assert problem.field is not None
    assert "http" in problem.field


async def test_data_folder_that_is_a_file_names_the_setting(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    problem = await problem_of(quiet(file))
    assert (problem.code, problem.field) == ("data_dir_unusable", "server.data_dir")


async def test_certificate_that_is_none_names_the_setting(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("not a certificate")
    problem = await problem_of(quiet(tmp_path, tls=(wrong, wrong)))
    assert (problem.code, problem.field) == ("tls_unusable", "server.tls_certificate")
    problem = await problem_of(quiet(tmp_path, tls=(tmp_path / "none.pem", wrong)))
    assert problem.code == "tls_unusable"


async def test_database_url_that_is_none_names_the_setting(tmp_path: Path) -> None:
    problem = await problem_of(quiet(tmp_path, database_url="mysql://x/y"))
    assert problem.code == "database_url"


async def test_two_coordinators_never_share_a_folder(tmp_path: Path) -> None:
    async with serving(quiet(tmp_path)):
        problem = await problem_of(quiet(tmp_path))
    assert (problem.code, problem.field) == ("data_dir_in_use", "server.data_dir")
    async with serving(quiet(tmp_path)):
        pass  # and the folder is free again


# ---------------------------------------------------------------- start and stop


async def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "60000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        async with serving(quiet(tmp_path / "data")):
            said = [await asyncio.to_thread(manager.recv, 200) for _ in range(2)]
        said.append(manager.recv(200))
    assert said == [b"READY=1", b"WATCHDOG=1\nSTATUS=serving", b"STOPPING=1"]


async def test_serves_pages_api_and_relay_and_shows_the_way_in_once(tmp_path: Path) -> None:
    async with serving(quiet(tmp_path)) as ready, open_http(ready.url) as http:
        for path, status in (("/healthz", 200), ("/readyz", 200), ("/terminal", 200)):
            async with http.get(ready.url + path) as answer:
                assert (path, answer.status) == (path, status)
        async with http.get(ready.relay_url + "/healthz") as answer:
            assert answer.status == 200
        assert ready.setup_url is not None
        token = ready.setup_url.rpartition("=")[2]
        admin = Administrator(http, ready.url)
        body = {"token": token, "login": "admin", "name": "管理员", "password": PASSWORD}
        await admin.post("/api/setup", body)
        assert ready.services.lessons is not None
    async with serving(quiet(tmp_path)) as again:
        assert again.setup_url is None
        await until(lambda: again.services.runner.sweeps > 0)


async def test_tls_of_the_settings_is_served(tmp_path: Path) -> None:
    names = ["localhost", "127.0.0.1"]
    made = ensure_certificate(tmp_path / "tls", names, now=datetime.now(UTC))
    settings = quiet(tmp_path, tls=(made.certificate, made.key))
    async with serving(settings) as ready, aiohttp.ClientSession() as http:
        assert ready.url.startswith("https://127.0.0.1:")
        async with http.get(f"{ready.url}/healthz", ssl=False) as answer:
            assert answer.status == 200
        assert ready.services.settings.secure


async def test_clean_stop_says_bye_and_leaves_the_relay_running(tmp_path: Path) -> None:
    port = free_port()
    settings = quiet(tmp_path, stop_relay=False, port=port)
    control = RelayClient(tmp_path / "relay" / "control.sock")
    try:
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(open_http(f"http://127.0.0.1:{port}"))
            async with serving(settings) as ready:
                admin = await first_admin(http, ready.url, ready.setup_url)
                await ready.services.roster.apply(roster())
                token = await admin.enrol("far-1-r1", "test")
                ws_url = f"{ready.url}/ws/terminal"
                ws = await stack.enter_async_context(http.ws_connect(ws_url))
                hello = {"type": "hello", "token": token, "version": "t", "boot": "b"}
                await ws.send_json(hello)
                assert (await ws.receive_json())["type"] == "welcome"
                before = await control.identity()
            told = [json.loads(m.data) async for m in ws if m.type is aiohttp.WSMsgType.TEXT]
            assert told[-1] == {"type": "bye", "reason": "restart"}
        assert (await control.identity()).boot == before.boot
        async with serving(settings):
            assert (await control.identity()).pid == before.pid  # adopted, not started again
        async with serving(quiet(tmp_path)):
            pass
        assert not _alive(before.pid)
    finally:
        await control.close()


# ---------------------------------------------------------------- a lesson on the real relay


async def first_admin(http: aiohttp.ClientSession, url: str, setup: str | None) -> Administrator:
    assert setup is not None
    admin = Administrator(http, url)
    token = setup.rpartition("=")[2]
    body = {"token": token, "login": "admin", "name": "管理员", "password": PASSWORD}
    await admin.post("/api/setup", body)
    return await Administrator.sign_in(http, url, "admin", PASSWORD)


@dataclass
class School:
    """A running installation with one lesson that began just now, and its virtual classrooms."""

    settings: dict[str, Any]
    server: Server
    http: aiohttp.ClientSession
    admin: Administrator
    lesson: str
    host: VirtualTerminal
    rooms: list[VirtualTerminal]
    control: RelayClient

    @property
    def url(self) -> str:
        url: str = self.server.told["url"]
        return url

    async def restart(self) -> None:
        """`serve` again, as systemd would after a crash."""
        self.server = await asyncio.to_thread(start_server, self.settings)

    async def read(self) -> dict[str, Any]:
        told: dict[str, Any] = await self.admin.get(f"/api/lessons/{self.lesson}")
        return told

    async def in_state(self, state: str) -> dict[str, Any]:
        """The lesson once it is in a state."""

        async def reached() -> dict[str, Any] | None:
            told = await self.read()
            return told if told["state"] == state else None

        found: dict[str, Any] = await until(reached)
        return found

    async def all_receive(self, more: int = 50) -> None:
        """Wait until every room has received some packets more than now."""
        wanted = [r.figures().packets + more for r in self.rooms]
        await until(
            lambda: all(r.figures().packets >= w for r, w in zip(self.rooms, wanted, strict=True))
        )


@pytest_asyncio.fixture
async def school(tmp_path: Path, recording: Recording) -> AsyncIterator[School]:
    settings = {
        "data_dir": str(tmp_path),
        "port": free_port(),
        "relay_port": free_port(),
        "media_port": free_port(),
    }
    store = await file_store(tmp_path, "sync_classroom.db")
    await store.apply_roster(roster())
    await store.close()
    server = await asyncio.to_thread(start_server, settings)
    made: School | None = None
    control = RelayClient(tmp_path / "relay" / "control.sock")
    try:
        async with open_http(server.told["url"]) as http, asyncio.TaskGroup() as tasks:
            admin = await first_admin(http, server.told["url"], server.told["setup"])
            tokens = {r: await admin.enrol(r, r) for r in ("host-1-r1", "far-1-r1", "far-2-r1")}
            now = datetime.now(UTC)
            lesson = await admin.post(
                "/api/lessons",
                {
                    "title": "Unit 6",
                    "subject": "英语",
                    "teacher": "host-1-t1",
                    "classroom": "host-1-r1",
                    "starts_at": now.isoformat(),
                    "ends_at": (now + timedelta(minutes=40)).isoformat(),
                    "seats": [{"classroom": "far-1-r1"}, {"classroom": "far-2-r1"}],
                },
                headers={"Idempotency-Key": "lesson-1"},
            )
            host, *rooms = (
                VirtualTerminal(http, server.told["url"], token, name=room, recording=recording)
                for room, token in tokens.items()
            )
            running = [tasks.create_task(t.run()) for t in (host, *rooms)]
            made = School(settings, server, http, admin, lesson["id"], host, rooms, control)
            try:
                yield made
            finally:
                for task in running:
                    task.cancel()
    finally:
        await _end_everything(made.server if made is not None else server, control)


async def _end_everything(server: Server, control: RelayClient) -> None:
    """Stop the coordinator if it runs, and the relay it left behind."""
    if server.process.poll() is None:
        await asyncio.to_thread(server.stop)
    try:
        pid = (await control.identity()).pid
        os.kill(pid, signal.SIGTERM)
        await until(lambda: not _alive(pid))
    finally:
        await control.close()


async def test_lesson_opens_by_itself_is_received_ended_and_counted(school: School) -> None:
    """The main job: nobody presses anything but the host."""
    told = await school.in_state("live")
    await school.all_receive()
    assert told["host"]["media"] is True
    await until(lambda: _receiving(school, 2))
    # What was sent and acknowledged is journalled and becomes evidence while the lesson runs.
    assert len(await until(lambda: _credited(school))) == 2
    await school.rooms[0].command("hand", lesson=school.lesson, raised=True)
    await school.host.command("call", lesson=school.lesson, seat=f"{school.lesson}-s01")
    layouts = (await school.read())["seats"][0]
    assert layouts["called_on"] is True
    await school.host.command("end", lesson=school.lesson)
    told = await school.in_state("ended")
    status = await school.control.status()
    assert school.lesson not in status.rooms
    timeline = await school.admin.get(f"/api/lessons/{school.lesson}/timeline")
    assert all(seat["credited_s"] >= 2 for seat in timeline["seats"])
    assert (await asyncio.to_thread(school.server.stop)) == 0


async def test_coordinator_killed_in_mid_lesson_leaves_media_alone_and_takes_the_lesson_up_again(
    school: School,
) -> None:
    live = await school.in_state("live")
    await school.all_receive()
    before = await school.control.identity()
    sessions = [room.tally.sessions for room in (school.host, *school.rooms)]
    school.server.kill()
    await school.all_receive(more=200)  # media flows on without a coordinator
    await school.restart()
    after = await school.control.identity()
    assert (after.pid, after.boot) == (before.pid, before.boot)
    told = await school.in_state("live")
    assert told["live_at"] <= live["live_at"]
    await until(lambda: _online(school, 2))
    await school.all_receive(more=100)
    # Nobody's media session was opened anew: the pictures never stopped.
    assert [room.tally.sessions for room in (school.host, *school.rooms)] == sessions
    assert sum(room.figures().duplicates for room in school.rooms) == 0
    # The evidence of the time without a coordinator is there, too.
    await school.host.command("end", lesson=school.lesson)
    await school.in_state("ended")
    timeline = await until(lambda: _whole_timeline(school))
    for seat in timeline["seats"]:
        assert len(seat["delivered"]) == 1, seat["delivered"]


async def test_relay_killed_in_mid_lesson_is_replaced_and_everybody_is_back(
    school: School,
) -> None:
    await school.in_state("live")
    await school.all_receive()
    before = await school.control.identity()
    os.kill(before.pid, signal.SIGKILL)
    await until(lambda: not _alive(before.pid))
    await school.all_receive(more=20)
    after = await school.control.identity()
    assert after.boot != before.boot
    assert school.lesson in (await school.control.status()).rooms
    assert (await school.read())["state"] == "live"


async def test_lesson_is_recorded_over_its_relays_death_and_kept(school: School) -> None:
    folder = Path(school.settings["data_dir"]) / "recordings" / school.lesson

    def recorded() -> list[dict[str, Any]]:
        """The camera's files, with how long the last of them is by now."""
        if not (folder / "manifest.json").exists():
            return []
        sources = json.loads((folder / "manifest.json").read_text("utf-8"))["sources"]
        return [s for source in sources if source["source"] == "camera" for s in source["segments"]]

    await school.in_state("live")
    await until(lambda: len(recorded()) == 1 and _size(folder, recorded()[0]) > 50_000)
    os.kill((await school.control.identity()).pid, signal.SIGKILL)
    await until(lambda: len(recorded()) == 2)
    await until(lambda: _size(folder, recorded()[1]) > 50_000)
    await school.host.command("end", lesson=school.lesson)
    await school.in_state("ended")
    store = await open_store("sqlite:///sync_classroom.db", data_dir=folder.parent.parent)
    try:

        async def saved() -> Any:
            found = (await store.recordings_of([OccurrenceId(school.lesson)])).values()
            return next((r for r in found if r.state == "saved"), None)

        found = await until(saved)
    finally:
        await store.close()
    (file,) = [f for f in found.files if f.source == "camera"]
    assert file.sha256 == hashlib.sha256((folder / file.name).read_bytes()).hexdigest()
    assert [kind for kind, _, _ in file.gaps if kind == "all"] == ["all"]
    assert file.duration_s > 4
    assert file.thumbnails
    wanted = f"{school.url}/lessons/{school.lesson}/recording/{file.name}"
    async with school.http.get(wanted, headers={"Range": "bytes=0-99"}) as part:
        assert (part.status, await part.read()) == (206, (folder / file.name).read_bytes()[:100])


def _size(folder: Path, segment: dict[str, Any]) -> int:
    path = folder / str(segment.get("name", ""))
    return path.stat().st_size if path.is_file() else 0


async def test_both_killed_at_once_the_lesson_continues(school: School) -> None:
    live = await school.in_state("live")
    await school.all_receive()
    before = await school.control.identity()
    os.kill(before.pid, signal.SIGKILL)
    school.server.kill()
    await until(lambda: not _alive(before.pid))
    await school.restart()
    assert (await school.control.identity()).boot != before.boot
    await school.all_receive(more=20)
    told = await school.in_state("live")
    # It did not begin again; evidence may meanwhile say when its first packet came.
    assert told["live_at"] <= live["live_at"]


@pytest.mark.valkey
async def test_two_coordinators_share_a_relay_that_neither_of_them_runs(
    tmp_path: Path, recording: Recording, valkey: Valkey
) -> None:
    """The host's terminal is at one of them, the room's at the other."""
    port = free_port()
    shared = {
        "database_url": f"sqlite:///{tmp_path / 'shared.db'}",
        "redis_url": valkey.url,
        "control": str(tmp_path / "control.sock"),
        "relay_port": port,
    }
    relay = RelaySettings(
        media=Listen("127.0.0.1", 0), http=Listen("127.0.0.1", port), sample_s=2.0,
        control=tmp_path / "control.sock", journal_dir=tmp_path / "journal",
    )  # fmt: skip
    store = await open_store(shared["database_url"], data_dir=None)
    await store.apply_roster(roster())
    await store.close()
    servers: list[Server] = []
    try:
        async with AsyncExitStack() as stack:
            child = stack.enter_context(relay_child(relay))
            for name in ("one", "two"):
                told = {**shared, "data_dir": str(tmp_path / name), "port": free_port()}
                servers.append(await asyncio.to_thread(start_server, told))
            urls = [server.told["url"] for server in servers]
            assert [server.told["relay_url"] for server in servers] == 2 * [
                f"http://127.0.0.1:{port}"
            ]
            http = await stack.enter_async_context(open_http(urls[0]))
            admin = await first_admin(http, urls[0], servers[0].told["setup"])
            tokens = [await admin.enrol(room, room) for room in ("host-1-r1", "far-1-r1")]
            now = datetime.now(UTC)
            lesson = await admin.post(
                "/api/lessons",
                {
                    "title": "Unit 6",
                    "subject": "英语",
                    "teacher": "host-1-t1",
                    "classroom": "host-1-r1",
                    "starts_at": now.isoformat(),
                    "ends_at": (now + timedelta(minutes=40)).isoformat(),
                    "seats": [{"classroom": "far-1-r1"}],
                },
                headers={"Idempotency-Key": "lesson-1"},
            )
            host = VirtualTerminal(http, urls[0], tokens[0], name="host", recording=recording)
            room = VirtualTerminal(http, urls[1], tokens[1], name="room", recording=recording)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            running = [tasks.create_task(t.run()) for t in (host, room)]

            async def seen(who: Administrator) -> bool:
                told = await who.get(f"/api/lessons/{lesson['id']}")
                return (told["state"], told["seats_receiving"]) == ("live", 1)

            async def received(more: int) -> None:
                wanted = room.figures().packets + more
                await until(lambda: room.figures().packets >= wanted)

            await received(50)
            await until(lambda: seen(admin))
            # The relay is started anew by whoever runs it: both coordinators' terminals are back.
            child.process.kill()
            child.process.wait()
            again = stack.enter_context(relay_child(relay))
            await received(50)
            # The coordinator of the host dies; the other has the lesson, the relay notices nothing.
            servers[0].kill()
            await received(200)
            elsewhere = await stack.enter_async_context(open_http(urls[1]))
            other = await Administrator.sign_in(elsewhere, urls[1], "admin", PASSWORD)
            await until(lambda: seen(other))
            assert again.process.poll() is None
            assert (await asyncio.to_thread(servers[1].stop)) == 0
            assert again.process.poll() is None
            for task in running:
                task.cancel()
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.kill()


async def test_relay_elsewhere_needs_its_public_address(tmp_path: Path) -> None:
    relay = RelaySettings(control=Listen("10.0.0.1", 1), control_tls=True, control_secret="s" * 16)
    problem = await problem_of(quiet(tmp_path, spawn_relay=False, relay=relay))
    assert (problem.code, problem.field) == ("relay_url_missing", "relay.public_url")


async def test_authority_that_cannot_be_read_names_its_setting(tmp_path: Path) -> None:
    relay = RelaySettings(control=Listen("10.0.0.1", 1), control_tls=True, control_secret="s" * 16)
    problem = await problem_of(
        quiet(
            tmp_path, spawn_relay=False, relay=relay, relay_url="https://relay.example:8090",
            relay_authority=tmp_path / "none.pem",
        )
    )  # fmt: skip
    assert (problem.code, problem.field) == ("authority_unusable", "relay.control_ca")


async def _receiving(school: School, count: int) -> bool:
    return (await school.read())["seats_receiving"] == count


async def _online(school: School, count: int) -> bool:
    return (await school.read())["seats_online"] == count


async def _credited(school: School) -> list[Any] | None:
    """The seats once each has two seconds at least."""
    timeline = await school.admin.get(f"/api/lessons/{school.lesson}/timeline")
    found = [seat for seat in timeline["seats"] if seat["credited_s"] >= 2]
    return found if len(found) == len(school.rooms) else None


async def _whole_timeline(school: School) -> dict[str, Any] | None:
    """The timeline once the last samples of an ended lesson have arrived."""
    timeline: dict[str, Any] = await school.admin.get(f"/api/lessons/{school.lesson}/timeline")
    ended = (await school.read())["ended_at"]
    last = [seat["delivered"][-1]["to"] for seat in timeline["seats"] if seat["delivered"]]
    slack = timedelta(seconds=2)
    done = len(last) == len(school.rooms) and all(
        datetime.fromisoformat(at) >= datetime.fromisoformat(ended) - slack for at in last
    )
    return timeline if done else None


def _alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # gone, or just going
        return False
