"""Janus's VideoRoom under the same load: the same publisher bytes, the same receivers.

A real Janus with a configuration of its own (ICE-lite, one address, VideoRoom and the Unix socket
transport alone, warnings logged to a file) in a temporary folder; what is not named is its default.
It never uses the loopback address, so it gets this machine's own: its packets stay on the loopback
device all the same. Its default gives each handle a thread; `--loops N` shares N threads.

    python -m bench.relay.janus --subscribers 47 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from bench import figures
from bench.figures import Figure
from bench.relay.measure import Load, forwarding
from bench.relay.pattern import CAMERA
from bench.relay.peers import MID_ID, OPUS, PWD, SEND_TIME_ID, UFRAG, VP8, Remote, fingerprint
from sync_classroom.relay.interfaces import reachable_addresses
from sync_classroom.relay.sdp import ABS_SEND_TIME, MID
from sync_classroom.relay.session import Direction

LIBRARIES: Final = Path("/usr/lib/x86_64-linux-gnu/janus")
START_S: Final = 10.0
START_TRIES: Final = 20
ANSWER_S: Final = 15.0
ROOM: Final = 1234
MISSING: Final = "Janus is not installed (Debian package janus): no figures of it"


def installed() -> str | None:
    """The path of Janus, or None."""
    return shutil.which("janus")


def version() -> str:
    """`1.1.2`, as Janus says of itself; empty if it is not installed."""
    path = installed()
    if path is None:
        return ""
    done = subprocess.run([path, "--help"], capture_output=True, text=True, check=False)
    match = re.search(r"Janus version: \d+ \(([^)]+)\)", done.stdout)
    return match[1] if match else "unknown"


def _folders() -> Path:
    """Where its plugins and transports are: multiarch, or plain."""
    candidates = [*Path("/usr/lib").glob("*/janus"), Path("/usr/lib/janus"), LIBRARIES]
    return next((path for path in candidates if (path / "plugins").is_dir()), LIBRARIES)


def _configure(folder: Path, address: str, loops: int) -> None:
    libraries = _folders()

    def others(kind: str, kept: str) -> str:
        names = {path.name for path in (libraries / kind).glob("*.so*")}
        return ",".join(sorted(name for name in names if kept not in name))

    (folder / "janus.jcfg").write_text(
        f"""
general: {{
    configs_folder = "{folder}"
    plugins_folder = "{libraries}/plugins"
    transports_folder = "{libraries}/transports"
    events_folder = "{folder}/none"
    loggers_folder = "{folder}/none"
    log_to_stdout = false
    log_to_file = "{folder}/janus.log"
    debug_level = 3
    admin_secret = "unused"
    session_timeout = 0
    {f"event_loops = {loops}" if loops else ""}
}}
media: {{ ipv6 = false }}
nat: {{ ice_lite = true
        ice_tcp = false
        ice_enforce_list = "{address}" }}
plugins: {{ disable = "{others("plugins", "videoroom")}" }}
transports: {{ disable = "{others("transports", "pfunix")}" }}
events: {{ broadcast = false }}
"""
    )
    (folder / "janus.transport.pfunix.jcfg").write_text(
        f"""
general: {{ enabled = true
           json = "compact"
           path = "{folder}/api"
           type = "SOCK_SEQPACKET" }}
admin: {{ admin_enabled = false }}
"""
    )
    (folder / "janus.plugin.videoroom.jcfg").write_text("general: { }\n")


# ---------------------------------------------------------------------------- its API


class JanusError(Exception):
    """Janus said no, or nothing."""


def _address() -> str:
    """An IPv4 address of this machine's that Janus will use."""
    for address in reachable_addresses("0.0.0.0"):
        if ":" not in address and not address.startswith("127."):
            return address
    raise JanusError("Janus needs an IPv4 address that is not loopback; this machine has none")


class Api:
    """Janus's JSON API over its Unix socket: one session, one handle per peer."""

    def __init__(self, unix: socket.socket) -> None:
        self._unix = unix
        self._session = 0
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read(), name="janus api")

    async def close(self) -> None:
        """Stop reading; Janus drops the session."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self._unix.close()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self._unix, 1 << 17):
            message = json.loads(data)
            waiting = self._waiting.get(message.get("transaction", ""))
            if waiting is not None and message["janus"] != "ack" and not waiting.done():
                waiting.set_result(message)

    async def request(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send one request; the answer that is not a mere acknowledgement."""
        transaction = str(next(self._numbers))
        message = {"janus": kind, "transaction": transaction, **fields}
        if self._session:
            message["session_id"] = self._session
        loop = asyncio.get_running_loop()
        future = self._waiting[transaction] = loop.create_future()
        await loop.sock_sendall(self._unix, json.dumps(message).encode())
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await future
        finally:
            del self._waiting[transaction]
        data = answer.get("plugindata", {}).get("data", {})
        if answer["janus"] == "error" or "error" in data:
            raise JanusError(f"{fields.get('body', kind)}: {answer}")
        return answer

    async def open(self) -> None:
        """Make the session and the room."""
        self._session = (await self.request("create"))["data"]["id"]
        handle = await self.handle()
        await self.ask(
            handle,
            request="create",
            room=ROOM,
            publishers=2,
            bitrate=0,
            audiocodec="opus",
            videocodec="vp8",
        )

    async def handle(self) -> int:
        """A handle of the VideoRoom plugin."""
        answer = await self.request("attach", plugin="janus.plugin.videoroom")
        return int(answer["data"]["id"])

    async def ask(
        self, handle: int, jsep: dict[str, str] | None = None, **body: Any
    ) -> dict[str, Any]:
        """A message to the plugin; its answer."""
        more = {"jsep": jsep} if jsep is not None else {}
        return await self.request("message", handle_id=handle, body=body, **more)


class Room:
    """The room: one publisher, whose feed everybody else subscribes to."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._feed = 0

    async def opens(self, direction: Direction, peer: str) -> Remote:
        """See `peers.Opens`. A publisher offers; a subscriber is offered."""
        api = self._api
        handle = await api.handle()
        if direction is Direction.PUBLISH:
            joined = await api.ask(
                handle, request="join", ptype="publisher", room=ROOM, display=peer
            )
            self._feed = joined["plugindata"]["data"]["id"]
            answered = await api.ask(handle, {"type": "offer", "sdp": offer()}, request="publish")
            return remote(answered["jsep"]["sdp"])
        offered = await api.ask(
            handle, request="join", ptype="subscriber", room=ROOM, streams=[{"feed": self._feed}]
        )
        text = offered["jsep"]["sdp"]
        await api.ask(handle, {"type": "answer", "sdp": answer(text)}, request="start")
        return remote(text)


def _transport(setup: str) -> list[str]:
    return [
        f"a=ice-ufrag:{UFRAG}",
        f"a=ice-pwd:{PWD}",
        f"a=fingerprint:sha-256 {fingerprint()}",
        f"a=setup:{setup}",
        "a=rtcp-mux",
    ]


def _session(mids: list[str]) -> list[str]:
    return [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {' '.join(mids)}",
        "a=msid-semantic: WMS *",
    ]


def offer() -> str:
    """The publisher's offer: Opus and VP8, the extensions and feedback our relay gets, too."""
    out = _session(["0", "1"])
    codecs = ((0, "audio", OPUS, "opus/48000/2"), (1, "video", VP8, "VP8/90000"))
    for mid, kind, payload_type, name in codecs:
        out += [
            f"m={kind} 9 UDP/TLS/RTP/SAVPF {payload_type}",
            "c=IN IP4 0.0.0.0",
            f"a=mid:{mid}",
            "a=sendonly",
            f"a=rtpmap:{payload_type} {name}",
            f"a=extmap:{MID_ID} {MID}",
            f"a=extmap:{SEND_TIME_ID} {ABS_SEND_TIME}",
            f"a=ssrc:{1000 + mid} cname:bench",
            f"a=msid:bench bench-{mid}",
            *_transport("active"),
        ]
        if kind == "video":
            feedback = ("nack", "nack pli", "goog-remb")
            out += [f"a=rtcp-fb:{payload_type} {value}" for value in feedback]
    return "\r\n".join(out) + "\r\n"


def answer(offered: str) -> str:
    """A subscriber's answer to Janus's offer: everything it offers, received."""
    sections = re.split(r"^(?=m=)", offered.replace("\r\n", "\n"), flags=re.M)[1:]
    kept = re.compile(r"a=(rtpmap|fmtp|rtcp-fb|extmap|mid):")
    mids = [match[1] for match in re.finditer(r"^a=mid:(\S+)", offered, re.M)]
    out = _session(mids)
    for section in sections:
        lines = section.strip().split("\n")
        out += [lines[0], "c=IN IP4 0.0.0.0", "a=recvonly"]
        out += [line.strip() for line in lines if kept.match(line)]
        out += _transport("active")
    return "\r\n".join(out) + "\r\n"


def remote(text: str) -> Remote:
    """Janus's side of a session, from its SDP. Raises JanusError if something is missing."""

    def find(pattern: str) -> re.Match[str]:
        match = re.search(pattern, text, re.M)
        if match is None:
            raise JanusError(f"no {pattern} in {text}")
        return match

    candidate = find(r"^a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) ")
    return Remote(
        find(r"^a=ice-ufrag:(\S+)")[1],
        find(r"^a=ice-pwd:(\S+)")[1],
        find(r"^a=fingerprint:sha-256 (\S+)")[1],
        (candidate[1], int(candidate[2])),
    )


# ---------------------------------------------------------------------------- its process


@asynccontextmanager
async def janus(loops: int = 0) -> AsyncIterator[tuple[Room, int]]:
    """Run Janus until the context ends: its room, and its process id. Raises JanusError."""
    path = installed()
    if path is None:
        raise JanusError(MISSING)
    with tempfile.TemporaryDirectory(prefix="bench-janus-") as name:
        folder = Path(name)
        _configure(folder, _address(), loops)
        process, unix = await _start(path, folder)
        api = Api(unix)
        try:
            await api.open()
            yield Room(api), process.pid
        finally:
            await api.close()
            await _stop(process)


async def _start(path: str, folder: Path) -> tuple[asyncio.subprocess.Process, socket.socket]:
    """A Janus that listens.

    Its Unix socket transport has a race at start (the listening thread may look whether the plugin
    is initialised before it says so, and leaves): Janus then ends, and is simply started again.
    """
    said = ""
    for _ in range(START_TRIES):
        process = await asyncio.create_subprocess_exec(
            path, "-F", str(folder), "-C", str(folder / "janus.jcfg"), "-N", "-o",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        unix = await _connect(folder, process)
        if unix is not None:
            return process, unix
        await _stop(process)
        log = folder / "janus.log"
        said = log.read_text()[-500:] if log.exists() else ""
    raise JanusError(f"Janus did not start; it said: {said}")


async def _connect(folder: Path, process: asyncio.subprocess.Process) -> socket.socket | None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_S
    while process.returncode is None and loop.time() < deadline:
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        unix.setblocking(False)
        try:
            await loop.sock_connect(unix, str(folder / "api"))
        except OSError:
            unix.close()
            await asyncio.sleep(0.05)
        else:
            return unix
    return None


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(START_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def run(load: Load, loops: int = 0) -> dict[str, float]:
    """Costs of one Janus. Raises JanusError."""
    async with janus(loops) as (room, pid):
        return await forwarding(room.opens, pid, load)


def found(costs: dict[str, float], name: str) -> list[Figure]:
    """The figures of one run."""
    split = f"{costs['us_user']:.1f} user, {costs['us_system']:.1f} system"
    count = f"{costs['forwarded']:,.0f} of {costs['expected']:,.0f} arrived"
    return [
        Figure(f"{name}: CPU per forwarded packet", costs["us_per_packet"], "µs", note=split),
        Figure(f"{name}: packets counted at the receivers", costs["forwarded"], note=count),
        Figure(f"{name}: bytes per packet", costs["bytes_per_packet"], "B"),
        Figure(f"{name}: memory per receiver", costs["kb_per_subscriber"], "kB"),
        Figure(f"{name}: CPU per join", costs["ms_cpu_per_join"], "ms"),
        Figure(f"{name}: joins per second, one after the other", costs["joins_per_s"]),
    ]


def parse() -> argparse.Namespace:
    parser = figures.arguments(__doc__)
    parser.add_argument("--subscribers", type=int, default=47)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--loops", type=int, help="event loops; 0 is a thread per handle")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    if installed() is None:
        print(MISSING)
        figures.report([], arguments.json)
        return
    seconds = arguments.seconds or (3.0 if arguments.quick else 10.0)
    load = Load(arguments.subscribers, seconds, CAMERA)
    made: list[Figure] = []
    for loops in (0, 2) if arguments.loops is None else (arguments.loops,):
        threads = f", {loops} event loops" if loops else ""
        try:
            costs = asyncio.run(run(load, loops))
        except JanusError as error:
            sys.exit(str(error))
        made += found(costs, f"Janus {version()}{threads}")
    figures.report(made, arguments.json)


if __name__ == "__main__":
    main()
