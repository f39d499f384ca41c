"""GStreamer as Debian has it, in processes of its own: foreign WHIP and WHEP clients.

Tests without it are skipped with a sentence, except in CI, where that is a failure.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_S, until

SYSTEM_PYTHON: Final = "/usr/bin/python3"
_SOUND: Final = (
    "audiotestsrc is-live=true ! audioconvert ! audioresample ! queue ! opusenc"
    " ! rtpopuspay pt=111 ! queue"
    " ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111"
)
_PICTURE: Final = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=15/1"
    " ! videoconvert ! queue ! "
)
_CODECS: Final = {
    "H264": "x264enc tune=zerolatency key-int-max=30 bitrate=300 byte-stream=true"
    " ! video/x-h264,profile=constrained-baseline"
    " ! rtph264pay pt=102 config-interval=-1 aggregate-mode=zero-latency ! queue"
    " ! application/x-rtp,media=video,encoding-name=H264,payload=102,packetization-mode=(string)1",
    "VP8": "vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay pt=96 ! queue"
    " ! application/x-rtp,media=video,encoding-name=VP8,payload=96",
}


def sound() -> str:
    """A GStreamer description of a tone as Opus in RTP."""
    return _SOUND


def picture(codec: str) -> str:
    """A GStreamer description of a moving ball as H264 or VP8 in RTP."""
    return _PICTURE + _CODECS[codec]


def _missing(what: str) -> None:
    sentence = f"{what}; deploy/setup.sh test installs it on Debian"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


def need(*imports: str) -> None:
    """Skip the test unless the system's Python has these GStreamer bindings."""
    wanted = ["Gst", "GstSdp", "GstWebRTC", *imports]
    lines = [f"gi.require_version({name!r}, '1.0')" for name in wanted]
    code = "import gi\n" + "\n".join(lines) + f"\nfrom gi.repository import {', '.join(wanted)}"
    done = subprocess.run([SYSTEM_PYTHON, "-c", code], capture_output=True, check=False)
    if done.returncode != 0:
        _missing(f"GStreamer's bindings {wanted} are missing")


@cache
def _preload() -> str:
    """`nice_preload.c`, compiled once per process."""
    compiler = shutil.which("cc")
    if compiler is None:
        _missing("a C compiler is missing")
    assert compiler is not None
    folder = Path(tempfile.mkdtemp(prefix="nice-preload-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    name, source = "libgupnp-igd-1.0.so.4", Path(__file__).with_name("nice_preload.c")
    command = [compiler, "-shared", "-fPIC", f"-Wl,-soname,{name}", str(source), "-ldl"]
    subprocess.run([*command, "-o", str(folder / name)], check=True)
    return str(folder / name)


def _environment() -> dict[str, str]:
    """What a program that uses libnice is started with."""
    return {**os.environ, "LD_PRELOAD": _preload()}


class Peer:
    """A WHIP or WHEP client in a process of its own; `said` are its lines."""

    def __init__(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        self.said: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def last(self, name: str) -> Any:
        """The newest value said under a name, or None."""
        return next((line[name] for line in reversed(self.said) if name in line), None)

    async def wait(self, name: str, value: Any) -> None:
        """Until that was said; what went wrong instead ends the test."""
        await until(lambda: self.last(name) == value or self.last("error"))
        assert self.last("error") is None
        assert self.last(name) == value

    async def leave(self) -> None:
        """Let it say goodbye, and end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await asyncio.to_thread(self.process.wait, PATIENCE_S)
        await asyncio.to_thread(self._reader.join)

    def close(self) -> None:
        """End it however it is."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()


@contextmanager
def gst_peer(way: str, url: str, codec: str) -> Iterator[Peer]:
    """GStreamer's webrtcbin as a `whip` or `whep` client."""
    need()
    description = ""
    if way == "whip":
        description = f"{picture(codec)} ! peer. {sound()} ! peer."
    script = str(Path(__file__).with_name("gst_peer.py"))
    peer = Peer([SYSTEM_PYTHON, script, way, url, codec, description], _environment())
    try:
        yield peer
    finally:
        peer.close()


def _start_whip_client(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    program = shutil.which("whip-client")
    if program is None:
        _missing("whip-client (package simple-whip-client) is missing")
    assert program is not None
    with (folder / "whip-client.log").open("wb") as log:
        return subprocess.Popen([program, *arguments], env=_environment(), stdout=log, stderr=log)


@asynccontextmanager
async def whip_client(folder: Path, url: str, token: str, codec: str) -> AsyncIterator[None]:
    """Meetecho's simple-whip-client publishing; it says goodbye at the end."""
    process = _start_whip_client(
        folder, "-u", url, "-t", token, "-A", sound(), "-V", picture(codec)
    )
    try:
        yield
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(process.wait, PATIENCE_S)
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class RtspServer:
    """A recording host that listens at `url`."""

    url: str
    process: subprocess.Popen[str]

    def hang(self) -> None:
        """The stream stops; the connection stays."""
        assert self.process.stdin is not None
        self.process.stdin.write("stop\n")
        self.process.stdin.flush()


@contextmanager
def rtsp_server(*arguments: str, port: int | None = None) -> Iterator[RtspServer]:
    """`gst_rtsp_server.py`, listening."""
    need("GstRtspServer")
    script = Path(__file__).with_name("gst_rtsp_server.py")
    port = port or free_port()
    process = subprocess.Popen(
        [SYSTEM_PYTHON, str(script), str(port), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        yield RtspServer(f"rtsp://127.0.0.1:{port}/main", process)
    finally:
        process.kill()
        process.communicate()


@contextmanager
def rtmp_push(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """`gst_push.py`, which ends by itself when it is refused."""
    need()
    script = Path(__file__).with_name("gst_push.py")
    process = subprocess.Popen(
        [SYSTEM_PYTHON, str(script), url], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
