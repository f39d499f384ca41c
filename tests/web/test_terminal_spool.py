"""The terminal's spool in a real browser's database: over a reload, bounded, numbered for good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.support.browser import launch, open_page, page_problems
from tests.support.web import site

pytestmark = [pytest.mark.asyncio, pytest.mark.browser]

_RUN = """
async ([module, most, adds, answered]) => {
  const { Spool } = await import(module);
  const spool = await Spool.open({ name: "test", most });
  for (const sound of adds) await spool.add({ lesson: "o", seat: "s", sound });
  if (answered) await spool.remove(await spool.oldest(answered), spool.lost);
  const left = await spool.oldest(1000);
  spool.db.close();
  return { id: spool.id, count: spool.count, lost: spool.lost,
           left: left.map(({ n, sound }) => [n, sound]) };
}
"""


async def run(page: Page, *adds: int, most: int = 1000, answered: int = 0) -> dict[str, Any]:
    """Open the spool, add samples, forget the first `answered`; what it holds then."""
    entry = await page.locator("script[type=module]").get_attribute("src")
    assert entry is not None
    module = entry.replace("terminal.js", "spool.js")
    found: dict[str, Any] = await page.evaluate(_RUN, [module, most, list(adds), answered])
    return found


async def test_samples_survive_a_reload_and_numbers_are_never_used_again(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served, launch() as browser:
        page = await open_page(browser)
        await page.goto(served.url + "/terminal")
        first = await run(page, 10, 11, 12)
        assert first["left"] == [[1, 10], [2, 11], [3, 12]]
        assert len(first["id"]) == 32
        await page.reload()
        again = await run(page, answered=3)
        assert (again["id"], again["count"], again["left"]) == (first["id"], 0, [])
        await page.reload()
        assert (await run(page, 13))["left"] == [[4, 13]]
        # Another device has another spool.
        other = await open_page(browser)
        await other.goto(served.url + "/terminal")
        assert (await run(other))["id"] != first["id"]
        assert page_problems(page) == []


async def test_a_full_spool_throws_the_oldest_away_and_counts_them(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served, launch() as browser:
        page = await open_page(browser)
        await page.goto(served.url + "/terminal")
        full = await run(page, *range(300), most=250)
        # The 251st costs the first two hundred.
        assert (full["count"], full["lost"]) == (100, 200)
        assert full["left"][0] == [201, 200]
        await page.reload()
        assert (await run(page, most=250))["lost"] == 200
        # Once the server was told, it is not told again.
        told = await run(page, most=250, answered=100)
        assert (told["count"], told["lost"]) == (0, 0)
