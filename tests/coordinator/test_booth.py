"""The lesson side put together: one set of services over one store, bus and relay."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.ids import OccurrenceId
from tests.support.coordination import bench, roster
from tests.support.plans import at, lesson

pytestmark = pytest.mark.asyncio

LESSON = lesson("o-1", seats=["far-1-r1"])


async def test_building_reads_the_roster_and_disturbs_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:
        assert table.booth.roster.current() == roster()
        assert table.booth.media.generation == 0
        assert (table.relay.puts, table.relay.confirmed) == (0, None)
        assert not table.lease.leading


async def test_a_command_a_sweep_and_the_journal_speak_of_the_same_lesson(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:
        await table.add(LESSON)
        table.clock.now = at("11:00")
        await table.sweep(first=True)
        span = {"from": "2026-11-23T01:00:00.000Z", "to": "2026-11-23T01:00:10.000Z"}
        table.relay.journal_records = [
            {
                "id": "relay-1:b1:1",
                "kind": "publish",
                "room": "o-1",
                "peer": "host",
                "source": "camera",
                **span,
                "packets": 10,
                "bytes": 10,
            }
        ]
        assert await table.booth.ingest.pull() == 1
        view = await table.booth.lessons.view(OccurrenceId("o-1"))
        assert view is not None
        assert (view.run.state, view.run.live_at) == ("ended", at("09:00"))
        timeline = await table.booth.evidence.timeline(OccurrenceId("o-1"))
        assert timeline is not None
        assert timeline.host == ((at("09:00"), at("09:00:10")),)
