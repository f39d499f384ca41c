"""Codes, devices and the board over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.web import closed, site

pytestmark = pytest.mark.asyncio
ADMIN, TEACHER = Role.ADMIN, Role.TEACHER


async def test_a_device_enrols_over_http_and_is_on_the_board(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        made = await served.ask(
            "POST", "/api/terminals/codes", role=ADMIN, json={"classroom": "far-1-r1"}
        )
        code = (await made.json())["code"]
        enrolled = await served.ask(
            "POST", "/api/terminal/enrol", json={"code": code, "label": "Chromium 156 / Windows"}
        )
        device = await enrolled.json()
        assert enrolled.status == 201
        assert device["classroom"] == {"id": "far-1-r1", "name": "1号教室"}
        assert device["school"] == {"id": "far-1", "name": "受援校一", "role": "remote"}
        async with served.connect() as socket:
            await served.hello(socket, device["token"])
            rows = (await (await served.ask("GET", "/api/terminals", role=ADMIN)).json())[
                "terminals"
            ]
            row = next(r for r in rows if r["classroom"]["id"] == "far-1-r1")
            assert row["online"] is True
            assert row["terminal"]["label"] == "Chromium 156 / Windows"
            path = f"/api/terminals/{device['terminal']}"
            assert (await served.ask("DELETE", path, role=ADMIN)).status == 204
            assert (await closed(socket))[0] == 4401
            assert (await served.ask("DELETE", path, role=ADMIN)).status == 404


async def test_ten_devices_with_one_code_one_wins(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        code, _ = await served.services.enrolment.make_code(
            served.services.roster.current().classrooms["far-1-r1"].id, actor="test"
        )
        answers = await asyncio.gather(
            *(served.ask("POST", "/api/terminal/enrol", json={"code": code}) for _ in range(10))
        )
        assert sorted(a.status for a in answers) == [201] + [403] * 9


async def test_guessing_codes_is_answered_with_429(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        guess = {"code": "K7M2P9QX"}
        answers = [(await served.ask("POST", "/api/terminal/enrol", json=guess)) for _ in range(11)]
        assert [a.status for a in answers] == [403] * 10 + [429]
        assert answers[-1].headers["Retry-After"] == "30"
