"""The relay as a process of its own: spawned, adopted, watched, replaced; it outlives us.

A coordinator that starts finds a relay of its settings and version already forwarding and takes it
over; media never notices. A relay of other settings is left alone while anybody is connected and
replaced the moment it is empty; it goes on taking rooms, because there is no other relay a lesson
could begin on. A relay that was drained ends by itself and is started again. One that lives and
does not answer is as bad as a dead one, and is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import structlog
from prometheus_client import Counter

from .. import __version__
from ..domain.problems import ProblemError, ProblemKind
from .ports import RelayDownError
from .relay_client import RelayClient, RelayIdentity

log = structlog.get_logger(__name__)

#: Imports take half a second, several on a machine that is starting up; more means it hangs.
START_S: Final = 30.0
#: Sessions are closed and their last samples written within a second; more means it hangs.
STOP_S: Final = 10.0
#: Waits before the first, second, … respawn in a row: terminals are to be back within 5 s, and a
#: relay that dies at once must not eat the machine.
BACKOFF_S: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
#: A relay that ran for this long and then died is not dying at once.
STEADY_S: Final = 30.0
#: How often the relay is asked for a sign of life, and an outdated one whether it is empty now.
PULSE_S: Final = 1.0
#: How long one such question may take; it is answered within milliseconds.
ANSWER_S: Final = 3.0
#: A relay that lives but has answered nothing for so long hangs, and its media with it: it is
#: killed and replaced. Longer than a pause of a busy machine that a lesson would survive.
SILENT_S: Final = 10.0
#: Questions that must have gone unanswered, too: a pause of our own process is not the relay's.
SILENT_PULSES: Final = 3
#: How often the death of a process that is not our child is looked for where there is no pidfd.
DEATH_POLL_S: Final = 0.5
#: What systemd tells a service by its environment (sd_notify(3)): a relay we start is none, and a
#: sign of life from it must not pass for ours.
_SERVICE_ENVIRONMENT: Final = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})

RESPAWNS: Final = Counter(
    "sync_classroom_relay_respawns_total", "Times the relay process died and was started again."
)

BootCallback = Callable[[str], Awaitable[None]]


class RelayProcess:
    """Keeps one relay running. `start`, then `watch` in a task; `stop` only when it is to end.

    `settings` are the relay's as JSON (see relay/settings.py), with `control` the Unix socket path
    at which it is found again. `on_boot` is awaited with the boot id whenever another start of the
    relay begins to serve, the first included. The secret and keys travel by standard input.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        on_boot: BootCallback,
        log_level: str = "info",
        log_file: Path | None = None,
    ) -> None:
        self._settings = dict(settings)
        self._control = Path(str(settings["control"]))
        self._digest = settings_digest(settings)
        self._on_boot = on_boot
        self._log_level = log_level
        self._log_file = log_file
        self.client = RelayClient(self._control)
        self.identity: RelayIdentity | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._outdated = False
        self._draining = False
        self._stopping = False
        # One start or stop at a time: a stop during a respawn ends what that one started.
        self._changing = asyncio.Lock()

    async def start(self) -> RelayIdentity:
        """Adopt the running relay or spawn one; return once it serves.

        Raises ProblemError when it cannot start, with what to change.
        """
        async with self._changing:
            return await self._start()

    async def _start(self) -> RelayIdentity:
        found = await self._find()
        if found is None:
            return await self._spawn()
        if not found.settings:
            raise _others(found, self._control)
        same = found.version == __version__ and found.settings == self._digest
        if not same and found.sessions == 0:
            log.info("relay_replaced", boot=found.boot, version=found.version)
            await _end(found.pid)
            return await self._spawn()
        if not same:
            log.warning("relay_outdated", boot=found.boot, sessions=found.sessions)
        self._outdated = not same
        log.info("relay_adopted", boot=found.boot, pid=found.pid)
        if keys := self._settings.get("keys"):
            await self.client.put_keys(keys)
        await self._serve(found)
        return found

    async def watch(self) -> None:
        """Start the relay again whenever it dies, until `stop`; owned by a task of the caller."""
        failures = 0
        while True:
            began = time.monotonic()
            await self._until_gone()
            if self._stopping:
                return
            failures = 0 if time.monotonic() - began >= STEADY_S else failures
            pid = self.identity.pid if self.identity else None
            if self._draining:
                log.info("relay_drained", pid=pid)
            else:
                RESPAWNS.inc()
                log.error("relay_died", pid=pid)
            while True:
                await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
                failures += 1
                try:
                    async with self._changing:
                        if self._stopping:
                            return
                        await self._start()
                    break
                except ProblemError as error:
                    log.error("relay_respawn_failed", code=error.code, problem=error.en)
                except RelayDownError as error:
                    log.error("relay_respawn_failed", problem=str(error))

    async def stop(self) -> None:
        """End the relay; it closes its sessions and writes their last samples first."""
        self._stopping = True
        async with self._changing:
            if self._child is not None and self._child.poll() is None:
                await _end(self._child.pid)
                self._child.wait()
            elif (found := await self._find()) is not None:
                await _end(found.pid)
        await self.close()

    async def close(self) -> None:
        """Let go of the relay and leave it running."""
        if self._child is not None and self._child.poll() is None:
            # It is meant to outlive us; without this, Popen warns that nobody waited for it.
            self._child.returncode = 0
        self._child = None
        await self.client.close()

    # -------------------------------------------------------------------- starting

    async def _find(self) -> RelayIdentity | None:
        """The relay that answers at the control socket; one that holds it in silence is killed."""
        began = time.monotonic()
        while (holder := _listener(self._control)) is not None:
            try:
                return await self.client.identity()
            except RelayDownError as error:
                log.info("relay_not_answering", control=str(self._control), error=str(error))
                if not isinstance(error.__cause__, TimeoutError):
                    return None
            if time.monotonic() - began >= SILENT_S:
                await _kill_silent(holder)
        return None

    async def _spawn(self) -> RelayIdentity:
        told = json.dumps(
            {
                "settings": self._settings,
                "digest": self._digest,
                "log_level": self._log_level,
                "log_file": str(self._log_file) if self._log_file is not None else None,
            }
        )
        child = self._popen()
        self._child = child
        try:
            async with asyncio.timeout(START_S):
                report = await asyncio.to_thread(_tell, child, told.encode())
        except BaseException as error:
            child.kill()  # ends the thread that reads its report, too
            child.wait()
            if isinstance(error, TimeoutError):
                raise _problem({}, "timeout", self._log_file) from error
            raise
        if "ready" not in report:
            status = await asyncio.to_thread(child.wait)
            raise _problem(report, status, self._log_file)
        self._outdated = False
        found = _reported(report["ready"], self._digest)
        log.info("relay_spawned", boot=found.boot, pid=found.pid)
        await self._serve(found)
        return found

    @property
    def _errors_file(self) -> Path | None:
        """What Python itself says of a crash; standard error of ours would die with us."""
        return None if self._log_file is None else self._log_file.with_suffix(".stderr")

    def _popen(self) -> subprocess.Popen[bytes]:
        """The child, in a session of its own: neither Ctrl-C on our terminal nor our death is its.

        asyncio's subprocesses are no use here: they kill the child when their loop goes away.
        """
        errors: Any = None
        if self._errors_file is not None:
            self._errors_file.parent.mkdir(parents=True, exist_ok=True)
            errors = self._errors_file.open("wb")
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "sync_classroom.relay.server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={k: v for k, v in os.environ.items() if k not in _SERVICE_ENVIRONMENT},
                start_new_session=True,
            )
        finally:
            if errors is not None:
                errors.close()

    async def _serve(self, found: RelayIdentity) -> None:
        self.identity = found
        self._draining = found.draining
        try:
            await self._on_boot(found.boot)
        except Exception:  # whatever the rooms' owner makes of it, the relay is to be watched
            log.exception("relay_boot_callback_failed", boot=found.boot)

    # -------------------------------------------------------------------- watching

    async def _until_gone(self) -> None:
        """Return when the relay has died, of itself or because we had to see to it."""
        assert self.identity is not None
        pid = self.identity.pid
        death = asyncio.create_task(self._death(pid), name="relay-death")
        heard, missed = time.monotonic(), 0
        try:
            while not (await asyncio.wait({death}, timeout=PULSE_S))[0]:
                try:
                    async with asyncio.timeout(ANSWER_S):
                        idle = await self._look()
                except (RelayDownError, TimeoutError):
                    missed += 1
                    if missed >= SILENT_PULSES and time.monotonic() - heard >= SILENT_S:
                        await _kill_silent(pid)
                else:
                    heard, missed = time.monotonic(), 0
                    if idle:
                        await _end(pid)
        finally:
            death.cancel()

    async def _look(self) -> bool:
        """Ask for a sign of life; whether the relay is known to be empty."""
        if self._outdated:
            return (await self.client.identity()).sessions == 0
        self._draining = (await self.client.pulse()).draining
        return False

    async def _death(self, pid: int) -> None:
        async with _pidfd(pid) as gone:
            await gone.wait()
        if self._child is not None and self._child.pid == pid:
            self._child.wait()  # it has ended: this only reaps it


def settings_digest(settings: Mapping[str, Any]) -> str:
    """What two starters compare relay settings by; keys and secret may differ."""
    compared = {k: v for k, v in settings.items() if k not in {"keys", "control_secret"}}
    text = json.dumps(compared, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _tell(child: subprocess.Popen[bytes], told: bytes) -> dict[str, Any]:
    """Hand the child its settings and read its one line; {} if it died without one."""
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin, contextlib.suppress(BrokenPipeError):
        child.stdin.write(told)
        child.stdin.flush()
    with child.stdout:
        line = child.stdout.readline()
    try:
        report = json.loads(line)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def _reported(ready: Mapping[str, Any], digest: str) -> RelayIdentity:
    """Who has just said that it is ready; nobody can be connected yet."""
    return RelayIdentity(
        relay=str(ready["relay"]),
        boot=str(ready["boot"]),
        pid=int(ready["pid"]),
        version=str(ready["version"]),
        settings=digest,
        media_port=int(ready["media_port"]),
        http_port=int(ready["http_port"]),
        draining=False,
        sessions=0,
    )


def _others(found: RelayIdentity, control: Path) -> ProblemError:
    """A relay that was started by itself has no digest: whoever runs it would start it again."""
    return ProblemError(
        "relay_others",
        f"{control} 上已有单独运行的媒体服务（进程 {found.pid}）。请设 relay.spawn = false"
        " 以使用它，或先停止它。",
        f"A relay that runs by itself (process {found.pid}) is at {control}. Set relay.spawn ="
        " false to use it, or stop it first.",
        kind=ProblemKind.CONFLICT,
        field="relay.spawn",
        value=found.pid,
    )


def _listener(path: Path) -> int | None:
    """The process that listens at a Unix socket (unix(7), SO_PEERCRED); None if nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except OSError:
            return None
        credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(credentials)[0])


_UCRED: Final = struct.Struct("=iII")  # pid, uid, gid


def _problem(report: Mapping[str, Any], status: int | str, log_file: Path | None) -> ProblemError:
    found = report.get("problem")
    if isinstance(found, dict):
        return ProblemError(
            str(found["code"]),
            str(found["zh"]),
            str(found["en"]),
            kind=ProblemKind(found["kind"]),
            field=found.get("field"),
            value=found.get("value"),
        )
    zh, en = "上面的输出", "the output above"
    if log_file is not None:
        crash = log_file.with_suffix(".stderr").name
        zh, en = f"{log_file} 或同一目录的 {crash}", f"{log_file} or {crash} beside it"
    return ProblemError(
        "relay_not_started",
        f"媒体服务未能启动（退出码 {status}）。原因见{zh}。",
        f"The relay did not start (exit status {status}). See {en} for the reason.",
        kind=ProblemKind.UNAVAILABLE,
        value=status,
    )


async def _end(pid: int) -> None:
    """SIGTERM, and SIGKILL if it does not go; returns when the process is gone."""
    try:
        async with _pidfd(pid) as gone:
            os.kill(pid, signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_S):
                    await gone.wait()
            except TimeoutError:
                log.error("relay_killed", pid=pid)
                os.kill(pid, signal.SIGKILL)
                await gone.wait()
    except ProcessLookupError:
        return


async def _kill_silent(pid: int) -> None:
    """SIGKILL, which even a stopped process obeys; returns when it is gone."""
    log.error("relay_hangs", pid=pid, silent_s=SILENT_S)
    with contextlib.suppress(ProcessLookupError):
        async with _pidfd(pid) as gone:
            os.kill(pid, signal.SIGKILL)
            await gone.wait()


@contextlib.asynccontextmanager
async def _pidfd(pid: int) -> AsyncIterator[asyncio.Event]:
    """An event that is set when the process, child or not, has ended."""
    gone = asyncio.Event()
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        gone.set()
        yield gone
        return
    except (AttributeError, OSError):  # no pidfd on this system
        poll = asyncio.create_task(_poll(pid, gone), name="relay-pid-poll")
        try:
            yield gone
        finally:
            poll.cancel()
        return
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, gone.set)
    try:
        yield gone
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _poll(pid: int, gone: asyncio.Event) -> None:
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            gone.set()
            return
        await asyncio.sleep(DEATH_POLL_S)
