"""Versions as they were published, and the plan as a file that reads back."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.bundle import parse_plan
from tests.support.drafts import TERM
from tests.support.timetable_site import DRAFT, PUBLISH, adding, post, published, read, term_site

pytestmark = pytest.mark.asyncio


async def test_a_version_is_listed_and_read_in_parts(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        made = await published(served)
        assert (made["no"], made["by"], made["note"]) == (1, "admin", "开学")
        assert made["changes"] == {"new": 8, "series_new": 1}
        listed = await read(served, "/api/timetable/versions", role=Role.TEACHER)
        assert listed == {"versions": [made]}
        other = await read(served, "/api/timetable/versions?term=spring")
        assert other == {"versions": []}
        part = await read(served, "/api/timetable/versions/1?offset=8&limit=5")
        assert (part["total"], [e["lesson"] for e in part["entries"]]) == (9, ["eng-20261026"])
        for unknown in ("2", "x", "99999999999999999999", "-1"):
            refused = await served.ask("GET", f"/api/timetable/versions/{unknown}", role=Role.ADMIN)
            assert (refused.status, (await refused.json())["code"]) == (404, "unknown_version")


async def test_publishing_twice_with_one_key_is_one_version(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        await post(served, f"{DRAFT}/steps", {"seen": 0, "command": adding()})
        body = {"seen": 1, "note": "开学"}
        answers = [await post(served, PUBLISH, body, key="same") for _ in range(2)]
        assert [(a.status, (await a.json())["no"]) for a in answers] == [(201, 1), (201, 1)]
        refused = await post(served, PUBLISH, body)
        assert (refused.status, (await refused.json())["code"]) == (409, "draft_changed")


async def test_the_plan_reads_back_as_what_is_published(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        await published(served)
        # What is only drafted is not in it.
        cancel = {"do": "cancel_lesson", "lesson": "eng-20260907", "reason": "停电"}
        await post(served, f"{DRAFT}/steps", {"seen": 2, "command": cancel})
        plan = parse_plan(await read(served, f"/api/timetable/{TERM.id}/plan.json"))
        stored = await served.store.occurrences_on(TERM.first_day, TERM.last_day)
        assert list(plan.occurrences.values()) == list(stored)
        assert len(stored) == 8
        assert plan.roster.terms == {TERM.id: TERM}
        refused = await served.ask("GET", "/api/timetable/t-9/plan.json", role=Role.ADMIN)
        assert (refused.status, (await refused.json())["code"]) == (404, "unknown_term")
