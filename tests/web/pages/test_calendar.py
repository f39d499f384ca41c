"""The calendar's sections: a term of one school, all side by side, bells, terms, history."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, time
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.calendar_edits import DayEdit, Subject
from sync_classroom.domain.ids import BellSetId, SchoolId, TermId
from sync_classroom.domain.roster import BellSet, DayException, Period, Term
from sync_classroom.exchange.national_days import NationalTables
from tests.support.pages import Page, look, office
from tests.support.web import Site

pytestmark = pytest.mark.asyncio

SCHOOL = SchoolId("remote-1")
SPRING = Term(
    TermId("2027-spring"), "第二学期", date(2027, 2, 22), date(2027, 2, 22), date(2027, 6, 30)
)
SUMMER = BellSet(
    BellSetId("summer"), SCHOOL, (Period(1, time(7, 40), time(8, 20)),), "夏令时",
    date(2026, 11, 20), None,
)  # fmt: skip


async def edit(served: Site, subject: Subject, reason: str, key: str = "k") -> None:
    await served.services.calendar.edit(subject, reason=reason, seen=0, actor="王主任", key=key)


def off(school: SchoolId | None, on: date) -> DayEdit:
    return DayEdit(school, on, DayException(school, on, teaching=False))


async def with_holidays(served: Site) -> None:
    served.services.roster._national = NationalTables()
    await served.services.roster.load()


def states(page: Page) -> list[str]:
    """The state of every day of the term, in order."""
    found = (re.match(r"day d-(\w+)", str(a.get("class"))) for a in page.all("td"))
    return [m.group(1) for m in found if m]


async def test_a_term_has_every_day_of_its_weeks_with_what_it_is(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/calendar?school=remote-1")
        days = states(page)
        # 22 weeks from Monday 31 August; the term ends on Friday 29 January.
        assert len(days) == 22 * 7
        assert days[:7] == ["out", *["teach"] * 4, "rest", "rest"]
        assert days[-7:] == [*["teach"] * 5, "out", "out"]
        assert days[31] == "off"
        links = [link for link in page.links() if link.startswith("/calendar/days/")]
        assert (links[0], links[-1]) == (
            "/calendar/days/remote-1/2026-09-01", "/calendar/days/remote-1/2027-01-29",
        )  # fmt: skip
        (today,) = page.all("a", id="today")
        assert today["href"] == "/calendar/days/remote-1/2026-11-23"
        assert today["aria-current"] == "date"
        sentence = (
            "11月23日 周一：上课，按 周一 第13周（单周） 的课表；作息表：remote-1-bells；来源：默认"
        )
        assert sentence in page.text


async def test_days_say_what_they_follow_whose_arrangement_they_are_and_why(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        await with_holidays(served)
        await edit(served, off(SCHOOL, date(2026, 11, 25)), "校运动会")
        on = date(2026, 12, 5)
        await edit(served, DayEdit(None, on, DayException(None, on, True)), "待定", "k2")
        page = await look(served, "/calendar?school=remote-1")
        assert "周三 第6周（双周）" in page.text
        assert "来源：国家调休（国庆节）" in page.text
        assert "来源：国家节假日（中秋节）" in page.text
        assert "11月25日 周三：不上课；来源：本校的安排（校运动会）" in page.text
        assert "12月5日 周六：上课，按哪天未定" in page.text
        assert "来源：全部学校的安排（待定）" in page.text
        assert "2027 年的调休安排还没有收录" in page.text
        assert "2026 年的调休" not in page.text
        other = await look(served, "/calendar?school=remote-2")
        assert "校运动会" not in other.text


async def test_side_by_side_frames_what_one_school_does_alone(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await edit(served, off(SCHOOL, date(2026, 11, 25)), "校运动会")
        page = await look(served, "/calendar?show=all")
        own = [str(a["class"]) for a in page.all("span") if "is-own" in str(a.get("class"))]
        # host-1 works on Saturday 10 October; remote-1 is off on 25 November.
        assert [re.sub(r"\s+", " ", c) for c in own] == [
            "mini d-follow is-own",
            "mini d-off is-own",
        ]
        assert page.text.count("11月25日 周三：不上课；来源：本校的安排（校运动会）") == 1
        assert "/calendar?school=remote-8&term=2026-autumn#week-13" in page.links()
        assert "照常" in page.text


async def test_a_teacher_sees_the_own_school_first_and_edits_nothing(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        user = served.users[Role.TEACHER]
        await served.services.accounts.update_user(user.id, school=SchoolId("remote-4"))
        page = await look(served, "/calendar", role=Role.TEACHER)
        (chosen,) = [a for a in page.all("option") if "selected" in a]
        assert chosen["value"] == "remote-4"
        for section in ("days", "bells", "terms", "edits"):
            page = await look(served, f"/calendar?show={section}", role=Role.TEACHER)
            assert [a for a in page.links() if a.endswith("/new") or "/terms/" in a] == []
        await look(served, "/calendar", role=Role.REVIEWER, status=403)


async def test_of_several_terms_the_present_one_is_shown_and_others_can_be_chosen(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        await edit(served, SPRING, "教育局通知")
        page = await look(served, "/calendar")
        assert "第一学期 · 2026年9月1日–2027年1月29日" in page.text
        page = await look(served, "/calendar?term=2027-spring&school=remote-1")
        assert "第二学期 · 2027年2月22日–6月30日" in page.text
        assert states(page)[0] == "teach"
        page = await look(served, "/calendar?show=terms")
        assert "进行中" in page.text
        assert "未开始" in page.text


async def test_between_terms_the_next_is_shown_and_after_all_the_last(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        (autumn,) = served.services.roster.current().terms.values()
        await edit(served, replace(autumn, last_day=date(2026, 11, 20)), "提前放假", "1")
        page = await look(served, "/calendar")
        assert "第一学期 · 2026年9月1日–11月20日" in page.text
        assert page.all("a", id="today") == []
        await edit(served, SPRING, "教育局通知", "2")
        page = await look(served, "/calendar")
        assert "第二学期 · 2027年2月22日–6月30日" in page.text


async def test_bells_are_listed_with_their_dates_and_the_one_in_use(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await edit(served, SUMMER, "试行")
        page = await look(served, "/calendar?show=bells&school=remote-1")
        assert "夏令时 从 2026年11月20日 起 · 今天用" in page.text
        assert page.text.count("今天用") == 1
        assert "一直有效" in page.text
        assert "/calendar/bells/summer" in page.links()


async def test_the_history_says_who_what_when_and_why(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/calendar?show=edits")
        assert "还没有人改过校历" in page.text
        await edit(served, off(SCHOOL, date(2026, 11, 25)), "校运动会", "1")
        await edit(served, SPRING, "教育局通知", "2")
        await edit(served, SUMMER, "试行", "3")
        page = await look(served, "/calendar?show=edits&school=all")
        assert (
            "11月23日 10:00 王主任 学校 remote-1 2026 11月25日 周三 日子 没有 → 不上课 校运动会"
            in page.text
        )
        assert "第二学期 学期 没有 → 第二学期 2027年2月22日–6月30日 教育局通知" in page.text
        assert "没有 → 夏令时 · 从 2026年11月20日 起 · 1 节 试行" in page.text
        page = await look(served, "/calendar?show=edits&school=remote-2")
        assert "校运动会" not in page.text
        assert "教育局通知" in page.text


async def test_a_long_history_is_read_page_by_page(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for n in range(52):
            on = date(2026, 11, 24 + n % 5)
            seen = await served.services.calendar.edits(limit=1, subject=f"remote-1/{on}")
            await served.services.calendar.edit(
                off(SCHOOL, on), reason=f"第{n}次", seen=seen[0].number if seen else 0,
                actor="admin", key=str(n),
            )  # fmt: skip
        page = await look(served, "/calendar?show=edits")
        assert "第51次" in page.text
        assert "第1次" not in page.text
        (older,) = [a for a in page.links() if "before=" in a]
        page = await look(served, older)
        assert "第1次" in page.text
        assert "第2次" not in page.text
        assert [a for a in page.links() if "before=" in a] == []


async def test_without_a_term_or_a_school_the_page_says_what_to_do(tmp_path: Path) -> None:
    async with office(tmp_path, empty=True) as served:
        page = await look(served, "/calendar")
        assert "sync-classroom init" in page.text
