"""Rules, adjustments, posted facts, the chain and the access log over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.facts import Adjustment
from tests.support.plans import at
from tests.support.web import Site, plan, site

DAY = at("08:00").date()
pytestmark = pytest.mark.asyncio


async def ask(
    served: Site, method: str, path: str, body: Any = None, role: Role = Role.ADMIN
) -> tuple[int, Any]:
    headers = {"Idempotency-Key": "k-1"} if method == "POST" else {}
    answer = await served.ask(method, path, role=role, json=body, headers=headers)
    return answer.status, await answer.json()


async def test_rules_are_read_and_changed_with_reason_and_day(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        today = served.services.clock().date().isoformat()
        status, found = await ask(served, "GET", "/api/rules", role=Role.REVIEWER)
        assert (status, found["building"], found["in_force"]["version"]) == (200, None, "1")
        assert [v["number"] for v in found["versions"]] == [1]
        body = {"changes": {"weekly_norm": 2}, "valid_from": "2027-01-01", "reason": "新学年"}
        status, made = await ask(served, "POST", "/api/rules", body, Role.REVIEWER)
        assert (status, made["number"], made["rules"]["weekly_norm"]) == (201, 2, 2)
        assert await ask(served, "POST", "/api/rules", body, Role.REVIEWER) == (201, made)
        assert (await ask(served, "POST", "/api/rules", body, Role.TEACHER))[0] == 403
        assert today < "2027"


async def test_a_person_vouches_for_a_seat_and_the_reason_is_kept(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await plan(served)
        [lesson] = await served.services.store.occurrences_on(DAY, DAY)
        seat = lesson.seats[0].id
        begin, end = lesson.starts_at.isoformat(), lesson.ends_at.isoformat()
        body = {"seat": seat, "credit_from": begin, "credit_to": end, "reason": "录像为证"}
        path = f"/api/lessons/{lesson.id}/adjustments"
        status, made = await ask(served, "POST", path, body)
        assert status == 201
        assert await ask(served, "POST", path, body) == (201, made)
        [fact] = await served.services.store.facts_of([lesson.id])
        assert isinstance(fact, Adjustment)
        assert (fact.id, fact.reason) == (made["id"], "录像为证")
        status, problem = await ask(served, "POST", path, {**body, "seat": "nobody"})
        assert (status, problem["code"]) == (404, "unknown_seat")


async def test_facts_are_posted_and_show_in_the_chain_and_the_log(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        fact = {"id": "p:1", "kind": "push_opened", "push": "p", "target": "t",
                "at": "2026-11-23T10:00:00+08:00"}  # fmt: skip
        assert await ask(served, "POST", "/api/facts", {"facts": [fact]}) == (200, {"new": 1})
        assert await ask(served, "POST", "/api/facts", {"facts": [fact]}) == (200, {"new": 0})
        status, problem = await ask(served, "POST", "/api/facts", {"facts": [{"id": "x"}]})
        assert (status, problem["field"]) == (422, "kind")
        status, found = await ask(served, "GET", "/api/facts/chain", role=Role.REVIEWER)
        assert (status, [d["count"] for d in found["days"]]) == (200, [1])
        head = await served.services.coverage.chain_head()
        assert found["days"][0]["head"] == head
        status, log = await ask(served, "GET", "/api/accesses?what=facts.post")
        assert (status, [e["target"] for e in log["entries"]]) == (200, ["0/1", "1/1"])
        assert (await ask(served, "GET", "/api/accesses", role=Role.REVIEWER))[0] == 403
