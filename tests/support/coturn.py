"""A real coturn on loopback, with the configuration an installation has but for names and ports."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_S

CONFIG = Path(__file__).parent.parent.parent / "deploy/coturn/turnserver.conf"
SECRET = "a secret of the test, shared with coturn"


@dataclass(slots=True)
class Coturn:
    """A running server; `urls` are one for each way to it, `certificate` is its own authority."""

    port: int
    tls_port: int
    certificate: Path
    log: Path

    @property
    def urls(self) -> dict[str, str]:
        return {
            "turn-udp": f"turn:127.0.0.1:{self.port}?transport=udp",
            "turn-tcp": f"turn:127.0.0.1:{self.port}?transport=tcp",
            "turn-tls": f"turns:127.0.0.1:{self.tls_port}?transport=tcp",
        }


def turnserver() -> str:
    """Path of coturn; skips the test without one, except in CI, where that is a failure."""
    if path := shutil.which("turnserver"):
        return path
    sentence = "no coturn is installed: TURN tests need one (apt install coturn)"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    certificate, key = folder / "turn.pem", folder / "turn.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=turn.example", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def adapted(folder: Path, port: int, tls_port: int) -> Path:
    """The example configuration with this machine's addresses, ports, secret and certificate."""
    certificate, key = make_certificate(folder)
    text = CONFIG.read_text("utf-8")
    for setting, value in {
        "listening-port": port,
        "tls-listening-port": tls_port,
        "cert": certificate,
        "pkey": key,
        "static-auth-secret": SECRET,
        "allowed-peer-ip": "127.0.0.1",
    }.items():
        text, count = re.subn(rf"^{setting}=.*$", f"{setting}={value}", text, flags=re.MULTILINE)
        assert count == 1, setting
    text = text.replace("\nsyslog\n", f"\nlog-file={folder}/turn.log\nsimple-log\n")
    # The relay is on loopback here, which coturn does not relay to unless it is told.
    text += "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nallow-loopback-peers\n"
    text += f"pidfile={folder}/turn.pid\nuserdb={folder}/turn.db\n"
    made = folder / "turnserver.conf"
    made.write_text(text, encoding="utf-8")
    return made


@contextmanager
def _process(folder: Path, config: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [turnserver(), "-c", config], cwd=folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@asynccontextmanager
async def coturn(folder: Path) -> AsyncIterator[Coturn]:
    """Run one until the context ends."""
    port, tls_port = free_port(), free_port()
    config = adapted(folder, port, tls_port)
    log = folder / "turn.log"
    with _process(folder, config) as process:
        for wanted in (port, tls_port):
            async with asyncio.timeout(PATIENCE_S):
                while not await _answers(wanted):
                    assert process.poll() is None, log.read_text() if log.exists() else "no log"
                    await asyncio.sleep(0.02)
        yield Coturn(port, tls_port, folder / "turn.pem", log)
