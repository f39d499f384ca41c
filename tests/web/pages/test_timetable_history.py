"""A rule's history: in words, by version, with the rules it was once one with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.domain.edits import ChangeSeries, Command, FollowCalendar
from sync_classroom.domain.ids import ClassroomId, SeriesId, TeacherId
from sync_classroom.domain.series import Series, SeriesSeat
from tests.support.pages import Page, look
from tests.support.timetable_pages import draft, edit, publish, timetable
from tests.support.web import Site

pytestmark = pytest.mark.asyncio


async def rule_of(served: Site, ident: str) -> Series:
    return (await draft(served)).copy.series[SeriesId(ident)]


async def changed(served: Site, ident: str, **changes: object) -> None:
    command: Command = ChangeSeries(
        replace(await rule_of(served, ident), **changes),  # type: ignore[arg-type]
        reason="教师调动",
    )
    await edit(served, command)


async def shown(served: Site, ident: str, key: str = "series") -> Page:
    return await look(served, f"/timetable/editor?term=t&week=13&{key}={ident}")


def told(page: Page) -> str:
    """The history only."""
    return page.text[page.text.index("改动历史") :]


async def test_a_new_rule_is_told_with_its_version_and_lessons(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        text = told(await shown(served, "maths"))
        assert "新课程 周二 第 3 节 · 21 节课 8月31日 07:00 · admin 甲 · 第 1 版 · 开学课表" in text
        art = told(await shown(served, "art"))
        assert "新课程 未安排 11月23日 07:00 · admin 甲 · 草稿，未发布" in art


async def test_a_change_of_the_draft_comes_first_and_is_kept_with_its_author(
    tmp_path: Path,
) -> None:
    async with timetable(tmp_path) as served:
        english = replace(await rule_of(served, "english"), title="新课题")
        await edit(served, ChangeSeries(english, reason="统一课题"), by="wang")
        (rule,) = [s for s in (await draft(served)).copy.series.values() if s.title == "新课题"]
        text = told(await shown(served, rule.id))
        assert "从 11月23日 周一 起改 · 9 节课 课题 课 → 新课题" in text
        assert text.index("wang · 草稿，未发布 · 统一课题") < text.index("第 1 版 · 开学课表")
        await publish(served, "第二次发布")
        text = told(await shown(served, rule.id))
        assert "wang · 第 2 版 · 统一课题" in text
        assert "草稿" not in text


async def test_a_rule_moved_in_mid_term_is_linked_both_ways(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        await changed(served, "english", weekday=5, period=4)
        rules = (await draft(served)).copy.series
        (new,) = [i for i in rules if i.startswith("english.")]
        page = await shown(served, new)
        text = told(page)
        assert "从 11月23日 周一 起改 · 9 节课 时间 周一 第 2 节 → 周五 第 4 节" in text
        # Told once, not as one rule that ends and another that is new.
        assert "课程有改动" not in text
        assert text.count("新课程") == 1
        assert [b["data-series"] for b in page.all("button") if "data-series" in b] == ["english"]
        old = await shown(served, "english")
        assert [b["data-series"] for b in old.all("button") if "data-series" in b] == [new]
        assert "从 11月23日 周一 起改" in told(old)
        await publish(served, "改到周五")
        assert "从 11月23日 周一 起改 · 9 节课 时间 周一 第 2 节 → 周五 第 4 节" in told(
            await shown(served, "english")
        )


async def test_teacher_room_and_seats_are_told_by_name(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        host = (await rule_of(served, "art")).host
        await changed(
            served,
            "art",
            host=replace(host, teacher=TeacherId("host-t2")),
            seats=(SeriesSeat(ClassroomId("a-r1")), SeriesSeat(ClassroomId("a-r2"))),
        )
        text = told(await shown(served, "art"))
        assert "课程有改动 教师 host-1 → host-2 增加听课教室 a a-r2" in text
        assert "教师调动" in text


async def test_a_lesson_of_a_rule_shows_the_rules_history_and_one_of_its_own_none(
    tmp_path: Path,
) -> None:
    async with timetable(tmp_path) as served:
        page = await shown(served, "maths-20261124", "lesson")
        assert "课程改动历史" in page.text
        assert "新课程 周二 第 3 节 · 21 节课" in page.text


async def test_what_was_undone_or_changed_nothing_is_no_history(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        before = told(await shown(served, "art"))
        await changed(served, "art", title="别的")
        await served.services.timetable.undo(
            (await draft(served)).term, seen=(await draft(served)).revision, actor="admin", key="u"
        )
        await edit(served, FollowCalendar("校历"))
        assert told(await shown(served, "art")) == before
