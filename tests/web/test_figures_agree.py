"""Every figure on every page equals the audit's for the exported bundle: tested, not believed.

A page that shows figures is covered by adding its address to `PAGES`. It marks each element that
shows one with the macro `measure` of `_parts.html`:

- `data-measure`: the code name in the audit's JSON (`held_rate`), a mode or a cause;
- `data-key`: where in that JSON, as a path: `totals`, `by_school/remote-3`, `by_week/2026-W36`,
  `mode_matrix/remote-3`, `causes`;
- `data-value`: the exact value, `123`, or `241/250` for a rate;
- `data-period`: `2026-09-07/2026-09-13`, where the figure is of another period than the page's.

What the element shows must be that value too: the number, the rate's fraction, or the duration. A
change between two periods is marked with `changed`: `data-changed`, `data-key`, `data-now`,
`data-before` and, as `data-period`, the period that is compared with (`data-before-key`, where the
group there is another); both sides must be the audit's, and what is shown their difference. On
these pages a table cell for numbers (`td.num`) must be marked, unless it stands in a list of seats,
whose numbers are those of one seat each, or says by `data-none` that there is no such figure.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pypdf import PdfReader

from sync_classroom.cli import main
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.report import ReportKind
from sync_classroom.reports.words import word
from sync_classroom.reports.workbook import COLUMNS
from tests.support.pages import VOID, Page, look
from tests.support.simulated import simulated_site
from tests.support.spreadsheet import Value, Workbook
from tests.support.web import site

pytestmark = pytest.mark.asyncio

PERIOD = ("2026-09-01", "2026-09-20")
DATES = f"from={PERIOD[0]}&to={PERIOD[1]}"
WEEK = "from=2026-09-07&to=2026-09-13"
#: Address, and how many figures it shows at the least.
COMPARED = "compare=own&compare_from=2026-09-07&compare_to=2026-09-13"
PAGES = (
    (f"/coverage?{DATES}", 120),
    (f"/coverage?{DATES}&school=remote-3", 100),
    (f"/coverage?{WEEK}", 100),
    (f"/coverage/schools/remote-3?{DATES}", 20),
    (f"/coverage/schools/remote-3?{WEEK}", 15),
    (f"/coverage/classrooms/remote-3-r1?{DATES}", 10),
    ("/coverage/classrooms/remote-3-r1?from=2026-09-05&to=2026-09-06", 7),
    ("/coverage?from=2026-09-09&to=2026-09-09", 60),
    (f"/coverage/compare?{DATES}&{COMPARED}", 140),
    ("/coverage/compare?from=2026-09-14&to=2026-09-20", 140),
    ("/coverage/compare?from=2026-09-07&to=2026-09-11&compare=year", 120),
    (f"/coverage?{DATES}&{COMPARED}", 130),
    (f"/coverage/schools/remote-3?{DATES}&{COMPARED}", 27),
    (f"/coverage/classrooms/remote-3-r1?{DATES}&{COMPARED}", 17),
    ("/coverage?from=2026-09-05&to=2026-09-06", 10),  # a weekend: nothing due, no rate of 0 or 1
)
MARKS = ("data-measure", "data-key", "data-value", "data-period")
CHANGES = ("data-changed", "data-key", "data-now", "data-before", "data-period")


@dataclass
class Shown:
    """An element that shows a figure."""

    measure: str
    key: str
    value: str
    period: str | None
    text: str = ""


@dataclass
class Changed:
    """An element that shows a change."""

    measure: str
    key: str
    now: str
    before: str
    period: str
    before_key: str = ""
    text: str = ""


@dataclass
class Figures(HTMLParser):
    """The figures of a page, its changes, and table cells for numbers that nobody marked."""

    html: str = ""
    shown: list[Shown] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    unmarked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[tuple[str, Shown | Changed | None]] = []
        self._seats = 0
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        values = dict(attrs)
        classes = (values.get("class") or "").split()
        shown: Shown | Changed | None = None
        if "data-changed" in values:
            marks = [str(values[m]) for m in CHANGES]
            shown = Changed(*marks, values.get("data-before-key") or marks[1])
            self.changed.append(shown)
        elif "data-measure" in values:
            measure, key, value, period = (values.get(m) for m in MARKS)
            assert measure, values
            assert key, values
            assert value is not None, values
            shown = Shown(measure, key, value, period)
            self.shown.append(shown)
        elif tag == "td" and "num" in classes and not self._excused(values):
            self.unmarked.append(f"{self.getpos()} {values}")
        self._open.append((f"{tag} {values.get('class') or ''}", shown))

    def _excused(self, values: dict[str, str | None]) -> bool:
        return "data-none" in values or any("seats" in t for t, _ in self._open)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for _, shown in self._open:
            if shown is not None:
                shown.text += data


class Audits:
    """The audit's answers for one bundle, by period; every one from the bundle alone."""

    def __init__(self, bundle: Path) -> None:
        self._bundle = str(bundle)
        self._known: dict[tuple[str, str], dict[str, Any]] = {}

    def of(self, first: str, last: str) -> dict[str, Any]:
        """What `sync-classroom audit --from --to --format json` prints."""
        if (first, last) not in self._known:
            asked = ["audit", self._bundle, "--from", first, "--to", last, "--format", "json"]
            done = CliRunner().invoke(main, asked)
            assert done.exit_code == 0, done.output
            self._known[first, last] = json.loads(done.stdout)
        return self._known[first, last]


def exact(found: Any) -> str:
    """A value of the audit as pages carry it."""
    if isinstance(found, dict):
        return f"{found['numerator']}/{found['denominator']}"
    return str(found)


def says(shown: Shown) -> bool:
    """Whether the text shows the value: a rate by its fraction, a time in its units."""
    text = " ".join(shown.text.split())
    if "/" in shown.value:
        return f"({shown.value})" in text
    if shown.measure.endswith("_s"):
        return _seconds(text.partition("较")[0]) == int(shown.value)
    return shown.value in re.findall(r"\d+", text)


def _seconds(text: str) -> int | None:
    units = {"小时": 3600, "分": 60, "秒": 1}
    parts = re.findall(r"(\d+) (小时|分|秒)", text)
    return sum(int(n) * units[u] for n, u in parts) if parts else None


def says_change(changed: Changed) -> bool:
    """Whether the text is the difference of both sides: in points, in a count, or in time."""
    text = " ".join(changed.text.split())
    now, before = (Fraction(side) for side in (changed.now, changed.before))
    sign = "-" if now < before else "+"
    if "/" in changed.now:
        tenths = (abs(now - before) * 1000 + Fraction(1, 2)).__floor__()
        small = now != before and not tenths
        wanted = "不足 0.1" if small else f"{sign}{tenths // 10}.{tenths % 10}"
        return f"{wanted} 个百分点" in text
    if changed.measure.endswith("_s"):
        return _seconds(text) == abs(now - before) and sign in text
    return f"{sign}{abs(now - before)}" in re.findall(r"[+-]\d+", text)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Commands on the database of the pages."""
    monkeypatch.setenv("SYNC_CLASSROOM_SERVER__DATA_DIR", str(tmp_path))
    return CliRunner()


async def test_every_figure_on_every_page_is_the_audits(tmp_path: Path, command: CliRunner) -> None:
    bundle = tmp_path / "bundle.zip"
    async with simulated_site(tmp_path) as served:
        done = await asyncio.to_thread(command.invoke, main, ["bundle", str(bundle)])
        assert done.exit_code == 0, done.output
        pages = {
            address: (await look(served, address, role=Role.REVIEWER), least)
            for address, least in PAGES
        }
    audits = Audits(bundle)
    for address, (page, least) in pages.items():
        figures = Figures(page.html)
        assert len(figures.shown) >= least, (address, len(figures.shown))
        assert figures.unmarked == [], address
        period = dict(re.findall(r"[?&](from|to)=([\d-]+)", address))
        for shown in figures.shown:
            first, last = (shown.period or f"{period['from']}/{period['to']}").split("/")
            found: Any = await asyncio.to_thread(audits.of, first, last)
            for name in (*shown.key.split("/"), shown.measure):
                found = found[name]
            assert exact(found) == shown.value, (address, shown)
            assert says(shown), (address, shown)
        for changed in figures.changed:
            for days, key, value in (
                (f"{period['from']}/{period['to']}", changed.key, changed.now),
                (changed.period, changed.before_key, changed.before),
            ):
                found = await asyncio.to_thread(audits.of, *days.split("/"))
                for name in (*key.split("/"), changed.measure):
                    found = found[name]
                assert exact(found) == value, (address, changed)
            assert says_change(changed), (address, changed)
    assert sum(len(Figures(page.html).changed) for page, _ in pages.values()) > 150


async def test_a_figure_that_is_not_the_audits_is_found() -> None:
    page = '<table><tr><td class="num" data-measure="m" data-key="k" data-value="4">5</td>'
    (shown,) = Figures(page).shown
    assert not says(shown)
    assert Figures('<table><tr><td class="num">5</td></tr></table>').unmarked
    assert says(Shown("held_rate", "totals", "0/0", None, "— (0/0)"))
    assert not says(Shown("credited_s", "totals", "3601", None, "1 小时 00 分 00 秒"))
    for text, true in (("-16.7 个百分点", True), ("+16.7 个百分点", False), ("-16.6", False)):
        assert says_change(Changed("held_rate", "totals", "1/3", "1/2", "", "", text)) is true
    assert says_change(Changed("due_periods", "totals", "3", "5", "", "", "较上期 -2，下降"))
    assert not says_change(Changed("due_periods", "totals", "3", "5", "", "", "较上期 +2，上升"))
    assert not Figures('<table><tr><td class="num" data-none>—</td></tr></table>').unmarked


async def test_pages_of_simulated_data_say_so(tmp_path: Path) -> None:
    async with site(tmp_path, simulated=True) as served:
        for path in ("/coverage", "/today", "/sign-in", "/nowhere"):
            role = None if path == "/sign-in" else Role.ADMIN
            page = Page(await (await served.ask("GET", path, role=role)).text())
            assert [a for t, a in page.tags if t == "p" and a.get("class") == "simulated"], path
    async with site(tmp_path / "real") as served:
        page = await look(served, "/coverage")
        assert "模拟数据" not in page.text


@dataclass(frozen=True)
class Files:
    """The files of one report, read: cells of the workbook, rows of the CSV tables, words."""

    book: Workbook
    tables: dict[str, list[dict[str, str]]]
    words: str

    @classmethod
    def read(cls, folder: Path) -> Files:
        """Those that a report leaves in its folder."""
        with zipfile.ZipFile(folder / "tables.zip") as packed:
            texts = {n: packed.read(n).decode("utf-8-sig") for n in packed.namelist()}
        pages = PdfReader(folder / "report.pdf").pages
        return cls(
            Workbook((folder / "report.xlsx").read_bytes()),
            {
                n.removesuffix(".csv"): list(csv.DictReader(io.StringIO(t)))
                for n, t in texts.items()
            },
            re.sub(r"\s", "", "".join(page.extract_text() for page in pages)),
        )

    def row(self, sheet: str, ident: str) -> list[Value]:
        """The workbook's row that has this cell, its formulas computed from the sheet of seats."""
        known = {**self.book.cached, **self.book.computed}
        name = word(sheet, "zh")
        number = next(
            re.sub(r"\D", "", c) for (s, c), v in known.items() if (s, v) == (name, ident)
        )
        cells = {
            c: v for (s, c), v in known.items() if s == name and re.sub(r"\D", "", c) == number
        }
        return [cells[c] for c in sorted(cells, key=lambda c: (len(c), c))]


def number_of(found: Any) -> Any:
    """A value of the audit as a spreadsheet has it."""
    if not isinstance(found, dict):
        return float(found)
    return found["numerator"] / found["denominator"] if found["denominator"] else "—"


async def test_every_figure_of_a_report_is_the_audits_of_its_own_bundle(tmp_path: Path) -> None:
    first, last = date(2026, 9, 1), date(2026, 9, 13)
    async with simulated_site(tmp_path, until=last, rooms=8) as served:
        reports = served.services.reports
        asked = await reports.request(ReportKind.PERIOD, first, last, "zh", actor="a", key="k")
        made = await reports.make(asked)
        bundle = await reports.file(made.id, "bundle.zip")
        page = await look(served, f"/coverage?from={first}&to={last}", role=Role.REVIEWER)
    files = Files.read(bundle.parent)
    audited = await asyncio.to_thread(Audits(bundle).of, first.isoformat(), last.isoformat())
    assert list(files.book.differences()) == []
    totals = {row["代码"]: row for row in files.tables["totals"]}
    for code, found in audited["totals"].items():
        assert files.row("summary", code)[2] == pytest.approx(number_of(found)), code
        if isinstance(found, dict):
            sides = f"{totals[code]['分子']}/{totals[code]['分母']}"
            assert sides == exact(found), code
            if code not in ("fidelity", "host_rate", "adjusted_share"):
                assert f"({sides})" in files.words, code
        else:
            assert totals[code]["数值"] == str(found), code
    for group in ("school", "classroom", "week", "teacher", "host_school"):
        rows = {next(iter(row.values())): row for row in files.tables[group]}
        assert set(rows) == set(audited[f"by_{group}"])
        for ident, figures in audited[f"by_{group}"].items():
            cells = files.row(group, ident)[-len(COLUMNS) :]
            for code, found in figures.items():
                if code in COLUMNS:
                    cell = cells[COLUMNS.index(code)]
                    assert cell == pytest.approx(number_of(found)), (group, ident, code)
                parts = {k.rpartition("[")[2]: v for k, v in rows[ident].items()}
                if isinstance(found, dict):
                    named = f"{parts[f'{code}.numerator]']}/{parts[f'{code}.denominator]']}"
                    assert named == exact(found), (group, ident, code)
                else:
                    assert parts[f"{code}]"] == str(found), (group, ident, code)
    held = next(
        s for s in Figures(page.html).shown if (s.key, s.measure) == ("totals", "held_rate")
    )
    assert held.value == exact(audited["totals"]["held_rate"])
