"""The virtual teacher's document: a PDF like any other, turned page after page."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from sync_classroom.domain.documents import ShownPage
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.exchange.pages import PageMaker
from sync_classroom.simulator.book import NAME, PAGES, make_book, show_book
from sync_classroom.simulator.terminal import VirtualTerminal
from tests.support.documents import begun, colour_of
from tests.support.waiting import until
from tests.support.web import Site, site

pytestmark = pytest.mark.asyncio
ONE = OccurrenceId("o-1")


async def test_it_is_a_document_with_a_page_for_each_heading(tmp_path: Path) -> None:
    source, folder = tmp_path / "book.pdf", tmp_path / "pages"
    source.write_bytes(make_book())
    folder.mkdir()
    sizes = await PageMaker().make("pdf", source, folder)
    assert len(sizes) == len(PAGES)
    assert {(size.width, size.height) for size in sizes} == {(2560, 1440)}
    pictures = [(folder / f"{n:04d}-small.webp").read_bytes() for n in range(1, len(PAGES) + 1)]
    assert len(set(pictures)) == len(PAGES)
    # White paper below the heading; text with brackets harms nothing.
    assert min(colour_of(pictures[0])) > 240
    source.write_bytes(make_book([["a (b) \\ c)"]]))
    assert len(await PageMaker().make("pdf", source, folder)) == 1


async def shown(served: Site) -> ShownPage | None:
    return (await served.services.floor.get(ONE)).page


async def test_rooms_see_one_page_after_another(tmp_path: Path) -> None:
    async with site(tmp_path) as served, aiohttp.ClientSession() as http:
        await begun(served)
        _, token = await served.device("host-1-r1")
        host = VirtualTerminal(http, served.url, token, name="host")
        talking = asyncio.create_task(host.run())
        wrong: list[BaseException] = []
        showing = asyncio.create_task(
            show_book(host, http, served.url, token, "o-1", note=wrong.append, turn_s=0.2)
        )
        try:
            seen: set[int] = set()

            async def all_of_them() -> bool:
                if (page := await shown(served)) is not None:
                    seen.add(page.page)
                return seen == set(range(1, len(PAGES) + 1))

            await until(all_of_them)
        finally:
            for task in (talking, showing):
                task.cancel()
            await asyncio.gather(talking, showing, return_exceptions=True)
        [document] = await served.services.documents.of(ONE)
        assert (document.name, document.by) == (NAME, "terminal:host-1-r1")
        assert wrong == []
