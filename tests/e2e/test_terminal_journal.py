"""A classroom's own journal: kept by a real browser through kill -9 and a reload, sent later."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from sync_classroom.domain.facts import SeatMedia, TerminalJournal
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.terminal_journal import SealCheck
from sync_classroom.store.database import open_store
from tests.support.browser import launch, page_problems, wait_frames
from tests.support.classrooms import town
from tests.support.waiting import until

pytestmark = [pytest.mark.asyncio, pytest.mark.browser]

HOST, ROOM = "host-1-r1", "far-1-r1"
SLOW_MS = 30_000
_SPOOL = """
() => new Promise((resolve, reject) => {
  const asking = indexedDB.open("sync-classroom-terminal");
  asking.onerror = () => reject(asking.error);
  asking.onsuccess = () => {
    const all = asking.result.transaction("samples").objectStore("samples").getAll();
    all.onsuccess = () => { asking.result.close(); resolve(all.result); };
  };
})
"""


async def spooled(room: Page) -> list[dict[str, Any]]:
    """What the room's browser keeps."""
    found: list[dict[str, Any]] = await room.evaluate(_SPOOL)
    return found


async def heard(room: Page, least: int, since_ms: float) -> list[dict[str, Any]]:
    """Wait until so many samples that begin after an instant heard something."""

    async def enough() -> list[dict[str, Any]] | None:
        some = [s for s in await spooled(room) if s["from"] > since_ms and s["moved"] > 5_000]
        return some if len(some) >= least else None

    return await until(enough, within_s=120)


async def moving(page: Page) -> None:
    """Wait for a teacher's picture that goes on."""
    shown = await wait_frames(page, "#teacher video", 1, timeout_s=30)
    await wait_frames(page, "#teacher video", shown + 5, timeout_s=30)


async def test_a_journal_survives_kill_and_reload_and_is_sent_once(tmp_path: Path) -> None:
    async with town(tmp_path) as school, launch() as browser:
        lesson = await school.plan(starts_in_s=5)
        begins_ms = (time.time() + 5) * 1000
        host = await school.terminal(browser, HOST)
        room = await school.terminal(browser, ROOM)
        await host.click("#main-button[data-action=start]:enabled")
        await moving(room)
        kept = "async () => (await (await caches.open('terminal-shell')).keys()).length > 10"
        await room.wait_for_function(kept)
        school.kill_coordinator()
        await room.wait_for_selector("[data-banner=offline]")
        before = await heard(room, 2, begins_ms)
        # A reboot of the classroom, with nobody to send anything to.
        await room.reload()
        await moving(room)
        await heard(room, len(before) + 1, begins_ms)
        noted = {s["n"] for s in await spooled(room)}
        assert {s["n"] for s in before} <= noted
        await school.restart()

        async def said() -> dict[str, Any] | None:
            timeline = await school.admin.get(f"/api/lessons/{lesson}/timeline")
            [seat] = timeline["seats"]
            # The relay kept its own evidence meanwhile; it is fetched, too.
            return seat if seat["second_opinion"] and seat["credited_s"] else None

        seat = await until(said, within_s=60)

        async def sent() -> bool:
            return not noted & {s["n"] for s in await spooled(room)}

        await until(sent, within_s=60)
        credited = seat["credited_s"]
        opinion = seat["second_opinion"]
        assert opinion["verdict"] == "agrees", opinion
        assert opinion["observed_s"] >= 20
        assert credited >= 20
        for page in (host, room):
            assert page_problems(page) == []
            await page.context.close()
        await asyncio.to_thread(school.server.stop)

        store = await open_store("sqlite:///sync_classroom.db", data_dir=tmp_path)
        samples = await store.samples_of([OccurrenceId(lesson)])
        facts = await store.facts_of([OccurrenceId(lesson)])
        await store.close()
        # Once each, in the order of their numbers, and as sealed.
        numbers = [int(s.id.rpartition(":")[2]) for s in samples]
        assert noted <= set(numbers)
        assert len(numbers) == len(set(numbers))
        assert sum(s.frames for s in samples) > 50
        assert sum(s.sound_bytes for s in samples) > 10_000
        seals = SealCheck()
        for fact in facts:
            if isinstance(fact, TerminalJournal):
                seals.seal(fact)
        for journal in {s.journal for s in samples}:
            seals.check(journal, [s for s in samples if s.journal == journal])
        assert (seals.broken, seals.absent) == ([], ())
        assert any(isinstance(f, SeatMedia) for f in facts)
