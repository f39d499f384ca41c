"""A school's cache: a real nginx with deploy/nginx/school-cache.conf, in plain HTTP on loopback."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import aiohttp

from tests.support.programs import program
from tests.support.waiting import PATIENCE_S, until

CONF: Final = Path(__file__).parents[2] / "deploy/nginx/school-cache.conf"


def configured(folder: Path, port: int, server: str) -> Path:
    """The file as it is shipped, but for places, ports and TLS; where nginx reads it."""
    site = CONF.read_text("utf-8")
    for pattern, instead in (
        (r"listen 8443 ssl;", f"listen 127.0.0.1:{port};"),
        (r"\n *listen \[::\]:8443 ssl;", ""),
        (r"\n *(proxy_)?ssl_\w+ [^;]+;", ""),
        (r"/var/cache/sync-classroom", f"{folder}/kept"),
        (r"https://class\.example", server),
    ):
        site, count = re.subn(pattern, instead, site)
        assert count, pattern
    user = "user root;\n" if os.geteuid() == 0 else ""
    file = folder / "nginx.conf"
    file.write_text(
        f"{user}daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n"
        "events {}\nhttp {\n"
        + "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy"))
        + f"{site}}}\n",
        encoding="utf-8",
    )
    return file


@contextmanager
def _nginx(folder: Path, port: int, server: str) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir()
    conf = configured(folder, port, server)
    with subprocess.Popen([program("nginx"), "-p", folder, "-c", conf]) as process:
        try:
            yield process
        finally:
            process.terminate()


@asynccontextmanager
async def school_cache(folder: Path, port: int, server: str) -> AsyncIterator[str]:
    """Run it in front of `server`; where terminals reach it."""
    url = f"http://127.0.0.1:{port}"
    with _nginx(folder, port, server) as process:

        async def answers() -> bool:
            assert process.poll() is None, "nginx ended; it said why"
            try:
                async with aiohttp.request("GET", url) as answer:
                    return answer.status == 404
            except aiohttp.ClientError:
                return False

        await until(answers, within_s=PATIENCE_S)
        yield url
