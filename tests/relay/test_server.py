"""The relay as a process: listeners, refusals, signals, certificates, hostile clients."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sync_classroom import __version__
from sync_classroom.coordinator.relay_client import RelayClient
from sync_classroom.domain.problems import ProblemError
from sync_classroom.relay import server
from sync_classroom.relay.limits import RateLimiter
from sync_classroom.relay.server import run
from sync_classroom.relay.settings import Listen
from sync_classroom.relay.whip import SDP
from tests.support.relay_child import relay_child
from tests.support.relays import relay, settings
from tests.support.sdp_offers import PUBLISH, SUBSCRIBE
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.asyncio


def journal_of(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted((folder / "journal").glob("*.ndjson"))
        for line in path.read_text("utf-8").splitlines()
    ]


def sockets(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_socket()]


async def test_health_is_readable_from_another_origin(tmp_path: Path) -> None:
    async with relay(tmp_path) as running:
        async with running.http.get(running.url + "/healthz") as response:
            assert response.status == 200
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert await response.json() == {"boot": running.info.boot, "draining": False}
        async with running.http.get(running.url + "/readyz") as response:
            assert response.status == 200
            assert response.headers["Access-Control-Allow-Origin"] == "*"
        async with running.http.get(running.url + "/status") as response:
            assert response.status == 404  # control is not on the public listener
        async with running.http.get(running.url + "/metrics") as response:
            assert response.status == 404


async def test_a_taken_http_port_names_relay_http(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ProblemError) as caught:
            await run(settings(tmp_path, http=Listen("127.0.0.1", port)))
    assert (caught.value.code, caught.value.field) == ("port_in_use", "relay.http")
    assert str(port) in caught.value.zh
    async with relay(tmp_path):  # and everything taken before was let go of
        pass


async def test_a_taken_media_port_names_relay_media(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ProblemError) as caught:
            await run(settings(tmp_path, media=Listen("127.0.0.1", port)))
    assert (caught.value.code, caught.value.field) == ("port_in_use", "relay.media")


async def test_an_address_of_nobody_here_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ProblemError) as caught:
        await run(settings(tmp_path, http=Listen("192.0.2.1", 0)))
    assert (caught.value.code, caught.value.field) == ("address_unusable", "relay.http")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
async def test_a_media_address_that_cannot_be_is_a_problem(tmp_path: Path, host: str) -> None:
    with pytest.raises(ProblemError) as caught:
        await run(settings(tmp_path, media=Listen(host, 0)))
    assert (caught.value.code, caught.value.field) == ("address_unusable", "relay.media")
    assert host in caught.value.en


async def test_open_mode_is_refused_on_every_address_unless_known(tmp_path: Path) -> None:
    chosen = settings(tmp_path, open_mode=True, http=Listen("0.0.0.0", 0))
    with pytest.raises(ProblemError) as caught:
        await run(chosen)
    assert caught.value.code == "open_public"
    started = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run(chosen, i_know=True, ready=started.set_result))
    await started
    task.cancel()
    await asyncio.wait({task})


async def test_a_slow_body_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY_S", 0.05)
    async with relay(tmp_path, open_mode=True) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.info.http_port)
        writer.write(
            b"POST /whip/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\n"
            b"Content-Length: 100\r\n\r\nv=0\r\n"
        )
        head = await reader.readuntil(b"\r\n")
        assert head.startswith(b"HTTP/1.1 408")
        writer.close()
        await writer.wait_closed()


async def test_what_is_no_http_ends_its_connection_only(tmp_path: Path) -> None:
    async with relay(tmp_path, open_mode=True) as running:
        for data in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 10_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", running.info.http_port)
            writer.write(data + b"\r\n\r\n")
            writer.write_eof()
            assert b"HTTP/1.1 2" not in await reader.read()
            writer.close()
            await writer.wait_closed()
        async with running.http.post(
            f"{running.url}/whip/x", data=PUBLISH, headers={"Content-Type": SDP}
        ) as response:
            assert response.status == 201


async def test_one_address_cannot_ask_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        server, "RateLimiter", lambda clock: RateLimiter(clock, burst=5, per_second=0.5)
    )
    async with relay(tmp_path) as running:

        async def ask(**headers: str) -> int:
            async with running.http.post(f"{running.url}/whip/x", headers=headers) as response:
                if response.status == 429:
                    assert int(response.headers["Retry-After"]) >= 1
                    assert response.headers["Access-Control-Allow-Origin"] == "*"
                return response.status

        assert [await ask() for _ in range(6)] == [401] * 5 + [429]
        # A proxy on this machine speaks for its clients, each with a bucket of its own.
        assert await ask(**{"X-Forwarded-For": "198.51.100.1, 192.0.2.9"}) == 401
        # Of IPv6 a whole network shares one.
        networks = [f"2001:db8:{n // 6}::{n}" for n in range(7)]
        asked = [await ask(**{"X-Forwarded-For": address}) for address in networks]
        assert asked == [401] * 5 + [429, 401]
        async with running.http.get(running.url + "/healthz") as response:
            assert response.status == 200  # the health check is never limited


async def test_a_fault_of_ours_is_500_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with relay(tmp_path, open_mode=True) as running:
        monkeypatch.setattr(
            server.Signalling, "answer", lambda *_: (_ for _ in ()).throw(KeyError("x"))
        )
        async with running.http.post(f"{running.url}/whip/x") as response:
            assert response.status == 500
            assert (await response.json())["code"] == "internal"


# ---------------------------------------------------------------------------- TLS


def certificate(folder: Path, name: str) -> None:
    """A self-signed certificate for 127.0.0.1 with this common name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def presented(port: int) -> str:
    """The common name of the certificate a server presents."""
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    (name,) = x509.load_pem_x509_certificate(pem.encode()).subject.get_attributes_for_oid(
        NameOID.COMMON_NAME
    )
    return str(name.value)


async def test_https_and_a_certificate_renewed_in_place(tmp_path: Path) -> None:
    certificate(tmp_path, "first")
    tls = {"tls_certificate": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"}
    async with relay(tmp_path, open_mode=True, **tls) as running:
        port = running.info.http_port
        insecure = ssl.create_default_context()
        insecure.check_hostname = False
        insecure.verify_mode = ssl.CERT_NONE
        async with (
            ClientSession(connector=TCPConnector(ssl=insecure)) as http,
            http.post(
                f"https://127.0.0.1:{port}/whip/x", data=PUBLISH, headers={"Content-Type": SDP}
            ) as response,
        ):
            assert response.status == 201
        assert await asyncio.to_thread(presented, port) == "first"
        (tmp_path / "cert.pem").write_text("rubbish")
        signal.raise_signal(signal.SIGHUP)
        assert await asyncio.to_thread(presented, port) == "first"
        certificate(tmp_path, "second")
        signal.raise_signal(signal.SIGHUP)

        async def renewed() -> bool:
            return await asyncio.to_thread(presented, port) == "second"

        await until(renewed)


# ---------------------------------------------------------------------------- the process


async def test_a_process_reports_itself_and_ends_well_on_sigterm(tmp_path: Path) -> None:
    with relay_child(settings(tmp_path, open_mode=True), digest="d1") as child:
        assert child.report is not None
        ready = child.report["ready"]
        assert ready["pid"] == child.process.pid
        assert ready["version"] == __version__
        control = RelayClient(Path(ready["control"]))
        identity = await control.identity()
        assert (identity.boot, identity.settings) == (ready["boot"], "d1")
        assert (identity.media_port, identity.http_port) == (
            ready["media_port"],
            ready["http_port"],
        )
        async with (
            ClientSession() as http,
            http.post(
                f"http://127.0.0.1:{ready['http_port']}/whip/x",
                data=PUBLISH,
                headers={"Content-Type": SDP},
            ) as response,
        ):
            assert response.status == 201
        await control.close()
        child.process.send_signal(signal.SIGTERM)
        assert child.process.stdout is not None
        out = await asyncio.to_thread(child.process.stdout.read)
        child.process.wait()
        logged = child.logged()
    assert child.process.returncode == 0
    assert out == ""  # one line, never another
    assert logged[0]["event"] == "relay_ready"
    assert logged[-1]["event"] == "relay_stopping"
    assert [path.name for path in sockets(tmp_path)] == []
    assert journal_of(tmp_path)[0]["kind"] == "boot"


async def test_sighup_without_a_certificate_changes_nothing(tmp_path: Path) -> None:
    with relay_child(settings(tmp_path)) as child:
        assert child.report is not None
        ready = child.report["ready"]
        child.process.send_signal(signal.SIGHUP)
        control = RelayClient(Path(ready["control"]))
        assert (await control.identity()).boot == ready["boot"]
        await control.close()
        assert child.process.poll() is None


async def test_sigterm_while_clients_are_connected_is_quick(tmp_path: Path) -> None:
    with relay_child(settings(tmp_path, open_mode=True)) as child:
        assert child.report is not None
        port = child.report["ready"]["http_port"]
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /whip/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        await writer.drain()
        child.process.send_signal(signal.SIGTERM)
        # Whoever waits for the rest of the request waits a minute (aiohttp's shutdown_timeout).
        await asyncio.to_thread(child.process.wait, 45)
        assert child.process.returncode == 0
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_process_that_cannot_start_reports_the_problem(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with relay_child(settings(tmp_path, http=Listen("127.0.0.1", port))) as child:
            await asyncio.to_thread(child.process.wait)
    assert child.process.returncode == 1
    assert child.report is not None
    problem = child.report["problem"]
    assert (problem["code"], problem["field"], problem["kind"]) == (
        "port_in_use",
        "relay.http",
        "conflict",
    )
    assert problem["zh"]
    assert str(port) in problem["value"]


async def test_two_relays_of_one_journal_are_refused(tmp_path: Path) -> None:
    async with relay(tmp_path):
        with relay_child(settings(tmp_path)) as child:
            await asyncio.to_thread(child.process.wait)
        assert child.report is not None
        assert child.report["problem"]["code"] == "journal_in_use"


async def test_kill_9_leaves_nothing_in_the_next_ones_way(tmp_path: Path) -> None:
    boots = set()
    for _ in range(3):
        with relay_child(settings(tmp_path)) as child:
            assert child.report is not None
            boots.add(child.report["ready"]["boot"])
            child.process.send_signal(signal.SIGKILL)
    assert len(boots) == 3
    assert [record["kind"] for record in journal_of(tmp_path)] == ["boot"] * 3


async def test_the_log_goes_to_its_file(tmp_path: Path) -> None:
    log = tmp_path / "relay.log"
    with relay_child(settings(tmp_path), log_file=str(log)) as child:
        assert child.report is not None
        await until(log.exists)
    assert json.loads(log.read_text("utf-8").splitlines()[0])["event"] == "relay_ready"


async def test_sigusr1_ends_the_process_when_its_lesson_is_over(tmp_path: Path) -> None:
    with relay_child(settings(tmp_path, open_mode=True)) as child:
        assert child.report is not None
        ready = child.report["ready"]
        control = RelayClient(Path(ready["control"]))
        url = f"http://127.0.0.1:{ready['http_port']}"
        async with ClientSession() as http:
            async with http.post(
                f"{url}/whip/x", data=PUBLISH, headers={"Content-Type": SDP}
            ) as response:
                assert response.status == 201
            child.process.send_signal(signal.SIGUSR1)
            while not (await control.pulse()).draining:
                await asyncio.sleep(0.01)
            async with http.get(f"{url}/readyz") as response:
                assert response.status == 503
            async with http.post(
                f"{url}/whip/y", data=PUBLISH, headers={"Content-Type": SDP}
            ) as response:
                assert response.status == 503
                assert (await response.json())["code"] == "relay_draining"
            async with http.post(
                f"{url}/whep/x", data=SUBSCRIBE, headers={"Content-Type": SDP}
            ) as response:
                assert response.status == 201  # the running lesson still takes its seats
        status = await control.status()
        assert {peer.direction for peer in status.peers} == {"publish", "subscribe"}
        assert child.process.poll() is None
        await control.delete_room("x")
        await control.close()
        await asyncio.to_thread(child.process.wait, PATIENCE_S)
        logged = [entry["event"] for entry in child.logged()]
    assert child.process.returncode == 0
    assert logged[-3:] == ["relay_draining", "relay_drained", "relay_stopping"]


async def test_sigterm_ends_a_draining_process_at_once(tmp_path: Path) -> None:
    with relay_child(settings(tmp_path, open_mode=True)) as child:
        assert child.report is not None
        control = RelayClient(Path(child.report["ready"]["control"]))
        await control.drain()
        child.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(child.process.wait, PATIENCE_S)
        await control.close()
    assert child.process.returncode == 0


async def test_a_service_tells_its_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "600000")
        with relay_child(settings(tmp_path)) as child:
            said = [await asyncio.to_thread(manager.recv, 200) for _ in range(3)]
            child.process.send_signal(signal.SIGTERM)
            while said[-1] != b"STOPPING=1":
                said.append(await asyncio.to_thread(manager.recv, 200))
    assert said[0] == b"READY=1"
    assert said[1:-1] == [b"WATCHDOG=1\nSTATUS=0 rooms, 0 sessions"] * (len(said) - 2)


async def test_a_starved_process_refuses_seats_and_not_the_host(tmp_path: Path) -> None:
    headers = {"Content-Type": SDP}
    with relay_child(settings(tmp_path, open_mode=True, max_load=0.75)) as child:
        assert child.report is not None
        ready = child.report["ready"]
        url = f"http://127.0.0.1:{ready['http_port']}"
        async with ClientSession() as http:

            async def post(path: str, offer: str) -> tuple[int, str | None]:
                async with http.post(url + path, data=offer, headers=headers) as response:
                    code = (await response.json())["code"] if response.status >= 400 else None
                    return response.status, code

            async def taking_seats() -> bool:
                async with http.get(url + "/readyz") as response:
                    busy = (await response.json())["busy"]
                    assert response.status == (503 if busy else 200)
                    return not busy

            async def full() -> bool:
                return not await taking_seats()

            async def seated() -> bool:
                return await post("/whep/x?peer=seat-1", SUBSCRIBE) == (201, None)

            assert await post("/whip/x", PUBLISH) == (201, None)
            await until(seated)  # a machine that is busy as it is may take its time
            with starved(child.process.pid):
                await until(full)
                assert await post("/whep/x?peer=seat-2", SUBSCRIBE) == (503, "relay_busy")
                assert await post("/whip/x?peer=seat-1&source=seat", PUBLISH) == (503, "relay_busy")
                assert await post("/whip/x", PUBLISH) == (201, None)
                assert await post("/whip/another", PUBLISH) == (201, None)
                assert await post("/whep/x?peer=seat-1", SUBSCRIBE) == (201, None)
            await until(taking_seats)

            async def taken() -> bool:
                return await post("/whep/x?peer=seat-2", SUBSCRIBE) == (201, None)

            await until(taken)


@contextmanager
def starved(pid: int) -> Iterator[None]:
    """Let the process run a fifth of the time: a machine that has other things to do.

    A flood would not do: on a busy machine it starves as much as the relay it is meant for.
    """
    ended = threading.Event()

    def hold() -> None:
        while not ended.is_set():
            os.kill(pid, signal.SIGSTOP)
            ended.wait(0.2)
            os.kill(pid, signal.SIGCONT)
            ended.wait(0.05)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
