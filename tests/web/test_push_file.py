"""A push's file in ranges, in quiet hours, at the school's pace, for its own room only."""

from __future__ import annotations

import hashlib
from pathlib import Path

import aiohttp
import pytest

from sync_classroom.coordinator.push_files import LineOptions
from sync_classroom.domain.school_lines import Line, Lines, parse_hours
from tests.support.library import PDF
from tests.support.pages import office
from tests.support.plans import at
from tests.support.pushes import ROOM, bearer, pushed
from tests.support.web import Site, body_of

pytestmark = pytest.mark.asyncio
ETAG = f'"{hashlib.sha256(PDF).hexdigest()}"'
NIGHT = LineOptions(Lines(Line((parse_hours("17:00-07:30"),), 0)))


async def get(
    served: Site, push: str, headers: dict[str, str], query: str = ""
) -> aiohttp.ClientResponse:
    return await served.ask("GET", f"/api/terminal/pushes/{push}/t1/file{query}", headers=headers)


async def test_the_whole_file_and_any_rest_of_it(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        here, order = await bearer(served), await pushed(served)
        answer = await get(served, order.id, here)
        assert (answer.status, answer.content_type) == (200, "application/pdf")
        assert answer.headers["ETag"] == ETAG
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert body_of(answer) == PDF
        size = len(PDF)
        for asked, first, last in (
            ("bytes=0-", 0, size),
            (f"bytes={size - 1}-", size - 1, size),
            ("bytes=100-199", 100, 200),
            (f"bytes=100-{size * 2}", 100, size),
        ):
            answer = await get(served, order.id, {**here, "Range": asked, "If-Range": ETAG})
            assert answer.status == 206, asked
            assert answer.headers["Content-Range"] == f"bytes {first}-{last - 1}/{size}"
            assert body_of(answer) == PDF[first:last]


async def test_a_range_of_another_file_or_of_no_sense_gets_all_of_this_one(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        here, order = await bearer(served), await pushed(served)
        for headers in (
            {"Range": "bytes=100-", "If-Range": '"other"'},
            {"Range": "bytes=-100"},
            {"Range": "bytes=5-2"},
            {"Range": "bytes=0-1,5-6"},
            {"Range": "lines=1-"},
        ):
            answer = await get(served, order.id, {**here, **headers})
            assert (answer.status, body_of(answer)) == (200, PDF), headers
        answer = await get(served, order.id, {**here, "Range": f"bytes={len(PDF)}-"})
        assert answer.status == 416
        assert answer.headers["Content-Range"] == f"bytes */{len(PDF)}"


async def test_only_the_rooms_own_terminal_and_only_while_the_push_is_open(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        here, there = await bearer(served), await bearer(served, "remote-2-r1")
        order = await pushed(served, expires_at=at("12:00"))
        assert (await get(served, order.id, there)).status == 404
        assert (await get(served, "p-none", here)).status == 404
        assert (await get(served, order.id, {})).status == 401
        for role in served.users:
            path = f"/api/terminal/pushes/{order.id}/t1/file"
            assert (await served.ask("GET", path, role=role)).status == 403
        served.clock.now = at("12:00")
        answer = await get(served, order.id, here)
        assert answer.status == 409
        assert (await answer.json())["code"] == "push_not_open"


async def test_outside_quiet_hours_only_when_asked(tmp_path: Path) -> None:
    async with office(tmp_path, lines=NIGHT) as served:
        here, order = await bearer(served), await pushed(served)
        answer = await get(served, order.id, here)
        assert answer.status == 503
        told = await answer.json()
        assert told["code"] == "push_not_quiet"
        assert "push.quiet_hours" in told["zh"]
        assert int(answer.headers["Retry-After"]) == 7 * 3600
        assert (await get(served, order.id, here, "?asked=1")).status == 200
        served.clock.now = at("17:00")
        assert (await get(served, order.id, here)).status == 200


async def test_a_file_that_is_gone_from_the_disk_is_said_to_be(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        here, order = await bearer(served, ROOM), await pushed(served)
        for path in (tmp_path / "library" / "files").iterdir():
            path.unlink()
        assert (await get(served, order.id, here)).status == 404
