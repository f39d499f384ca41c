"""Making, renewing and ending calendar addresses on their page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import TeacherId
from tests.support.pages import Page, look, office, read, send
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
FIELDS = {"target": "classroom:remote-1-r1", "language": "zh", "label": "前台"}


def _address(page: Page) -> str:
    (field,) = page.all("input", id="address")
    return str(field["value"])


async def _works(served: Site, address: str) -> int:
    return (await served.ask("GET", address.removeprefix("http://127.0.0.1"))).status


async def test_address_is_shown_once_and_works(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await read(await send(served, "/timetable/feeds", FIELDS))
        address = _address(page)
        assert address.startswith("http://127.0.0.1/feeds/")
        assert "webcal" + address.removeprefix("http") in page.links()
        assert await _works(served, address) == 200
        again = await look(served, "/timetable/feeds")
        assert again.all("input", id="address") == []
        assert "前台" in again.text
        assert address not in again.html


async def test_renewed_address_replaces_the_old_one(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        old = _address(await read(await send(served, "/timetable/feeds", FIELDS)))
        ((feed, _),) = await served.services.feeds.feeds_for(served.users[Role.ADMIN])
        page = await read(await send(served, f"/timetable/feeds/{feed.id}/renew", {}))
        assert (await _works(served, old), await _works(served, _address(page))) == (404, 200)
        # The language switch leads to a page that can be asked for.
        assert page.all("input", name="back")[0]["value"] == "/timetable/feeds"


async def test_ended_address_is_gone_from_the_list(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        address = _address(await read(await send(served, "/timetable/feeds", FIELDS)))
        ((feed, _),) = await served.services.feeds.feeds_for(served.users[Role.ADMIN])
        answer = await send(served, f"/timetable/feeds/{feed.id}/revoke", {})
        assert answer.headers["Location"] == "/timetable/feeds?done=feed-revoked"
        assert await _works(served, address) == 404
        assert "还没有日历地址" in (await look(served, "/timetable/feeds?done=feed-revoked")).text
        assert (await send(served, f"/timetable/feeds/{feed.id}/renew", {})).status == 404


@pytest.mark.parametrize(
    ("fields", "status", "wrong"),
    [
        ({"target": ""}, 422, "target"),
        ({"target": "planet:x"}, 422, "target"),
        ({"language": "fr"}, 422, "language"),
        ({"label": "x" * 61}, 422, "label"),
    ],
)
async def test_what_will_not_do_is_said_at_its_field(
    tmp_path: Path, fields: dict[str, str], status: int, wrong: str
) -> None:
    async with office(tmp_path) as served:
        page = await read(await send(served, "/timetable/feeds", FIELDS | fields), status)
        assert next(a for _, a in page.tags if a.get("id") == wrong)["aria-invalid"] == "true"


async def test_teacher_makes_a_feed_of_their_own_lessons_only(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        teacher = served.users[Role.TEACHER]
        nobody = await look(served, "/timetable/feeds", role=Role.TEACHER)
        assert "您的账号没有对应的教师" in nobody.text
        await served.store.update_user(
            teacher.id, lambda u: replace(u, teacher=TeacherId("host-1-t1"))
        )
        page = await look(served, "/timetable/feeds", role=Role.TEACHER)
        assert [o["value"] for o in page.all("option") if ":" in str(o["value"])] == [
            "teacher:host-1-t1"
        ]
        mine = {**FIELDS, "target": "teacher:host-1-t1"}
        made = await read(await send(served, "/timetable/feeds", mine, role=Role.TEACHER))
        assert await _works(served, _address(made)) == 200
        refused = await send(served, "/timetable/feeds", FIELDS, role=Role.TEACHER)
        await read(refused, 403)
        account = await look(served, "/account", role=Role.TEACHER)
        assert "/timetable/feeds" in account.links()
