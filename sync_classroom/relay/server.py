"""The relay process: endpoint, journal, public WHIP/WHEP listener, control listener.

The only file of the relay that knows aiohttp's server side. Started by `sync-classroom relay`, or
by the coordinator as `python -m sync_classroom.relay.server` with its settings on standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import secrets
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog
from aiohttp import web

from .. import __version__
from ..domain.problems import ProblemError
from .control import MAX_CONTROL_BYTES, Control, Identity
from .endpoint import Endpoint, Session
from .health import Health
from .ingest_supervisor import Ingests
from .journal import Journal
from .limits import RateLimiter
from .listening import (
    bind_private,
    check_control,
    check_open_address,
    load_tls,
    not_listening,
    raise_descriptor_limit,
)
from .logs import configure_logs
from .memory import settle
from .metrics import Metrics
from .notify import Notifier
from .recording.recorder import Recorder, open_recorder
from .settings import Listen, RelaySettings, settings_from_json
from .tokens import TokenVerifier
from .watch import watch
from .whip import HttpProblem, Reply, Request, Signalling, body_limit, problem, too_large, with_cors

log = structlog.get_logger(__name__)

#: A body of 192 kB over a line worth having; slower is somebody holding connections open.
BODY_S: Final = 10.0
#: Of an IPv6 address this many bits count as one asker: a household or school has the rest.
IPV6_PREFIX_BITS: Final = 64
#: How long answers under way may take when the process is told to stop.
SHUTDOWN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Where a started relay can be reached. `control` is a path or `host:port`, or None."""

    relay: str
    boot: str
    pid: int
    version: str
    media_port: int
    http_port: int
    control: str | None


async def run(
    settings: RelaySettings,
    *,
    ready: Callable[[ServerInfo], None] | None = None,
    i_know: bool = False,
    digest: str = "",
) -> None:
    """Serve until SIGTERM, SIGINT or cancellation; then close sessions and write what they moved.

    SIGUSR1 or `POST /drain` begin a drain: no new rooms, and the same end once nobody is connected.

    `ready` is called once everything listens. `digest` is repeated in `/status` so that whoever
    started this relay knows it again. Raises ProblemError for what a person can put right: a port
    in use, a folder that cannot be written, open mode on a public address without `i_know`.
    """
    if settings.open_mode and not i_know:
        check_open_address(settings.http)
    async with AsyncExitStack() as stack:
        opened = await _open(settings, stack, boot=secrets.token_hex(4), digest=digest)
        endpoint, info = opened.endpoint, opened.info
        stop = stack.enter_context(_stop_signals(endpoint))

        def drained() -> None:
            log.info("relay_drained", boot=info.boot)
            stop.set()

        notifier = Notifier.of_process()
        async with asyncio.TaskGroup() as tasks:
            owned = [
                tasks.create_task(opened.journal.run(), name="relay-journal"),
                tasks.create_task(watch(endpoint, notifier, drained), name="relay-watch"),
            ]
            if opened.recorder is not None:
                owned.append(tasks.create_task(opened.recorder.run(), name="relay-recorder"))
            log.info("relay_ready", **asdict(info))
            notifier.ready()
            if ready is not None:
                ready(info)
            try:
                await stop.wait()
            finally:
                for task in owned:
                    task.cancel()
        notifier.stopping()
        log.info("relay_stopping", boot=info.boot)


@dataclass(frozen=True, slots=True)
class _Opened:
    """What `run` drives once everything listens."""

    endpoint: Endpoint
    journal: Journal
    recorder: Recorder[Session] | None
    info: ServerInfo


async def _open(
    settings: RelaySettings, stack: AsyncExitStack, *, boot: str, digest: str
) -> _Opened:
    """Journal, media, recorder, listeners for all and for control; closed backwards."""
    journal = await _open_journal(settings, stack, boot)
    endpoint = await _open_endpoint(settings, stack, journal)
    recorder = await open_recorder(settings, stack, endpoint, now=_now)
    metrics = Metrics(endpoint, journal, recorder, boot=boot, version=__version__)
    verifier = TokenVerifier(settings.keys)
    signalling, ingests = await _open_signalling(settings, stack, endpoint, verifier)
    metrics.watch_ingests(ingests)
    tls = load_tls(settings)
    stack.enter_context(_reload_on_hangup(settings, tls))
    health = Health(endpoint.entrance, boot)
    http_port = await stack.enter_async_context(_public(settings, signalling, metrics, health, tls))
    reached = None
    if settings.control is not None:
        control = Control(
            endpoint,
            journal,
            verifier,
            Identity(
                settings.relay, boot, os.getpid(), __version__, digest, endpoint.port, http_port
            ),
            health,
            secret=settings.control_secret if isinstance(settings.control, Listen) else None,
            metrics=metrics.reply,
            ingests=ingests,
            recorder=recorder,
        )
        reached = await stack.enter_async_context(_controlled(settings, control, metrics, tls))
    info = ServerInfo(
        settings.relay, boot, os.getpid(), __version__, endpoint.port, http_port, reached
    )
    return _Opened(endpoint, journal, recorder, info)


async def _open_journal(settings: RelaySettings, stack: AsyncExitStack, boot: str) -> Journal:
    journal = Journal(
        settings.journal_dir,
        relay=settings.relay,
        boot=boot,
        version=__version__,
        max_bytes=settings.journal_max_mb * 1_000_000,
        sample_s=settings.sample_s,
        wall=_now,
    )
    await journal.open()
    stack.push_async_callback(journal.close)
    return journal


async def _open_endpoint(
    settings: RelaySettings, stack: AsyncExitStack, journal: Journal
) -> Endpoint:
    try:
        endpoint = await Endpoint.open(settings, on_sample=journal.add)
    except (OSError, ValueError) as error:  # ValueError: a host that is no IP address
        raise not_listening("relay.media", settings.media, error) from error
    stack.push_async_callback(endpoint.close)
    return endpoint


async def _open_signalling(
    settings: RelaySettings, stack: AsyncExitStack, endpoint: Endpoint, verifier: TokenVerifier
) -> tuple[Signalling, Ingests]:
    """WHIP and WHEP, and the recording hosts that publish by it from this machine."""

    def admit(room: str, offer: str) -> str | None:
        return signalling.admit_ingest(room, offer)

    ingests = Ingests(admit, settings.ingest_folder, settings.ingest_rtmp)
    stack.push_async_callback(ingests.close)
    signalling = Signalling(
        endpoint,
        None if settings.open_mode else verifier,
        settings,
        wall=time.time,
        hosts=ingests,
    )
    return signalling, ingests


# ---------------------------------------------------------------------------- public listener


@asynccontextmanager
async def _public(
    settings: RelaySettings,
    signalling: Signalling,
    metrics: Metrics,
    health: Health,
    tls: ssl.SSLContext | None,
) -> AsyncIterator[int]:
    """WHIP, WHEP, `/healthz` and `/readyz`; yields the port."""
    limiter = RateLimiter(time.monotonic)
    metrics.watch_limiter(limiter)

    async def answer(request: Request, address: str) -> Reply:
        if (found := health.answer(request)) is not None:
            return Reply(found.status, with_cors(found.headers), found.body)
        if wait_s := limiter.wait_s(address):
            raise HttpProblem(
                429,
                "too_many_requests",
                "请求过于频繁,请稍后再试。",
                "Too many requests from this address; try again later.",
                {"Retry-After": str(wait_s)},
            )
        return signalling.answer(request)

    handler = _handler(answer, body_limit, metrics, "public")
    runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.http.host, settings.http.port, ssl_context=tls)
        try:
            await site.start()
        except OSError as error:
            raise not_listening("relay.http", settings.http, error) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _handler(
    answer: Callable[[Request, str], Awaitable[Reply]],
    limit: Callable[[str], int],
    metrics: Metrics,
    listener: str,
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """aiohttp's request in, `answer`'s reply out; bodies bounded in bytes and in time."""

    async def handle(raw: web.BaseRequest) -> web.StreamResponse:
        started = time.perf_counter()
        most = limit(raw.method)
        whole = False
        try:
            async with asyncio.timeout(BODY_S):
                body = await _read_body(raw, most)
            whole = body is not None
            if body is None:
                reply = too_large(most)
            else:
                request = Request(
                    raw.method,
                    _path(raw),
                    {name.lower(): value for name, value in raw.headers.items()},
                    dict(raw.query),
                    body,
                )
                reply = await answer(request, _address(raw))
        except HttpProblem as refusal:
            reply = problem(refusal)
        except TimeoutError:
            reply = problem(
                HttpProblem(408, "body_slow", "请求内容传输过慢。", "The body came too slowly.")
            )
        except Exception:
            log.exception("request_failed", method=raw.method, path=raw.path)
            reply = problem(
                HttpProblem(500, "internal", "内部错误,已记入日志。", "Internal error, logged.")
            )
        metrics.count_request(listener, raw.method, reply.status, time.perf_counter() - started)
        headers = {"Server": "sync-classroom", **reply.headers}
        response = web.Response(status=reply.status, headers=headers, body=reply.body)
        if not whole:
            response.force_close()  # what is left of the body is not worth reading
        return response

    return handle


async def _read_body(request: web.BaseRequest, limit: int) -> bytes | None:
    """The whole body, or None as soon as it is known to be longer than `limit`."""
    if (request.content_length or 0) > limit:
        return None
    parts = bytearray()
    async for part in request.content.iter_any():
        parts += part
        if len(parts) > limit:
            return None
    return bytes(parts)


def _path(request: web.BaseRequest) -> str:
    """The path with escapes undone, except that an escaped slash does not become a separator."""
    raw = request.rel_url.raw_path
    return raw if "%2f" in raw.lower() else request.path


def _address(request: web.BaseRequest) -> str:
    """Who asks: the peer, or what a reverse proxy on this machine says of its own peer.

    Of an IPv6 address only the network counts.
    """
    remote = request.remote or ""
    if remote in {"127.0.0.1", "::1"}:
        remote = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or remote
    try:
        address = ipaddress.ip_address(remote)
    except ValueError:
        return remote[:64]
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, IPV6_PREFIX_BITS), strict=False))


@contextlib.contextmanager
def _reload_on_hangup(settings: RelaySettings, tls: ssl.SSLContext | None) -> Iterator[None]:
    """SIGHUP reads a renewed certificate; sessions are not touched, nor is plain HTTP."""

    def reload() -> None:
        if tls is None or settings.tls_certificate is None:
            return
        try:
            tls.load_cert_chain(settings.tls_certificate, settings.tls_key)
        except (OSError, ssl.SSLError) as error:
            log.error("certificate_not_reloaded", error=str(error))  # the old one stays in use
        else:
            log.info("certificate_reloaded")

    with _signals({signal.SIGHUP: reload}):
        yield


# ---------------------------------------------------------------------------- control listener


@asynccontextmanager
async def _controlled(
    settings: RelaySettings, control: Control, metrics: Metrics, tls: ssl.SSLContext | None
) -> AsyncIterator[str]:
    """The control API on its Unix socket or TCP port; yields where it is."""
    assert settings.control is not None

    async def answer(request: Request, _: str) -> Reply:
        return await control.answer(request)

    handler = _handler(answer, lambda _: MAX_CONTROL_BYTES, metrics, "control")
    runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        if isinstance(settings.control, Listen):
            secured = tls if settings.control_tls else None
            check_control(settings.control, settings.control_secret, tls=secured is not None)
            site = web.TCPSite(
                runner, settings.control.host, settings.control.port, ssl_context=secured
            )
            try:
                await site.start()
            except OSError as error:
                raise not_listening("relay.control", settings.control, error) from error
            yield f"{settings.control.host}:{runner.addresses[0][1]}"
        else:
            bound = bind_private(settings.control)
            await web.SockSite(runner, bound).start()
            try:
                yield str(settings.control)
            finally:
                settings.control.unlink(missing_ok=True)
    finally:
        await runner.cleanup()


# ---------------------------------------------------------------------------- process


@contextlib.contextmanager
def _signals(handlers: Mapping[signal.Signals, Callable[[], None]]) -> Iterator[None]:
    """Signal handlers for as long as the context lasts; none outside the main thread."""
    loop = asyncio.get_running_loop()
    installed = []
    try:
        for number, handler in handlers.items():
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                loop.add_signal_handler(number, handler)
                installed.append(number)
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _stop_signals(endpoint: Endpoint) -> Iterator[asyncio.Event]:
    """SIGTERM and SIGINT end the process now, SIGUSR1 when its lessons are over."""
    stop = asyncio.Event()

    def drain() -> None:
        log.info("relay_draining", sessions=endpoint.session_count)
        endpoint.begin_drain()

    now = {signal.SIGTERM: stop.set, signal.SIGINT: stop.set}
    with _signals({**now, signal.SIGUSR1: drain}):
        yield stop


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> int:
    """Run a relay as told by one JSON object on standard input; report once on standard output.

    Input: `{"settings": {…}, "digest": "", "i_know": false, "log_level": "info", "log_file": path}`
    (see `settings_from_json`). Output: one line, `{"ready": {…}}` or `{"problem": {…}}` with code,
    zh, en and field; the exit status is 1 after a problem.
    """
    told = json.loads(sys.stdin.buffer.read())
    raise_descriptor_limit()
    file = told.get("log_file")
    configure_logs(told.get("log_level", "info"), Path(file) if file else None)
    try:
        settings = settings_from_json(told["settings"])
        asyncio.run(
            run(
                settings,
                ready=_ready,
                i_know=bool(told.get("i_know")),
                digest=str(told.get("digest", "")),
            )
        )
    except ProblemError as error:
        log.error("relay_not_started", code=error.code, problem=error.en)
        _report(
            {
                "problem": {
                    "code": error.code,
                    "zh": error.zh,
                    "en": error.en,
                    "kind": error.kind.value,
                    "field": error.field,
                    "value": str(error.value),
                }
            }
        )
        return 1
    except Exception:
        log.exception("relay_failed")
        return 2
    return 0


def _ready(info: ServerInfo) -> None:
    settle()
    _report({"ready": asdict(info)})


def _report(what: Mapping[str, Any]) -> None:
    """Tell the starter, who then stops listening: nothing is written to that pipe again."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(what, ensure_ascii=False).encode() + b"\n")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.close(null)


if __name__ == "__main__":
    sys.exit(main())
