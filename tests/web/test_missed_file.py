"""A stretch of a file that grows, over HTTP: it plays, and wrong questions are answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.missed import NAME, running
from tests.support.pages import office
from tests.support.pushes import bearer
from tests.support.recordings import items
from tests.support.web import body_of

pytestmark = pytest.mark.asyncio
ADDRESS = f"/api/terminal/lessons/english/missed/{NAME}"


async def test_what_comes_plays_from_the_keyframe_before(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await running(served)
        here = await bearer(served, "remote-1-r2")
        answer = await served.ask("GET", f"{ADDRESS}?from_s=23.5&to_s=34", headers=here)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith('video/mp4; codecs="avc1.')
        assert answer.headers["Cache-Control"] == "no-store"
        data = body_of(answer)
        assert answer.content_length == len(data)
        got = items(data)
        keys = [item.at_s for item in got if item.kind == "video" and item.key]
        assert keys == [20.0, 30.0]
        assert 34.0 <= max(item.at_s for item in got) < 36.0
        nothing = await served.ask("GET", f"{ADDRESS}?from_s=63&to_s=70", headers=here)
        assert (nothing.status, body_of(nothing)) == (204, b"")


async def test_a_time_that_is_none_is_named(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        here = await bearer(served, "remote-1-r2")
        for query, field, value in (
            ("", "from_s", ""),
            ("from_s=1", "to_s", ""),
            ("from_s=early&to_s=9", "from_s", "early"),
            ("from_s=-1&to_s=9", "from_s", "-1"),
            ("from_s=nan&to_s=9", "from_s", "nan"),
            ("from_s=0&to_s=86401", "to_s", "86401"),
        ):
            answer = await served.ask("GET", f"{ADDRESS}?{query}", headers=here)
            told = await answer.json()
            assert (answer.status, told["code"]) == (422, "missed_bad_time")
            assert (told["field"], told["value"]) == (field, value)
            assert field in told["en"]


async def test_a_page_that_goes_away_in_the_middle_leaves_nothing_open(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        path = await running(served)
        assert path is not None
        here = await bearer(served, "remote-1-r2")
        async with served.client.get(
            f"{served.url}{ADDRESS}?from_s=0&to_s=60", headers=here
        ) as answer:
            await answer.content.read(100)
            answer.close()
        again = await served.ask("GET", f"{ADDRESS}?from_s=0&to_s=60", headers=here)
        assert len(body_of(again)) == path.stat().st_size
