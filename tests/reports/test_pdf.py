"""The PDF as a reader and as an auditor gets it: every figure, every font, no surprise."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from click.testing import CliRunner
from pypdf import PdfReader

from sync_classroom.cli import main
from sync_classroom.domain.definitions import DEFINITIONS, Unit
from sync_classroom.domain.writing import clock_length, percent
from sync_classroom.reports.charts import draw
from sync_classroom.reports.fonts import load_typeface
from sync_classroom.reports.pdf import make_pdf
from tests.support.reports import CASE, CHAIN, HASHES, content

FACE = load_typeface()


def pdf(made: dict[str, Any]) -> PdfReader:
    return PdfReader(io.BytesIO(make_pdf(made, FACE, draw(made, FACE))))


def words(reader: PdfReader) -> str:
    """The text without any white space: where a line breaks says nothing."""
    return re.sub(r"\s", "", "".join(page.extract_text() for page in reader.pages))


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.fixture(scope="module", params=["zh", "en"])
def reader(request: pytest.FixtureRequest) -> PdfReader:
    return pdf(content(request.param))


def test_every_figure_of_the_audit_can_be_read_back(reader: PdfReader) -> None:
    done = CliRunner().invoke(main, ["audit", str(CASE), "--format", "json"])
    audited = json.loads(done.stdout)
    text = words(reader)
    for code, value in audited["totals"].items():
        written = str(value)
        if isinstance(value, dict):
            n, d = value["numerator"], value["denominator"]
            write = clock_length if code in ("fidelity", "host_rate", "adjusted_share") else str
            written = f"{percent(n, d)}({write(n)}/{write(d)})"
        elif DEFINITIONS[code].unit is Unit.SECONDS:
            written = clock_length(value)
        # The row of the appendix: code, then value.
        assert squeezed(code + written) in text, code
    for group in ("by_school", "by_classroom", "by_subject", "by_week", "by_teacher"):
        for name, figures in audited[group].items():
            rate = figures["held_rate"]
            row = (
                f"{figures['due_periods']}{figures['held_periods']}"
                f"{percent(rate['numerator'], rate['denominator'])}"
                f"({rate['numerator']}/{rate['denominator']}){clock_length(figures['credited_s'])}"
            )
            if group == "by_teacher":
                row = f"({rate['numerator']}/{rate['denominator']})"
            assert squeezed(row) in text, (group, name)
    for cause, n in audited["causes"].items():
        assert str(n) in text, cause


def test_cover_names_hashes_rules_and_cut_off(reader: PdfReader) -> None:
    text = squeezed(reader.pages[0].extract_text())
    for digest in (*HASHES.values(), CHAIN):
        assert digest in text
    assert "2026-12-0111:00(Asia/Shanghai)" in text


def test_document_is_titled_tagged_archival_and_paged(reader: PdfReader) -> None:
    catalogue = reader.trailer["/Root"]
    assert catalogue["/MarkInfo"]["/Marked"]
    assert catalogue["/StructTreeRoot"]
    assert catalogue["/Lang"].startswith(("zh", "en"))
    assert reader.metadata is not None
    assert reader.metadata.title
    xmp = catalogue["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in xmp
    assert "<pdfaid:conformance>B</pdfaid:conformance>" in xmp
    count = len(reader.pages)
    assert str(count) in reader.pages[1].extract_text().splitlines()[-1]


def test_every_font_is_embedded_and_ours(reader: PdfReader) -> None:
    names = set()
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            base = font.get_object()["/DescendantFonts"][0].get_object()
            descriptor = base["/FontDescriptor"].get_object()
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor)
            names.add(str(base["/BaseFont"]).partition("+")[2])
    assert names
    assert all(n.startswith("NotoSansSC") for n in names)


def test_names_are_names_whatever_they_look_like() -> None:
    text = words(pdf(content(hostile=True)))
    assert squeezed('=cmd|"/c calc"!A1') in text
    assert squeezed('#panic("x") $ \\ [*_`@<a>') in text
    assert squeezed("<script>&amp;") in text
    assert "+1□RLO?" in text
    assert "长" * 30 in text
    assert "长" * 100 not in text


def test_bytes_depend_on_the_content_alone() -> None:
    made = content("en")
    charts = draw(made, FACE)
    assert make_pdf(made, FACE, charts) == make_pdf(made, FACE, charts)


def test_restatements_are_printed_with_their_reason() -> None:
    restated = [{
        "publication": "No. 7 · 2026-09-01 – 2026-09-30",
        "why_zh": "截止后到达的事实 host_media +3 条",
        "why_en": "+3 facts of host_media",
        "differences": [{"path": "totals.held_periods", "published": 5, "found": 6}],
    }]  # fmt: skip
    made = content("en", restatements=restated)
    text = words(pdf(made))
    assert "No.7·2026-09-01" in text
    assert "+3factsofhost_media" in text
    assert "totals.held_periods56" in text
