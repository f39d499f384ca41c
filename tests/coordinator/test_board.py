"""Every classroom in use, with its device."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.ids import TerminalId
from tests.support.web import site

pytestmark = pytest.mark.asyncio


async def test_every_room_in_use_is_a_row_hosts_first(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        rows = await served.services.board.rows()
        schools = ("host-1", "host-2", "far-1", "far-2")
        assert [r.classroom.id for r in rows] == [
            f"{school}-r{n}" for school in schools for n in range(1, 5)
        ]
        assert all(r.terminal is None and not r.online for r in rows)


async def test_a_row_shows_its_device_as_it_is(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        terminal, token = await served.device("far-1-r2")
        async with served.connect() as socket:
            await served.hello(socket, token)
            await served.services.hub.write_reports()
            row = next(r for r in await served.services.board.rows() if r.online)
        assert row.classroom.id == "far-1-r2"
        assert row.school.name == "受援校一"
        assert row.terminal is not None
        assert row.terminal.id == terminal
        assert (row.page_version, row.last_seen_at) == ("test", served.clock())
        assert (row.selfcheck, row.selfcheck_at) == (None, None)
        await served.services.enrolment.revoke(TerminalId(terminal))
        assert all(r.terminal is None for r in await served.services.board.rows())
