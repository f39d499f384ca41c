"""Terms and bell sets by form."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import BellSetId, TermId
from sync_classroom.domain.roster import Period, Term
from tests.support.pages import look, office, read, send

pytestmark = pytest.mark.asyncio

TERM = {
    "id": "term-1", "name": "第二学期", "week1_monday": "2027-02-22", "first_day": "2027-02-22",
    "last_day": "2027-06-30", "reason": "教育局通知", "seen": "0", "key": "k",
}  # fmt: skip
BELLS = {
    "id": "bells-1", "name": "夏令时", "valid_from": "2027-05-01", "valid_to": "2027-09-30",
    "no-0": "1", "start-0": "07:40", "end-0": "08:20", "no-2": "2", "start-2": "08:30",
    "end-2": "09:10", "no-3": "3", "reason": "五月起", "seen": "0", "key": "k",
}  # fmt: skip
NEW_BELLS = "/calendar/bells/new?school=remote-1"


async def test_a_term_is_made_and_changed_with_its_history(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/calendar/terms/new")
        assert str(page.all("input", name="id")[0]["value"]).startswith("term-")
        answer = await send(served, "/calendar/terms/new", TERM)
        assert answer.headers["Location"] == "/calendar?show=terms&done=calendar"
        made = served.services.roster.current().terms[TermId("term-1")]
        assert made == Term(
            TermId("term-1"), "第二学期", date(2027, 2, 22), date(2027, 2, 22), date(2027, 6, 30)
        )
        path = "/calendar/terms/term-1"
        page = await look(served, path)
        assert page.all("input", name="last_day")[0]["value"] == "2027-06-30"
        seen = str(page.all("input", name="seen")[0]["value"])
        later = TERM | {"last_day": "2027-07-02", "reason": "推迟", "seen": seen, "key": "k2"}
        assert (await send(served, path, later)).status == 303
        page = await look(served, path)
        assert "第二学期 2027年2月22日–6月30日 → 第二学期 2027年2月22日–7月2日 推迟" in page.text


@pytest.mark.parametrize(
    ("fields", "name", "status"),
    [
        ({"name": ""}, "name", 422),
        ({"reason": ""}, "reason", 422),
        ({"week1_monday": ""}, "week1_monday", 422),
        ({"week1_monday": "2027-02-23", "first_day": "2027-02-23"}, "week1_monday", 422),
        ({"first_day": "22.2.2027"}, "first_day", 422),
        ({"last_day": "2027-02-01"}, "last_day", 422),
        ({"last_day": "9999-12-31"}, "last_day", 422),
        ({"first_day": "2027-01-29", "week1_monday": "2027-01-25"}, "first_day", 409),
    ],
)
async def test_a_term_that_will_not_do_is_said_at_its_field(
    tmp_path: Path, fields: dict[str, str], name: str, status: int
) -> None:
    async with office(tmp_path) as served:
        page = await read(await send(served, "/calendar/terms/new", TERM | fields), status)
        wrong = [a.get("id") for _, a in page.tags if a.get("aria-invalid") == "true"]
        assert wrong == [name]
        assert len(served.services.roster.current().terms) == 1


async def test_a_bell_set_is_made_with_its_dates_and_changed(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, NEW_BELLS)
        # It begins with the periods of today, which are mostly kept.
        assert page.all("input", name="start-1")[0]["value"] == "09:00"
        answer = await send(served, NEW_BELLS, BELLS)
        assert answer.headers["Location"] == ("/calendar?show=bells&school=remote-1&done=calendar")
        made = served.services.roster.current().bell_sets[BellSetId("bells-1")]
        assert made.periods == (
            Period(1, time(7, 40), time(8, 20)), Period(2, time(8, 30), time(9, 10)),
        )  # fmt: skip
        assert (made.name, made.school, made.valid_from, made.valid_to) == (
            "夏令时", "remote-1", date(2027, 5, 1), date(2027, 9, 30),
        )  # fmt: skip
        path = "/calendar/bells/bells-1"
        page = await look(served, path)
        assert page.all("input", name="end-1")[0]["value"] == "09:10"
        seen = str(page.all("input", name="seen")[0]["value"])
        ever = BELLS | {"valid_to": "", "start-2": "", "end-2": "", "seen": seen, "key": "k2"}
        assert (await send(served, path, ever)).status == 303
        changed = served.services.roster.current().bell_sets[BellSetId("bells-1")]
        assert (changed.valid_to, len(changed.periods)) == (None, 1)
        page = await look(served, path)
        assert (
            "夏令时 · 2027年5月1日–9月30日 · 2 节 → 夏令时 · 从 2027年5月1日 起 · 1 节" in page.text
        )


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"name": ""}, "name", "名称"),
        ({"valid_from": "soon"}, "valid_from", "soon"),
        ({"valid_to": "2027-04-30"}, "valid_to", "早于"),
        ({"start-0": "", "end-0": "", "start-2": "", "end-2": ""}, "periods", "1 到 20 节"),
        ({"end-0": ""}, "periods", "第 1 行不完整"),
        ({"no-2": "x"}, "periods", "第 3 行不完整"),
        ({"start-2": "25:00"}, "periods", "第 3 行不完整"),
        ({"no-2": "1"}, "periods", "第 1 节写了两次"),
        ({"start-2": "08:00"}, "periods", "重叠"),
        ({"end-0": "07:40"}, "periods", "不晚于"),
        ({"reason": ""}, "reason", "原因"),
    ],
)
async def test_a_bell_set_that_will_not_do_is_said_at_its_field(
    tmp_path: Path, fields: dict[str, str], name: str, words: str
) -> None:
    async with office(tmp_path) as served:
        page = await read(await send(served, NEW_BELLS, BELLS | fields), 422)
        wrong = [a.get("id") or "periods" for _, a in page.tags if a.get("aria-invalid") == "true"]
        assert wrong == [name]
        assert words in page.text
        assert page.all("input", name="valid_from")[0]["value"] == (BELLS | fields)["valid_from"]
        assert len(served.services.roster.current().bell_sets) == 10


async def test_what_is_not_there_is_not_found_and_others_may_not_look(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for path in ("terms/nothing", "bells/nothing", "bells/new", "bells/new?school=nowhere"):
            page = await look(served, f"/calendar/{path}", status=404)
            assert "calendar_unknown" in page.text
            assert (await send(served, f"/calendar/{path}", BELLS)).status == 404
        for role in (Role.TEACHER, Role.OPERATOR, Role.REVIEWER):
            for path in ("terms/new", "bells/new?school=remote-1", "terms/2026-autumn"):
                await look(served, f"/calendar/{path}", role=role, status=403)
                assert (await send(served, f"/calendar/{path}", TERM, role=role)).status == 403
