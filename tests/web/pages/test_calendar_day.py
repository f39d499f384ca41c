"""One date: its layers, and the form that changes it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import BellSetId, SchoolId
from sync_classroom.domain.roster import DayException
from sync_classroom.exchange.national_days import NationalTables
from tests.support.pages import look, office, read, send
from tests.support.web import Site

pytestmark = pytest.mark.asyncio

SCHOOL = SchoolId("remote-1")
SATURDAY = date(2026, 11, 28)
PATH = f"/calendar/days/remote-1/{SATURDAY}"
GOOD = {
    "what": "other", "follows_weekday": "5", "follows_week": "12", "bell_set": "",
    "reason": "补停课", "seen": "0", "key": "k",
}  # fmt: skip


def stored(served: Site, on: date = SATURDAY, school: SchoolId | None = SCHOOL) -> object:
    days = served.services.roster.current().days
    return next((d for d in days if (d.school, d.date) == (school, on)), None)


async def test_a_saturday_is_made_a_school_day_of_another_day(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, PATH)
        assert "2026年11月28日 周六" in page.text
        assert "第13周" in page.text
        answer = await send(served, PATH, GOOD)
        assert answer.headers["Location"] == (
            "/calendar?school=remote-1&term=2026-autumn&done=calendar"
        )
        assert stored(served) == DayException(SCHOOL, SATURDAY, True, 5, 12, None, "补停课")
        page = await look(served, answer.headers["Location"])
        assert "校历已改，马上生效" in page.text
        page = await look(served, PATH)
        assert "按 周五 第12周（双周） 的课表" in page.text
        assert "admin 没有 → 上课，按 周五 第12周（双周） 的课表 补停课" in page.text


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"what": "off"}, DayException(SCHOOL, SATURDAY, False, reason="补停课")),
        ({"what": "own"}, DayException(SCHOOL, SATURDAY, True, 6, reason="补停课")),
        ({"what": "unmapped"}, DayException(SCHOOL, SATURDAY, True, reason="补停课")),
        ({"follows_week": ""}, DayException(SCHOOL, SATURDAY, True, 5, reason="补停课")),
        (
            {"bell_set": "remote-1-bells"},
            DayException(SCHOOL, SATURDAY, True, 5, 12, BellSetId("remote-1-bells"), "补停课"),
        ),
        ({"what": "none"}, None),
    ],
)
async def test_each_choice_is_stored_as_it_was_meant(
    tmp_path: Path, fields: dict[str, str], wanted: DayException | None
) -> None:
    async with office(tmp_path) as served:
        assert (await send(served, PATH, GOOD | fields)).status == 303
        assert stored(served) == wanted


async def test_all_schools_are_changed_at_once_and_a_schools_own_stays(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await send(served, "/calendar/days/remote-2/2026-11-24", GOOD | {"what": "own"})
        path = "/calendar/days/all/2026-11-24"
        page = await look(served, path)
        assert page.all("select", name="bell_set") == []
        answer = await send(served, path, GOOD | {"what": "off", "key": "k2"})
        assert answer.headers["Location"] == ("/calendar?show=all&term=2026-autumn&done=calendar")
        calendar, on = served.services.calendar.current(), date(2026, 11, 24)
        taught = {s: calendar.day(s, on).teaching for s in served.services.roster.current().schools}
        assert [s for s, teaching in taught.items() if teaching] == ["remote-2"]


async def test_every_layer_is_shown_and_the_uppermost_holds(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        served.services.roster._national = NationalTables()
        await served.services.roster.load()
        await send(served, "/calendar/days/remote-1/2026-10-07", GOOD | {"what": "own"})
        page = await look(served, "/calendar/days/remote-1/2026-10-07", role=Role.TEACHER)
        own = page.text.index("本校的安排 10月7日 周三：上课")
        national = page.text.index("国家节假日 10月7日 周三：不上课")
        default = page.text.index("默认 10月7日 周三：上课")
        assert own < national < default
        assert page.text.count("以此为准") == 1
        assert page.text.count("被上面的取代") == 2
        # A reader has no form.
        assert page.all("input", name="reason") == []


async def test_what_an_administrator_has_not_seen_is_shown_before_it_is_replaced(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        await send(served, PATH, GOOD | {"reason": "先改的人", "what": "off"})
        page = await read(await send(served, PATH, GOOD | {"key": "k2"}), 409)
        assert "您打开之后，admin 已经改过（原因：先改的人）" in page.text
        # Nothing typed is lost, and what is there now is on the page.
        assert page.all("input", name="reason")[0]["value"] == "补停课"
        (chosen,) = [a for a in page.all("input", name="what") if "checked" in a]
        assert chosen["value"] == "other"
        seen = str(page.all("input", name="seen")[0]["value"])
        assert stored(served) == DayException(SCHOOL, SATURDAY, False, reason="先改的人")
        again = GOOD | {"key": str(page.all("input", name="key")[0]["value"]), "seen": seen}
        assert (await send(served, PATH, again)).status == 303
        assert stored(served) == DayException(SCHOOL, SATURDAY, True, 5, 12, None, "补停课")


async def test_a_form_sent_twice_is_one_edit(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for _ in range(2):
            assert (await send(served, PATH, GOOD)).status == 303
        assert len(await served.services.calendar.edits()) == 1


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"follows_weekday": ""}, "follows_weekday"),
        ({"follows_weekday": "8"}, "follows_weekday"),
        ({"follows_week": "99"}, "follows_week"),
        ({"bell_set": "remote-2-bells"}, "bell_set"),
        ({"what": ""}, "what"),
        ({"what": "holiday"}, "what"),
    ],
)
async def test_what_will_not_do_is_said_at_its_field(
    tmp_path: Path, fields: dict[str, str], name: str
) -> None:
    async with office(tmp_path) as served:
        page = await read(await send(served, PATH, GOOD | fields), 422)
        wrong = [a for _, a in page.tags if a.get("aria-invalid") == "true"]
        assert [a.get("id") or "what" for a in wrong] == [name]
        assert stored(served) is None


async def test_a_working_day_cannot_be_unmapped(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        path = "/calendar/days/remote-1/2026-11-24"
        page = await look(served, path)
        assert page.all("input", value="unmapped") == []
        await read(await send(served, path, GOOD | {"what": "unmapped"}), 422)


@pytest.mark.parametrize(
    "path",
    ["nowhere/2026-11-24", "remote-1/2026-02-30", "remote-1/0001-01-01", "remote-1/9999-12-31",
     "remote-1/tomorrow"],
)  # fmt: skip
async def test_a_date_that_is_none_is_not_found(tmp_path: Path, path: str) -> None:
    async with office(tmp_path) as served:
        page = await look(served, f"/calendar/days/{path}", status=404)
        assert "calendar_unknown" in page.text


async def test_only_administrators_save(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for role in (Role.TEACHER, Role.OPERATOR, Role.REVIEWER):
            assert (await send(served, PATH, GOOD, role=role)).status == 403


async def test_several_days_alike_are_changed_at_once(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        path = "/calendar/days/remote-1/2026-11-26"  # a Thursday
        fields = GOOD | {"what": "off", "until": "2026-12-01", "reason": "流感停课"}
        assert (await send(served, path, fields)).status == 303
        edits = await served.services.calendar.edits()
        assert [e.subject[-5:] for e in reversed(edits)] == ["11-26", "11-27", "11-30", "12-01"]
        back = GOOD | {"what": "none", "until": "2026-12-01", "key": "k2", "seen": "99"}
        assert (await send(served, path, back)).status == 303
        assert [d for d in served.services.roster.current().days if d.school == SCHOOL] == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"what": "off", "until": "2026-11-27"}, "要晚于 2026-11-28"),
        ({"what": "off", "until": "2027-01-28"}, "最多 60 天"),
        ({"what": "off", "until": "2026-11-29"}, "没有要改的"),
        ({"what": "none", "until": "2026-12-29"}, "没有要改的"),
        ({"what": "other", "until": "2026-12-01"}, "一天一天改"),
        ({"what": "off", "until": "soon"}, "不是日期"),
    ],
)
async def test_several_days_that_cannot_be_meant_are_refused_and_nothing_is_stored(
    tmp_path: Path, fields: dict[str, str], words: str
) -> None:
    async with office(tmp_path) as served:
        page = await read(await send(served, PATH, GOOD | fields), 422)
        assert page.all("input", name="until")[0]["aria-invalid"] == "true"
        assert words in page.text
        assert await served.services.calendar.edits() == []


async def test_lessons_already_planned_are_named_as_the_calendar_moves_none(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/calendar/days/remote-1/2026-11-23")
        assert "这一天已安排 2 节课" in page.text
        assert "/today?date=2026-11-23&school=remote-1" in page.links()
        page = await look(served, "/calendar/days/host-2/2026-11-23")
        assert "这一天已安排 1 节课" in page.text
        page = await look(served, "/calendar/days/remote-8/2026-11-23")
        assert "已安排" not in page.text
