"""The bureau's way in a browser: what falls behind, why, the report, and what comes later."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page
from pypdf import PdfReader

from sync_classroom.coordinator.journal import JournalIngest
from sync_classroom.domain.crediting import Cause, SeatState
from sync_classroom.domain.ids import SchoolId
from sync_classroom.domain.rollup import SeatResult
from sync_classroom.reports.words import word
from tests.support.browser import launch, open_page, page_problems
from tests.support.simulated import simulated_site
from tests.support.spreadsheet import Workbook
from tests.support.web import PASSWORD, Site

pytestmark = [pytest.mark.asyncio, pytest.mark.browser]

FIRST, LAST = date(2026, 9, 1), date(2026, 9, 30)
PERIOD = f"from={FIRST}&to={LAST}"
NOTE = "经局长办公会审核"
SAMPLE = timedelta(seconds=10)
# A report is computed from every fact and drawn by processes of its own.
REPORT_MS = 120_000
WORST = """() => {
  const share = (cell) => {
    const [part, whole] = cell.dataset.value.split('/').map(Number);
    return part / whole;
  };
  const cells = [...document.querySelectorAll(
    '.coverage-table td[data-measure="held_rate"][data-key^="by_school/"]')];
  return cells.reduce((a, b) => (share(b) < share(a) ? b : a)).dataset.key.split('/')[1];
}"""


async def test_from_the_school_that_falls_behind_to_the_restatement(tmp_path: Path) -> None:
    async with _bureau(tmp_path) as served, launch() as browser:
        page = await open_page(browser)
        page.on("dialog", lambda dialog: dialog.accept())
        await _sign_in(page, served)
        seat = await _find_what_falls_behind(page, served)
        await _see_the_samples(page, seat)
        before = await _published_month(page, tmp_path / "files")
        await _late_journal(served, seat)
        after = await _restated(page, served, seat.periods)
        assert before[1] == after[1]
        assert after[0] == before[0] + seat.periods
        assert page_problems(page) == []


@asynccontextmanager
async def _bureau(folder: Path) -> AsyncIterator[Site]:
    """A simulated month on the day after, with reports being made."""
    async with simulated_site(folder, until=LAST, rooms=8) as served:
        making = asyncio.create_task(served.services.reports.run(), name="reports")
        try:
            yield served
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)


async def _sign_in(page: Page, served: Site) -> None:
    await page.goto(f"{served.url}/sign-in")
    await page.fill("#login", "reviewer")
    await page.fill("#password", PASSWORD)
    await page.click("main button")
    await page.wait_for_url("**/coverage*")
    assert "模拟数据" in await page.inner_text(".simulated")


async def _find_what_falls_behind(page: Page, served: Site) -> SeatResult:
    """Down to the worst school; one of its seats that the network lost though the host taught."""
    await page.goto(f"{served.url}/coverage?{PERIOD}")
    worst = await page.evaluate(WORST)
    await page.click(f'.coverage-table a[href^="/coverage/schools/{worst}?"]')
    await page.wait_for_url(f"**/coverage/schools/{worst}*")
    lost = await served.services.coverage.seats(
        FIRST, LAST, school=SchoolId(worst), state=SeatState.PARTIAL
    )
    return next(s for s in lost if s.cause is Cause.NETWORK and 10 * s.host_s >= 9 * s.window_s)


async def _see_the_samples(page: Page, seat: SeatResult) -> None:
    """Its row, its lesson, and the samples which say that packets were sent and did not arrive."""
    await page.click('.stepper a[href*="state=partial"]')
    row = page.locator(".seats-sheet tbody tr").filter(
        has=page.locator(f'a[href*="samples={seat.seat}"]')
    )
    assert "网络" in await row.inner_text()
    await row.locator("a", has_text="样本").click()
    await page.wait_for_url(f"**/lessons/{seat.occurrence}?samples=*")
    counts = await page.eval_on_selector_all(
        ".samples table:not([aria-labelledby]) tbody tr",
        "rows => rows.map(r => [...r.querySelectorAll('td.num')].map(c => c.innerText))",
    )
    samples = [[int(t) for t in cells[:2]] for cells in counts if cells[1].isdigit()]
    assert len(samples) > 100
    assert sum(sent > 0 and 5 * acked < 4 * sent for sent, acked in samples) > 10


async def _published_month(page: Page, folder: Path) -> tuple[int, int]:
    """The month as PDF and XLSX, looked into and published; its held and due periods."""
    await page.click('.nav a[href="/coverage"]')
    await page.click('.actions a[href="/coverage/reports"]')
    await page.select_option("#period", f"month:{FIRST}:{LAST}")
    await page.click('button[value="report"]')
    done = page.locator('tr[data-state="done"]')
    await done.wait_for(timeout=REPORT_MS)
    held, due = map(int, re.findall(r"\((\d+)/(\d+)\)", await done.inner_text())[0])
    files = {}
    for name in ("PDF", "XLSX"):
        async with page.expect_download() as download:
            await done.locator("a", has_text=name).click()
        files[name] = folder / (await download.value).suggested_filename
        await (await download.value).save_as(files[name])
    reader = PdfReader(files["PDF"])
    text = re.sub(r"\s", "", "".join(p.extract_text() for p in reader.pages))
    assert f"({held}/{due})" in text
    assert "同步课堂覆盖月报" in text
    _recomputed(files["XLSX"].read_bytes(), held, due)
    await done.locator("th a").click()
    await page.fill("#note", NOTE)
    await page.locator("form", has=page.locator("#note")).locator("button").click()
    await page.wait_for_url("**/coverage/publications/1*")
    assert NOTE in await page.inner_text("main")
    return held, due


def _recomputed(data: bytes, held: int, due: int) -> None:
    """The workbook's formulas give what is cached, and the sheets together what the page says."""
    book, summary = Workbook(data), word("summary", "zh")
    assert list(book.differences()) == []
    codes = {v: cell for (sheet, cell), v in book.cached.items() if sheet == summary}
    row = codes["held_rate"].lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    value = {**book.cached, **book.computed}
    assert value[summary, f"C{row}"] == pytest.approx(held / due)
    assert (value[summary, f"D{row}"], value[summary, f"E{row}"]) == (held, due)


async def _late_journal(served: Site, seat: SeatResult) -> None:
    """The relay has the acknowledgements after all, and its journal is taken as always."""
    lesson = await served.store.get_occurrence(seat.occurrence)
    assert lesson is not None
    samples: list[dict[str, Any]] = []
    at = lesson.starts_at
    while at < lesson.ends_at:
        samples.append({
            "id": f"late:{len(samples)}", "kind": "subscribe", "room": lesson.id,
            "peer": seat.seat, "from": at.isoformat(), "to": (at + SAMPLE).isoformat(),
            "sent": 100, "acked": 100, "bytes": 100_000,
        })  # fmt: skip
        at += SAMPLE
    served.relay.journal_records = samples
    ingest = JournalIngest(
        served.store, served.bus, served.relay, relay_id="late-relay", clock=served.clock,
        busy=lambda: False, leading=lambda: True,
    )  # fmt: skip
    assert await ingest.pull() == len(samples)
    await served.services.coverage.settle()


async def _restated(page: Page, served: Site, periods: int) -> tuple[int, int]:
    """Old and new beside each other with the reason; the held and due periods as they are now."""
    await page.click("text=现在重算核对")
    await page.wait_for_url("**done=restating*")
    found = page.locator("article.restated")  # appears by itself
    assert "听讲媒体 +" in await found.locator(".why").inner_text()
    row = found.locator("tbody tr").filter(has_text="合计 · 实开课时（受援课时）").first
    old, new = (int(t) for t in await row.locator("td.num").all_inner_texts())
    assert new == old + periods
    assert "事实" in await row.inner_text()
    # What was published is as it was; the page of its days has the new figure.
    await page.click("text=看这段时间现在的数字")
    shown = page.locator('.figures [data-measure="held_rate"]').first
    now, due = map(int, str(await shown.get_attribute("data-value")).split("/"))
    await page.click('.actions a[href="/coverage/reports"]')
    listed = page.locator('tr[data-publication="1"]')
    assert "有重述" in await listed.inner_text()
    return now, due
