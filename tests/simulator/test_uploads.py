"""A virtual device's upload against the real server."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from sync_classroom.domain.documents import MAX_BYTES
from sync_classroom.domain.ids import UserId
from sync_classroom.simulator.answers import RequestRefusedError
from sync_classroom.simulator.uploads import upload
from tests.support.web import site

pytestmark = pytest.mark.asyncio


async def test_a_file_arrives_whole_under_its_name_and_a_refusal_has_words(tmp_path: Path) -> None:
    async with site(tmp_path) as served, aiohttp.ClientSession() as http:
        _, token = await served.device("host-1-r1")
        ours = {"Authorization": f"Bearer {token}"}
        ident = await upload(http, served.url, b"a page", "课件.pdf", 6, ours)
        found = await served.services.library.upload(ident, UserId("terminal:host-1-r1"))
        assert (found.name, found.size, found.complete) == ("课件.pdf", 6, True)
        assert served.services.library.shelf.part(found).read_bytes() == b"a page"
        with pytest.raises(RequestRefusedError) as refused:
            await upload(http, served.url, b"", "课件.pdf", MAX_BYTES + 1, ours)
        assert (refused.value.status, "100 MB" in refused.value.zh) == (422, True)
