"""Real processes of ours for tests: started on free ports, watched, always stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_S

HOST = "host-1-r1"
PASSWORD = "correct horse 7"


def _zone() -> ZoneInfo:
    """The city's zone; late in its evening one where it is noon.

    Lessons are planned by the clock, and one that passes midnight is of two days.
    """
    now = datetime.now(UTC)
    city = ZoneInfo("Asia/Shanghai")
    if now.astimezone(city).hour < 20:
        return city
    return ZoneInfo(f"Etc/GMT{now.hour - 12:+d}")  # POSIX counts hours west of Greenwich


ZONE = _zone()
COMMANDS = """
import json, sys
from sync_classroom.cli import main
for arguments in json.loads(sys.argv[1]):
    main(arguments, standalone_mode=False)
"""


class Server:
    """`sync-classroom serve` in a folder of its own; `kill` is kill −9, `stop` is SIGTERM."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.relay_port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.relay_url = f"http://127.0.0.1:{self.relay_port}"
        self.log = folder / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.environment = os.environ | {
            "SYNC_CLASSROOM_SERVER__LISTEN": f"127.0.0.1:{self.port}",
            "SYNC_CLASSROOM_SERVER__DATA_DIR": str(folder / "data"),
            "SYNC_CLASSROOM_RELAY__HTTP": f"127.0.0.1:{self.relay_port}",
            "SYNC_CLASSROOM_RELAY__MEDIA": f"0.0.0.0:{free_port()}",
            "SYNC_CLASSROOM_PROGRAMME__TIMEZONE": ZONE.key,
            "SYNC_CLASSROOM_RELAY__MAX_LOAD": "1",  # a slow machine's load is not what is tested
            "LC_ALL": "C.UTF-8",
            **settings,
        }

    def command(self, *arguments: str, check: bool = True) -> str:
        """Run another command of ours in the same installation; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "sync_classroom.cli", *arguments],
            env=self.environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def roster(self) -> Path:
        """A file with Taicang's roster, in `ZONE`."""
        path = self.folder / "taicang.toml"
        text = Path("config/taicang.toml").read_text("utf-8")
        assert text.count('"Asia/Shanghai"') == 1
        path.write_text(text.replace("Asia/Shanghai", ZONE.key), "utf-8")
        return path

    def start_with_lesson(self, rooms: Sequence[str]) -> str:
        """Start it with Taicang's roster, an administrator and a lesson that begins now; its id.

        One process makes all of it: starting three takes longer than what they do.
        """
        now = datetime.now(ZONE).replace(tzinfo=None, microsecond=0)
        commands = [
            ["init", str(self.roster())],
            ["user", "add", "admin", "--name", "A", "--role", "admin", "--password", PASSWORD],
            ["lesson", "add", "--title", "T", "--subject", "英语", "--teacher", "host-1-t01",
             "--classroom", HOST, "--at", f"{now}", *(a for r in rooms for a in ("--seat", r))],
        ]  # fmt: skip
        made = subprocess.run(
            [sys.executable, "-c", COMMANDS, json.dumps(commands)],
            env=self.environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        found = re.search(r"o-\d{8}-\w{8}", made.stdout)
        assert found, made.stdout + made.stderr
        self.start()
        return found.group()

    def start(self, authority: Path | None = None) -> None:
        """Start it and wait until it is ready; over TLS if a certificate authority is given."""
        if authority is not None:
            self.url = self.url.replace("http:", "https:")
            self.relay_url = self.relay_url.replace("http:", "https:")
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sync_classroom.cli", "serve", "--stop-relay"],
                env=self.environment, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        tls = ssl.create_default_context(cafile=str(authority)) if authority else None
        wait_for_http(f"{self.url}/readyz", alive=lambda: self.running, log=self.log, tls=tls)

    def said(self, pattern: str) -> re.Match[str]:
        """Wait until its log holds the pattern: pages answer a moment before it says where."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.log.read_text("utf-8")):
                return found
            time.sleep(0.02)
        raise AssertionError(f"{pattern!r} was not said: {self.log.read_text('utf-8')[-2000:]}")

    def stop_and_read(self) -> str:
        """Stop it and return all it said."""
        self.stop()
        return self.log.read_text("utf-8")

    @property
    def running(self) -> bool:
        """Whether the coordinator process lives."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """kill −9 the coordinator; the relay lives on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def relay_pid(self) -> int:
        """Process id of the relay that holds this installation's media port."""
        port = self.environment["SYNC_CLASSROOM_RELAY__MEDIA"].rpartition(":")[2]
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (pid := _holds_udp(entry, int(port))):
                return pid
        raise AssertionError(f"no process holds UDP {port}")

    def kill_relay(self) -> None:
        """kill −9 the relay."""
        os.kill(self.relay_pid(), signal.SIGKILL)

    def stop_coordinator(self) -> None:
        """Ask the coordinator to stop, and wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def stop(self) -> None:
        """Stop coordinator and relay, whatever state they are in."""
        self.stop_coordinator()
        try:
            pid = self.relay_pid()
        except AssertionError:
            return
        os.kill(pid, signal.SIGKILL)


def _holds_udp(process: Path, port: int) -> int:
    """The process id if this process has a socket bound to the UDP port, else 0."""
    try:
        inodes = {
            str(fd.readlink()).removeprefix("socket:[").removesuffix("]")
            for fd in (process / "fd").iterdir()
            if str(fd.readlink()).startswith("socket:[")
        }
    except OSError:
        return 0
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and fields[9] in inodes:
            return int(process.name)
    return 0


def wait_for_http(
    url: str,
    *,
    alive: Callable[[], bool] = lambda: True,
    log: Path | None = None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Wait until the address answers 200, while `alive`."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if not alive():
            break
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_S, context=tls) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    tail = log.read_text("utf-8", errors="replace")[-3000:] if log and log.exists() else ""
    raise AssertionError(f"{url} did not answer 200 in time\n{tail}")


@contextmanager
def running_server(folder: Path, **settings: str) -> Iterator[Server]:
    """A running server, stopped at the end."""
    server = Server(folder, **settings)
    try:
        yield server
    finally:
        server.stop()
