"""Every refusal says what to do, in both languages."""

from __future__ import annotations

from datetime import date

from sync_classroom.coordinator import report_problems as problems
from sync_classroom.domain.publications import Publication, Report
from sync_classroom.domain.report import ReportKind
from tests.support.plans import at

DAY = date(2026, 11, 1)
REPORT = Report("r", "k", ReportKind.MONTH, DAY, DAY, "zh", (), "chief", at("09:00"), "one")
MADE = Publication(
    3, "r", ReportKind.MONTH, DAY, DAY, "zh", at("09:00"), at("09:00"), "chief", "", {}, {}, "one"
)


def test_refusals_have_codes_and_sentences() -> None:
    found = [
        problems.bad_form("fr", ["doc"]), problems.too_many(20), problems.kept("r"),
        problems.published(MADE), problems.no_publication(9), problems.unknown("r"),
        problems.no_file(REPORT, "one"), problems.no_file(REPORT, "two"),
        problems.unfinished(REPORT), problems.defect(),
    ]  # fmt: skip
    assert all(p.zh.endswith("。") and p.en.endswith(".") for p in found)
    assert "第 3 号" in problems.published(MADE).zh
    assert problems.no_file(REPORT, "two").code == "report_elsewhere"
    assert problems.no_file(REPORT, "one").code == "report_file"
