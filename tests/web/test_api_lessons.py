"""Lessons planned, shown and cancelled over HTTP; what cannot be is refused by field."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.plans import at
from tests.support.web import LESSON, plan, site

pytestmark = pytest.mark.asyncio
ADMIN, TEACHER = Role.ADMIN, Role.TEACHER


async def test_a_lesson_is_planned_read_and_cancelled(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        made = await plan(served)
        lesson = await made.json()
        assert made.status == 201
        assert lesson["state"] == "planned"
        assert lesson["host"]["teacher"]["id"] == "host-1-t1"
        assert [s["classroom"]["id"] for s in lesson["seats"]] == ["far-1-r1", "far-1-r2"]
        assert lesson["seats"][0]["expected"] == 42
        again = await plan(served)
        assert (await again.json())["id"] == lesson["id"]
        path = f"/api/lessons/{lesson['id']}"
        assert await (await served.ask("GET", path, role=TEACHER)).json() == lesson
        listed = await served.ask("GET", "/api/lessons?from=2026-11-23&to=2026-11-23", role=TEACHER)
        (entry,) = (await listed.json())["lessons"]
        assert (entry["id"], entry["seats_due"], entry["seats_online"]) == (lesson["id"], 2, 0)
        seat = lesson["seats"][1]["id"]
        cancel = {"reason": "停电", "excused": True, "seat": seat}
        done = await served.ask(
            "POST", path + "/cancel", role=ADMIN, json=cancel, headers={"Idempotency-Key": "c1"}
        )
        assert done.status == 200
        shown = await done.json()
        assert [s["withdrawn"] for s in shown["seats"]] == [False, True]
        assert shown["changes"][0]["reason"] == "停电"
        timeline = await (await served.ask("GET", path + "/timeline", role=TEACHER)).json()
        assert timeline["lesson"] == lesson["id"]
        assert timeline["host"] == []


async def test_a_double_booking_lists_its_clashes(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        first = await (await plan(served)).json()
        later = {
            "starts_at": "2026-11-23T09:30:00+08:00",
            "ends_at": "2026-11-23T10:10:00+08:00",
        }
        second = await plan(served, "k2", teacher="host-1-t2", **later)
        assert second.status == 409
        body = await second.json()
        rooms = {c["resource"] for c in body["clashes"] if c["kind"] == "classroom"}
        assert rooms == {"host-1-r1", "far-1-r1", "far-1-r2"}
        assert all(first["id"] in c["occurrences"] for c in body["clashes"])
        assert body["zh"]


async def test_two_at_once_cannot_book_one_room(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        answers = await asyncio.gather(*(plan(served, f"k{n}") for n in range(8)))
        assert sorted(a.status for a in answers) == [201] + [409] * 7


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"teacher": "nobody"}, 422, "teacher"),
        ({"starts_at": "2026-11-22T09:00:00+08:00", "ends_at": "2026-11-22T09:40:00+08:00"},
         422, "starts_at"),
        ({"starts_at": "2026-11-23T09:00:00"}, 422, "starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, 422, "starts_at"),
        ({"starts_at": 1795000000}, 422, "starts_at"),
        ({"seats": []}, 422, "seats"),
        ({"seats": [{"classroom": "far-1-r1", "room": "x"}]}, 422, "seats.0.room"),
        ({"periods": 0}, 422, "periods"),
        ({"periods": "1"}, 422, "periods"),
        ({"title": "a\u0000b"}, 422, "title"),
        ({"colour": "red"}, 422, "colour"),
    ],
    ids=str,
)  # fmt: skip
async def test_a_lesson_that_cannot_be_is_refused_by_field(
    tmp_path: Path, changes: dict[str, Any], status: int, field: str
) -> None:
    async with site(tmp_path) as served:
        refused = await plan(served, **changes)
        body = await refused.json()
        assert (refused.status, body["field"]) == (status, field)
        assert await served.store.occurrences_on(at("08:00").date(), at("08:00").date()) == []


@pytest.mark.parametrize("key", [None, "", "x" * 65, "a b"])
async def test_planning_needs_an_idempotency_key(tmp_path: Path, key: str | None) -> None:
    async with site(tmp_path) as served:
        headers = {} if key is None else {"Idempotency-Key": key}
        refused = await served.ask("POST", "/api/lessons", role=ADMIN, json=LESSON, headers=headers)
        assert (refused.status, (await refused.json())["code"]) == (422, "idempotency_key")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "from=2026-11-23",
        "from=2026-11-23&to=2026-11-22",
        "from=2026-01-01&to=2026-12-31",
        "from=2026-11-23&to=2026-11-23&to=2026-11-24",
        "from=2026-11-23&to=2026-11-23&page=2",
        "from=0001-01-01&to=0001-01-01",
        "from=yesterday&to=today",
    ],
)
async def test_a_period_that_is_none_is_refused(tmp_path: Path, query: str) -> None:
    async with site(tmp_path) as served:
        assert (await served.ask("GET", f"/api/lessons?{query}", role=ADMIN)).status == 422


async def test_the_roster_is_that_of_the_plan_file(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        body = await (await served.ask("GET", "/api/roster", role=ADMIN)).json()
        assert [s["id"] for s in body["schools"]] == ["far-1", "far-2", "host-1", "host-2"]
        assert body["classes"][0]["enrolment"] == 40
        assert set(body) >= {"teachers", "terms", "days", "bell_sets"}
