"""The documents of a lesson on its page: given, followed, taken back, and whose they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.documents import ShownPage
from sync_classroom.domain.ids import ActId, OccurrenceId
from sync_classroom.domain.lesson import LessonRun, LessonState
from tests.support.documents import RED, given, pdf, ready
from tests.support.library import added
from tests.support.pages import Page, look, office, send

pytestmark = pytest.mark.asyncio
MATHS = OccurrenceId("maths")


def section(page: Page) -> str:
    """The text of the section alone."""
    return page.text.partition("这节课的文档")[2].partition("变更记录")[0]


async def test_what_a_lesson_has_is_listed_with_what_became_of_it(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        assert "还没有文档" in section(await look(served, "/lessons/maths"))
        assert (await given(served, b"%PDF-1.7 rubbish", "坏.pdf", to="maths")).status == 201
        await served.services.documents.idle()
        document = await ready(served, RED, RED, to="maths")
        page = await look(served, "/lessons/maths")
        told = section(page)
        assert "坏.pdf" in told
        assert "不能展示" in told
        assert "另存为 PDF" in told
        assert "可以展示" in told
        picture = f"/api/lessons/maths/documents/{document.id}/pages/1?size=thumb"
        assert [i["src"] for i in page.all("img") if "documents" in str(i["src"])] == [picture]
        assert (await served.ask("GET", picture, role=Role.ADMIN)).status == 200


async def test_the_page_follows_a_conversion_and_no_longer(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await given(served, pdf(RED), to="maths")
        page = await look(served, "/lessons/maths")
        assert page.all("div", id="documents-list")[0].get("data-live")
        await served.services.documents.idle()
        page = await look(served, "/lessons/maths")
        assert "data-live" not in page.all("div", id="documents-list")[0]


async def test_what_the_library_has_is_given_by_a_form_and_taken_back(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        resource = await added(served, "单元六.pdf", pdf(RED), role=Role.ADMIN, title="单元六")
        page = await look(served, "/lessons/maths")
        assert {"value": resource} in page.all("option", value=resource)
        answer = await send(served, "/lessons/maths/documents", {"resource": resource, "key": "a"})
        assert answer.status == 303
        await served.services.documents.idle()
        [document] = await served.services.documents.of(MATHS)
        assert document.ready
        assert "文档已添加" in (await look(served, answer.headers["Location"])).text
        remove = f"/lessons/maths/documents/{document.id}/remove"
        assert (await send(served, remove, {})).status == 303
        assert await served.services.documents.of(MATHS) == ()
        assert (await send(served, remove, {})).status == 404
        done = [(e.actor, e.what, e.target) for e in await served.store.accesses(limit=9)]
        named = f"maths/{document.id}"
        assert ("admin", "document.give", named) in done
        assert ("admin", "document.remove", named) in done
        answer = await send(served, "/lessons/maths/documents", {"resource": "r-none", "key": "b"})
        assert answer.status == 404


async def test_the_page_of_a_running_lesson_shows_what_the_rooms_see(tmp_path: Path) -> None:
    async with office(tmp_path, clock="14:05") as served:
        document = await ready(served, RED, RED, RED, to="maths")
        at = served.clock()
        await served.store.save_run(LessonRun(MATHS, LessonState.LIVE, opened_at=at, live_at=at))
        planned = await served.store.get_occurrence(MATHS)
        assert planned is not None
        shown = ShownPage(document.id, 2)
        await served.services.floor.show_page(planned, shown, act=ActId("1"))
        page = await look(served, "/lessons/maths", role=Role.REVIEWER)
        assert "第 2 页，共 3 页" in page.text
        picture = f"/api/lessons/maths/documents/{document.id}/pages/2?size=small"
        assert picture in [i.get("src") for i in page.all("img")]


async def test_whose_documents_they_are_not_sees_and_gives_none(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        document = await ready(served, RED, to="maths")
        for role, sees in ((Role.OPERATOR, False), (Role.REVIEWER, True)):
            page = await look(served, "/lessons/maths", role=role)
            assert bool(page.all("section", id="documents")) is sees, role
            assert not page.all("form", data_document="/api/lessons/maths/document-files"), role
        for path in (f"/lessons/maths/documents/{document.id}/remove", "/lessons/maths/documents"):
            for role in (Role.REVIEWER, Role.OPERATOR, Role.TEACHER):
                assert (await send(served, path, {"resource": "r"}, role=role)).status == 403, role
        # When it is over they stay to be read, and no more come.
        page = await look(served, "/lessons/english")
        assert page.all("section", id="documents")
        assert not page.all("input", id="document-file")
