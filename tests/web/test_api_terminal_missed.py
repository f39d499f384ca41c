"""What a terminal is told it missed: its own room's, by its token, and no coverage changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.missed import ENGLISH, NAME, running
from tests.support.pages import office
from tests.support.pushes import bearer
from tests.support.web import body_of

pytestmark = pytest.mark.asyncio
ADDRESS = "/api/terminal/lessons/english/missed"


async def test_the_offer_names_when_and_where_it_is(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await running(served)
        facts = len(await served.store.facts_of([ENGLISH]))
        here, there = await bearer(served, "remote-1-r2"), await bearer(served, "remote-1-r1")
        answer = await served.ask("GET", ADDRESS, headers=here)
        assert answer.status == 200, await answer.text()
        href = f"/api/terminal/lessons/english/missed/{NAME}"
        assert await answer.json() == {
            "over": False,
            "make_up": False,
            "until": "2026-11-23T00:30:00Z",
            "missed": [
                {
                    "from_at": "2026-11-23T00:20:00Z",
                    "to_at": "2026-11-23T00:25:00Z",
                    "from_s": 20.0,
                    "to_s": 320.0,
                    "parts": [
                        {"source": "camera", "href": href, "start_s": 0.0, "from_s": 20.0,
                         "to_s": 60.0}
                    ],
                }
            ],
        }  # fmt: skip
        assert (await (await served.ask("GET", ADDRESS, headers=there)).json())["missed"] == []
        played = await served.ask("GET", f"{href}?from_s=20&to_s=60", headers=here)
        assert len(body_of(played)) > 10_000
        # Watched later is not received live: no fact, so no figure moves.
        assert len(await served.store.facts_of([ENGLISH])) == facts


async def test_people_strangers_and_other_rooms_are_refused(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await running(served)
        for role in served.users:
            assert (await served.ask("GET", ADDRESS, role=role)).status == 403
            assert (await served.ask("GET", f"{ADDRESS}/{NAME}", role=role)).status == 403
        assert (await served.ask("GET", ADDRESS)).status == 401
        assert (await served.ask("GET", f"{ADDRESS}/{NAME}")).status == 401
        other = await bearer(served, "remote-3-r1")
        for address in (ADDRESS, f"{ADDRESS}/{NAME}?from_s=0&to_s=9"):
            refused = await served.ask("GET", address, headers=other)
            assert (refused.status, (await refused.json())["code"]) == (404, "lesson_not_here")
