"""The scores' page: one's own until the end, everybody's for the leader, taken along as a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonState
from sync_classroom.domain.rubric import DEFAULT_RUBRIC, Item, print_of
from tests.support.pages import look, office, read, send
from tests.support.web import Site, body_of
from tests.web.test_api_study import WATCH, met, post

pytestmark = pytest.mark.asyncio
AT = "/research/s-1/scores"
GIVEN = {"lesson": "english", "remark": "=导入自然", "rubric": print_of(DEFAULT_RUBRIC)} | {
    f"points-{n}": "8" for n in range(5)
}


async def give(served: Site, role: Role = Role.TEACHER, **more: str) -> int:
    return (await send(served, AT, GIVEN | more, role=role)).status


async def test_everybody_scores_once_and_the_leader_sees_the_averages(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await met(served)
        assert "还没有看过课" in (await look(served, AT, role=Role.TEACHER)).text
        assert "/research/s-1/scores" not in (await look(served, "/research/s-1")).links()
        await post(served, "study", **WATCH)
        assert AT in (await look(served, "/research/s-1", role=Role.TEACHER)).links()
        page = await look(served, AT, role=Role.TEACHER)
        for text in ("教学目标", "权重 15", "还没有人评分"):
            assert text in page.text
        assert await give(served) == 303
        assert await give(served, **{"points-0": "10"}) == 303
        assert await give(served, Role.ADMIN, remark="") == 303
        page = await look(served, AT, role=Role.TEACHER)
        # 10 of 10 instead of 8 in an item of weight 15: three more than 80.
        for text in ("您已评 83.0 分", "9.0", "81.5", "平均", "2 人"):
            assert text in page.text
        assert page.all("input", name="points-0")[0]["value"] == "10"
        file = body_of(await served.ask("GET", f"{AT}.csv", role=Role.TEACHER)).decode("utf-8-sig")
        assert file.splitlines()[0] == (
            "课,日期,教师,教学目标,教学内容,教学过程与方法,学生参与,教学效果,总分,评语"
        )
        # A remark is words, never a spreadsheet's formula.
        assert "10,8,8,8,8,83.0,'=导入自然" in file
        assert "平均,9.0,8.0,8.0,8.0,8.0,81.5," in file
        minutes = await served.ask("GET", "/research/s-1/minutes.md", role=Role.TEACHER)
        assert "- 总分 81.5（满分 100，2 人平均）" in body_of(minutes).decode()
        user = served.users[Role.TEACHER].id
        await served.store.update_user(user, lambda u: replace(u, language="en"))
        english = await look(served, AT, role=Role.TEACHER)
        for text in ("Course and method", "your score: 83.0", "Average"):
            assert text in english.text


async def test_others_see_their_own_and_after_the_end_the_averages_alone(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await met(served)
        await post(served, "study", **WATCH)
        await give(served)
        for role in (Role.REVIEWER, Role.OPERATOR, None):
            assert (await served.ask("GET", AT, role=role)).status in (303, 403)
        during = await served.ask("GET", "/research/s-1/minutes.md", role=Role.REVIEWER)
        assert "总分" not in body_of(during).decode()
        session = OccurrenceId("s-1")
        run = await served.store.get_run(session)
        assert run is not None
        ended = replace(run, state=LessonState.ENDED, ended_at=served.clock())
        await served.store.save_run(ended)
        page = await read(await send(served, AT, GIVEN, role=Role.TEACHER), 409)
        assert "教研已经结束，评分不能再改" in page.text
        after = await look(served, "/research/s-1/minutes", role=Role.REVIEWER)
        assert "总分 80.0（满分 100，1 人平均）" in after.text
        assert "=导入自然" not in after.text


async def test_what_cannot_be_stored_stays_in_the_form_with_its_reason(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await met(served)
        await post(served, "study", **WATCH)
        wrong = GIVEN | {"points-1": "11", "remark": "写了很久"}
        page = await read(await send(served, AT, wrong, role=Role.TEACHER), 409)
        assert "「教学内容」请给 0 到 10 的整数分" in page.text
        assert "写了很久" in page.text
        assert page.all("input", name="points-1")[0]["value"] == "11"
        other = GIVEN | {"lesson": "maths"}
        page = await read(await send(served, AT, other, role=Role.TEACHER), 409)
        assert "没有看过这节课" in page.text


async def test_points_for_a_rubric_that_was_shown_before_are_not_given_to_another(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await met(served)
        await post(served, "study", **WATCH)
        new = [Item(name, 1, 10) for name in ("一", "二", "三", "四", "五")]
        await served.services.scoring.change_rubric(new, 0, by="admin")
        page = await read(await send(served, AT, GIVEN, role=Role.TEACHER), 409)
        assert "评课表刚刚换过" in page.text
        assert "还没有人评分" in page.text
        assert await give(served, rubric=print_of(new)) == 303
