"""A terminal's inbox and word over HTTP, with its token: its own classroom's and nobody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.facts import PushProgress
from sync_classroom.domain.ids import PushId
from sync_classroom.domain.push_copies import CopyState, Failure
from tests.support.library import PDF
from tests.support.pages import office
from tests.support.plans import at
from tests.support.pushes import bearer, inbox_of, pushed, say
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
MS = 1_000_000_000_000


async def ids(served: Site, push: str) -> list[str]:
    facts = await served.store.push_facts([PushId(push)])
    return [f.id for f in facts if isinstance(f, PushProgress)]


async def test_the_inbox_has_what_was_sent_to_this_room(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        here, there = await bearer(served), await bearer(served, "remote-2-r1")
        order = await pushed(served)
        inbox = await inbox_of(served, here)
        [entry] = inbox["pushes"]
        assert (entry["push"], entry["target"]) == (order.id, "t1")
        assert (entry["bytes"], entry["kind"], entry["reason"]) == (len(PDF), "document", "补推")
        assert entry["delivered_at"] is entry["expires_at"] is None
        assert inbox["quiet"] == {
            "begins": "2026-11-23T00:00:00+08:00",
            "ends": "2026-11-24T00:00:00+08:00",
        }
        assert (await inbox_of(served, there))["pushes"] == []
        await served.services.pushes.cancel(
            order.id, "发错了", user=next(iter(served.users.values()))
        )
        assert (await inbox_of(served, here))["pushes"] == []


async def test_people_and_strangers_have_no_inbox(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for role in served.users:
            assert (await served.ask("GET", "/api/terminal/pushes", role=role)).status == 403
        assert (await served.ask("GET", "/api/terminal/pushes")).status == 401


async def test_a_word_said_again_changes_nothing(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        here = await bearer(served)
        order = await pushed(served)
        word = {"state": "fetching", "bytes": 100}
        assert await say(served, here, order, MS, **word) == {"stored": 0, "refused": []}
        served.clock.now = at("11:00")
        word = {"state": "kept", "bytes": len(PDF), "delivered": MS - 60_000, "watched_s": 7}
        for stored in (1, 0, 0):
            answer = await say(served, here, order, MS, **word)
            assert answer == {"stored": stored, "refused": []}
        assert await ids(served, order.id) == [f"{order.id}.t1.push_delivered"]
        [copy] = await served.store.copies_of(order.id)
        assert (copy.state, copy.bytes, copy.watched_s) == (CopyState.KEPT, len(PDF), 7)
        answer = await say(
            served, here, order, MS, state="evicted", bytes=0, failure="disk", completed=MS
        )
        assert answer["stored"] == 2
        [copy] = await served.store.copies_of(order.id)
        assert (copy.state, copy.failure) == (CopyState.EVICTED, Failure.DISK)
        [entry] = (await inbox_of(served, here))["pushes"]
        assert entry["delivered_at"] == "2026-11-23T02:59:00Z"
        assert entry["completed_at"] == "2026-11-23T03:00:00Z"


async def test_a_bad_word_costs_no_good_one_and_another_rooms_is_refused(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        here, there = await bearer(served), await bearer(served, "remote-2-r1")
        order = await pushed(served)
        good: dict[str, Any] = {
            "push": order.id, "target": "t1", "state": "kept", "bytes": 1, "watched_s": 0,
            "delivered": MS,
        }  # fmt: skip
        body = {"sent": MS, "copies": [5, {**good, "bytes": "much"}, good, {**good, "push": "p"}]}
        answer = await served.ask("POST", "/api/terminal/pushes", headers=here, json=body)
        told = await answer.json()
        assert told["stored"] == 1
        assert [r["code"] for r in told["refused"]] == ["malformed", "malformed", "push_not_here"]
        assert "bytes" in told["refused"][1]["zh"]
        answer = await served.ask("POST", "/api/terminal/pushes", headers=there, json=body)
        assert (await answer.json())["stored"] == 0
        bodies: list[dict[str, Any]] = [
            {},
            {"sent": "now", "copies": [good]},
            {"sent": MS, "copies": "x"},
            {"sent": MS, "copies": []},
            {"sent": MS, "copies": [good], "x": 1},
        ]
        for bad in bodies:
            answer = await served.ask("POST", "/api/terminal/pushes", headers=here, json=bad)
            assert answer.status == 422, bad


async def test_a_chatty_terminal_is_told_to_wait(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        here = await bearer(served)
        order = await pushed(served)
        for _ in range(30):
            await say(served, here, order, MS, state="kept", bytes=1)
        answer = await served.ask(
            "POST", "/api/terminal/pushes", headers=here, json={"sent": MS, "copies": [1]}
        )
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) >= 1
