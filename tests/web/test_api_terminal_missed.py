"""What a terminal is told it missed: its own room's, by its token, and no coverage changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.documents import GREEN, colour_of, near, turned
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
                    "pages": [],
                }
            ],
        }  # fmt: skip
        assert (await (await served.ask("GET", ADDRESS, headers=there)).json())["missed"] == []
        played = await served.ask("GET", f"{href}?from_s=20&to_s=60", headers=here)
        assert len(body_of(played)) > 10_000
        # Watched later is not received live: no fact, so no figure moves.
        assert len(await served.store.facts_of([ENGLISH])) == facts


async def test_the_pages_shown_meanwhile_are_told_and_their_pictures_come(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await running(served)
        document = await turned(served, "english", (1, "08:19"), (2, "08:20:10"), (None, "08:21"))
        here = await bearer(served, "remote-1-r2")
        [missed] = (await (await served.ask("GET", ADDRESS, headers=here)).json())["missed"]
        assert (missed["from_s"], missed["to_s"]) == (20, 320)
        # The recording began at 08:19:40.
        assert [(p["page"], p["from_s"], p["to_s"]) for p in missed["pages"]] == [
            (1, 20, 30), (2, 30, 80),
        ]  # fmt: skip
        page = missed["pages"][1]
        assert (page["document"], page["name"], page["pages"]) == (document.id, "课件.pdf", 2)
        assert page["width"] > page["height"] > 0
        address = f"/api/lessons/english/documents/{document.id}/pages/2"
        answer = await served.ask("GET", address, headers=here)
        assert near(colour_of(body_of(answer)), GREEN)


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
