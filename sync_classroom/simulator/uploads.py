"""Files sent to the server as its pages send them: announced, then their bytes (tus 1.0.0)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import IO, Final
from urllib.parse import urljoin

import aiohttp

from .answers import accepted

PATH: Final = "/api/library/uploads"


async def upload(
    http: aiohttp.ClientSession,
    server: str,
    data: bytes | IO[bytes],
    name: str,
    size: int,
    headers: Mapping[str, str],
) -> str:
    """Send a file by somebody's `headers`; its id there.

    RequestRefusedError if the server does not take it, aiohttp.ClientError without one.
    """
    sent = {"Origin": server.rstrip("/"), "Tus-Resumable": "1.0.0", **headers}
    named = b64encode(name.encode()).decode()
    first = {"Upload-Length": str(size), "Upload-Metadata": f"filename {named}"}
    async with http.post(urljoin(server, PATH), headers=sent | first) as response:
        await accepted(response)
        address = urljoin(server, response.headers["Location"])
    piece = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    async with http.patch(address, data=data, headers=sent | piece) as response:
        await accepted(response)
    return address.rpartition("/")[2]
