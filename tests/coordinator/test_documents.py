"""Documents given to lessons: converted once, bounded, refused in words, and left by nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sync_classroom.coordinator.library import LibraryOptions
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.documents import MAX_DOCUMENTS
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonRun, LessonState
from tests.coordinator.test_outside import SCANNER
from tests.support.documents import BLUE, GREEN, RED, begun, given, pdf, png
from tests.support.library import added
from tests.support.web import SMALL_LIBRARY, site

pytestmark = pytest.mark.asyncio
ONE = OccurrenceId("o-1")


async def test_a_document_that_cannot_be_converted_says_why_in_the_lesson(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await begun(served)
        assert (await given(served, b"%PDF-1.7\n" + bytes(900))).status == 201
        await served.services.documents.idle()
        [told] = (await served.services.desk.live_state(ONE, for_host=True))["documents"]
        assert told["pages"] == 0
        assert "另存为 PDF" in told["problem"]["zh"]
        answer = await served.ask("GET", "/api/lessons/o-1/documents", role=Role.ADMIN)
        [listed] = (await answer.json())["documents"]
        assert (listed["state"], listed["problem"]) == ("refused", "document_damaged")
        for folder in ("incoming", "making", "pages"):
            assert list((tmp_path / "library" / "documents" / folder).iterdir()) == []


async def test_the_same_file_is_converted_once_and_a_key_gives_once(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await begun(served)
        data = pdf(RED, BLUE)
        first = await (await given(served, data)).json()
        assert (await (await given(served, data)).json())["id"] == first["id"]
        await served.services.documents.idle()
        home = next((tmp_path / "library" / "documents" / "pages").iterdir())
        made = home.stat().st_ino
        second = await (await given(served, data, "又一份.pdf", key="other")).json()
        assert (second["state"], second["pages"]) == ("ready", 2)
        assert second["id"] != first["id"]
        assert next((tmp_path / "library" / "documents" / "pages").iterdir()).stat().st_ino == made


async def test_a_lesson_takes_so_many_documents_and_none_when_it_is_over(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await begun(served)
        picture = png((9, 9), RED)
        for number in range(MAX_DOCUMENTS):
            answer = await given(served, picture, f"{number}.png", key=str(number))
            assert answer.status == 201, number
        await served.services.documents.idle()
        answer = await given(served, picture, key="one more")
        assert (answer.status, (await answer.json())["code"]) == (422, "idempotency_key")
        answer = await given(served, picture, key="one-more")
        assert (answer.status, (await answer.json())["code"]) == (409, "too_many_documents")
        run = await served.store.get_run(ONE)
        assert run is not None
        await served.store.save_run(
            LessonRun(ONE, LessonState.ENDED, run.opened_at, run.live_at, version=run.version)
        )
        answer = await given(served, picture, key="late")
        assert (answer.status, (await answer.json())["code"]) == (409, "lesson_over")


async def test_a_resource_of_the_library_is_shown_without_another_upload(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await begun(served)
        data = pdf(GREEN)
        resource = await added(served, data=data, name="单元六.pdf")
        made = await served.services.documents.give_resource(ONE, resource, by="admin", key="a")
        await served.services.documents.idle()
        [document] = await served.services.documents.of(ONE)
        assert (document.id, document.name, len(document.pages)) == (made.id, "单元六.pdf", 1)
        # The library keeps its file.
        _, path = await served.services.library.read(resource, 1, actor=None)
        assert path.read_bytes() == data


async def test_what_the_scanner_refuses_is_not_converted(tmp_path: Path) -> None:
    scanned = LibraryOptions(SMALL_LIBRARY.limits, SCANNER)
    async with site(tmp_path, library=scanned) as served:
        await begun(served)
        answer = await given(served, b"%PDF-1.7 virus EICAR")
        assert answer.status == 422, await answer.text()
        assert (await answer.json())["code"] == "file_infected"
        assert await served.services.documents.of(ONE) == ()


async def test_a_stop_while_converting_is_shown_as_interrupted(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await begun(served)
        assert (await given(served, pdf(*[RED] * 40))).status == 201
        await served.services.documents.close()
        await asyncio.sleep(0)
        [document] = await served.services.documents.of(ONE)
        assert (document.ready, document.refused) == (False, None)
        assert list((tmp_path / "library" / "documents" / "making").iterdir()) == []
