"""The served timetable, opened by an administrator in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.timetable import Occurrence
from sync_classroom.domain.working_copy import moved_to
from tests.support.browser import open_page
from tests.support.timetable_pages import draft, timetable
from tests.support.web import Site

ROOM = "/timetable?week=13&by=classroom&id=a-r1"
HOST = "/timetable?week=13&by=host&id=host"
ENGLISH = "#tt-grid [data-lesson='english-20261123']"
FOCUSED = """
() => {
  const { lesson, d, n } = document.activeElement.dataset;
  return lesson ?? `${d} ${n}`;
}
"""


@asynccontextmanager
async def editing(
    browser: Browser,
    folder: Path,
    path: str = HOST,
    *,
    size: tuple[int, int] = (1366, 768),
    **options: Any,
) -> AsyncIterator[tuple[Site, Page]]:
    """An administrator looks at a week."""
    async with timetable(folder) as served:
        page = await open_page(browser, size=size, **options)
        await sign_in(served, page)
        await page.goto(served.url + path)
        yield served, page
        await page.context.close()


async def sign_in(served: Site, page: Page) -> None:
    """As the administrator."""
    host = served.url.replace("http://", "https://")
    cookie = served.cookies[Role.ADMIN]
    await page.context.add_cookies(
        [{"name": "__Host-session", "value": cookie, "url": host, "secure": True}]
    )


async def where(served: Site, lesson: str) -> tuple[date, str]:
    """Date and start of a lesson, at the end of its moves."""
    found = await ahead(served, lesson)
    return found.date, f"{found.starts_at.astimezone(served.services.zone):%H:%M}"


async def ahead(served: Site, lesson: str) -> Occurrence:
    """A drafted lesson, at the end of its moves."""
    lessons = (await draft(served)).copy.occurrences
    found = lessons[OccurrenceId(lesson)]
    while (to := moved_to(found)) is not None:
        found = lessons[to]
    return found


def cell(day: str, period: int) -> str:
    """The selector of a cell of the grid."""
    return f"#tt-grid td[data-d='{day}'][data-n='{period}']"
