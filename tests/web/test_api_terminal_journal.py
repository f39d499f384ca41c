"""A terminal's journal over HTTP: with its token, in its own words, answered sample by sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.plans import at
from tests.support.terminal_journals import message, row
from tests.support.web import Site, plan, site

pytestmark = pytest.mark.asyncio

PATH = "/api/terminal/journal"


async def planned(served: Site) -> tuple[dict[str, Any], dict[str, str]]:
    """A lesson that is over, and the headers of its first room's terminal."""
    lesson = await (await plan(served)).json()
    _, token = await served.device("far-1-r1")
    served.clock.now = at("10:00")
    return lesson, {"Authorization": f"Bearer {token}"}


async def test_samples_are_taken_with_the_device_token_and_told_one_by_one(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as served:
        lesson, device = await planned(served)
        names = {"lesson": lesson["id"], "seat": lesson["seats"][0]["id"]}
        rows = [
            row(1, at("09:00"), slow_s=3600, **names),
            row(2, at("09:00:10"), **names),
            row(3, at("09:00:20"), **{**names, "seat": lesson["seats"][1]["id"]}),
        ]
        answer = await served.ask("POST", PATH, headers=device, json=message(rows, at("10:00")))
        told = await answer.json()
        assert answer.status == 200
        assert (told["stored"], told["known"]) == (2, 0)
        [refused] = told["refused"]
        assert (refused["n"], refused["code"]) == (3, "other_room")
        assert refused["zh"]
        assert "the terminal may delete" in refused["en"]
        again = await served.ask("POST", PATH, headers=device, json=message(rows, at("10:00")))
        assert (await again.json())["known"] == 2
        path = f"/api/lessons/{lesson['id']}/timeline"
        timeline = await (await served.ask("GET", path, role=Role.ADMIN)).json()
        first, second = timeline["seats"]
        assert first["second_opinion"] == {
            "verdict": "agrees",
            "observed_s": 20,
            "agreed_s": 0,
            "relay_only_s": 0,
            "terminal_only_s": 20,
            "unobserved_s": 0,
        }
        assert second["second_opinion"] is None


async def test_a_device_on_which_somebody_is_signed_in_is_still_a_device(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        lesson, device = await planned(served)
        rows = [row(1, at("09:00"), lesson=lesson["id"], seat=lesson["seats"][0]["id"])]
        sent = message(rows, at("10:00"))
        for role in (Role.ADMIN, Role.TEACHER):
            answer = await served.ask("POST", PATH, role=role, headers=device, json=sent)
            assert answer.status == 200, await answer.text()
        who = await served.ask("GET", "/api/terminal/self", role=Role.ADMIN, headers=device)
        assert (await who.json())["classroom"]["id"] == "far-1-r1"


async def test_nobody_else_may_send_one_and_a_message_that_is_none_is_named(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as served:
        _, device = await planned(served)
        sent = message([row(1, at("09:00"))], at("10:00"))
        assert (await served.ask("POST", PATH, json=sent)).status == 401
        assert (await served.ask("POST", PATH, role=Role.ADMIN, json=sent)).status == 403
        for broken, field in (
            ({**sent, "spool": "?"}, "spool"),
            ({**sent, "samples": []}, "samples"),
            ({**sent, "password": "x"}, "password"),
            ({k: v for k, v in sent.items() if k != "sent"}, "sent"),
        ):
            answer = await served.ask("POST", PATH, headers=device, json=broken)
            assert answer.status == 422
            assert (await answer.json())["field"] == field
        big = {**sent, "samples": [row(1, at("09:00"), lesson="l" * 90)] * 400}
        assert (await served.ask("POST", PATH, headers=device, json=big)).status == 413
        for _ in range(30):
            answer = await served.ask("POST", PATH, headers=device, json=sent)
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "2"
