"""What `serve` needs of the machine: its own folder, its address, its certificate, its memory,
and tasks that go on whatever fails.

Each is refused by a ProblemError that names the setting to change.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import secrets
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog
from yarl import URL

from .domain.problems import ProblemError, ProblemKind

log = structlog.get_logger(__name__)

# Connections that came while the loop was busy; a school's terminals all come at the bell.
BACKLOG: Final = 512
# A task that fails is started again after a moment, for as long as the coordinator serves.
AGAIN_S: Final = 1.0
ID_BYTES: Final = 8
_LOCK: Final = "coordinator.lock"


def known_id(folder: Path) -> str:
    """The id of the coordinator that has this data folder, "" before its first start."""
    try:
        return (folder / _LOCK).read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


# Objects made before the collector looks at the new ones: Python's own 700 has it look at every
# object of a province, over and over, while the figures of one page are read.
NEW_OBJECTS: Final = 50_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let the collector look for circular garbage less often, as a server has next to none.

    Over a province's figures it took two thirds of the processor time. What it finds later are at
    most so many objects, some megabytes.
    """
    before = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def own_folder(folder: Path) -> Iterator[str]:
    """Make the data folder and lock it; the coordinator's id, which it keeps over restarts.

    By its id a coordinator that was killed takes its own lease up again at once.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("a+", encoding="ascii")
    except OSError as error:
        raise _folder_problem(folder, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ProblemError(
                "data_dir_in_use",
                f"另一个 serve 正在使用数据目录 {folder}。请先停止它，或用 server.data_dir"
                " 指定另一个目录。",
                f"Another serve uses the data folder {folder}. Stop it first, or choose another"
                " folder with server.data_dir.",
                kind=ProblemKind.CONFLICT,
                field="server.data_dir",
                value=str(folder),
            ) from error
        lock.seek(0)
        known = lock.read().strip()
        if not known:
            known = secrets.token_hex(ID_BYTES)
            try:
                lock.write(known)
                lock.flush()
            except OSError as error:
                raise _folder_problem(folder, error) from error
        yield known


def _folder_problem(folder: Path, error: OSError) -> ProblemError:
    return ProblemError(
        "data_dir_unusable",
        f"无法使用数据目录 {folder}：{error.strerror}。请检查权限与磁盘空间，或改"
        " server.data_dir。",
        f"The data folder {folder} cannot be used: {error.strerror}. Check permissions and disk"
        " space, or change server.data_dir.",
        kind=ProblemKind.UNAVAILABLE,
        field="server.data_dir",
        value=str(folder),
    )


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Bind the pages' address before anything is started, so that a taken port costs nothing."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(
            address[:2],
            family=family,
            backlog=BACKLOG,
            dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        raise ProblemError(
            "listen_failed",
            f"无法在 {host}:{port} 上监听：{error.strerror or error}。请用 server.listen 换一个"
            "地址或端口，或停止占用它的程序。",
            f"Cannot listen on {host}:{port}: {error.strerror or error}. Choose another address or"
            " port with server.listen, or stop the program that uses it.",
            kind=ProblemKind.CONFLICT,
            field="server.listen",
            value=f"{host}:{port}",
        ) from error
    with listener:
        yield listener


def load_tls(certificate: Path, key: Path) -> ssl.SSLContext:
    """The pages' certificate chain and key."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or str(error)
        raise ProblemError(
            "tls_unusable",
            f"无法使用证书 {certificate} 与私钥 {key}：{reason}。请检查 server.tls_certificate"
            " 和 server.tls_key，两者须成对。",
            f"The certificate {certificate} and key {key} cannot be used: {reason}. Check"
            " server.tls_certificate and server.tls_key; they must belong together.",
            field="server.tls_certificate",
            value=str(certificate),
        ) from error
    return context


@contextmanager
def stop_signals(stop: asyncio.Event) -> Iterator[None]:
    """SIGTERM and SIGINT ask for a clean stop; elsewhere than in the main thread, nothing does."""
    loop = asyncio.get_running_loop()
    taken: list[signal.Signals] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop.set)
            taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


def own_url(host: str, port: int, secure: bool) -> str:
    """How a browser on this machine reaches what listens at `host` and `port`."""
    name = "localhost" if host in ("0.0.0.0", "::", "") else host  # noqa: S104
    return str(URL.build(scheme="https" if secure else "http", host=name, port=port))


@asynccontextmanager
async def keep_running(runs: Mapping[str, Callable[[], Awaitable[None]]]) -> AsyncIterator[None]:
    """Named tasks that live as long as the block, each started again should it fail."""
    tasks = [asyncio.create_task(_keep(name, run), name=name) for name, run in runs.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(name: str, run: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await run()
            return
        except Exception:  # a defect of one service must not end all lessons
            log.exception("serve.task_failed", task=name)
        await asyncio.sleep(AGAIN_S)
