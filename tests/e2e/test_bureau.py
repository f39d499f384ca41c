"""The bureau's way in a browser: from the dashboard to the sample that shows why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.browser import launch, open_page, page_problems
from tests.support.simulated import simulated_site
from tests.support.web import PASSWORD

pytestmark = [pytest.mark.asyncio, pytest.mark.browser]

PERIOD = "from=2026-09-01&to=2026-09-20"
WORST = """() => {
  const share = (cell) => {
    const [part, whole] = cell.dataset.value.split('/').map(Number);
    return part / whole;
  };
  const cells = [...document.querySelectorAll(
    'td[data-measure="held_rate"][data-key^="by_school/"]')];
  return cells.reduce((a, b) => (share(b) < share(a) ? b : a)).dataset.key.split('/')[1];
}"""


async def test_from_the_school_that_falls_behind_to_the_sample_that_shows_why(
    tmp_path: Path,
) -> None:
    async with simulated_site(tmp_path) as served, launch() as browser:
        page = await open_page(browser)
        await page.goto(f"{served.url}/sign-in")
        await page.fill("#login", "reviewer")
        await page.fill("#password", PASSWORD)
        await page.click("main button")
        await page.wait_for_url("**/coverage*")
        assert "模拟数据" in await page.inner_text(".simulated")

        await page.goto(f"{served.url}/coverage?{PERIOD}")
        school = await page.evaluate(WORST)
        assert school == "remote-3"
        await page.click(f'a[href^="/coverage/schools/{school}?"] >> nth=0')
        await page.click('.stepper a[href*="state=partial"]')
        rows = page.locator(".seats-sheet tbody tr")
        assert await rows.count() > 0
        network = rows.filter(has_text="网络").first
        await network.locator("a", has_text="样本").click()

        await page.wait_for_url("**/lessons/*samples=*")
        samples = page.locator(".samples tbody tr")
        assert await samples.count() > 100
        counts = [
            [
                int(t)
                for t in await samples.nth(n).locator("td.num").all_inner_texts()
                if t.isdigit()
            ]
            for n in range(60, 120)
        ]
        lost = [c for c in counts if c[0] > 0 and 5 * c[1] < 4 * c[0]]
        assert len(lost) > 10
        assert page_problems(page) == []
