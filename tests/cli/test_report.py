"""`report` as a bureau runs it at the console."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from python_calamine import CalamineWorkbook

from .conftest import Command


def test_report_and_its_bundle_say_the_same(loaded: Command, tmp_path: Path) -> None:
    day = datetime.now(UTC).date() + timedelta(days=2)
    added = loaded(
        "lesson", "add", "--title", "Unit 6", "--subject", "英语", "--teacher", "host-1-t01",
        "--classroom", "host-1-r1", "--at", f"{day} 09:00", "--seat", "remote-1-r1",
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    period = ("--from", str(day), "--to", str(day))
    out, bundle = tmp_path / "r.xlsx", tmp_path / "b.zip"
    done = loaded("report", *period, "--language", "en", "--out", str(out), "--bundle", str(bundle))
    assert done.exit_code == 0, done.output
    assert "1" in done.output
    audited = loaded("audit", str(bundle), *period, "--format", "json")
    assert audited.exit_code == 0
    totals = json.loads(audited.stdout)["totals"]
    summary = CalamineWorkbook.from_path(out).get_sheet_by_name("Summary").to_python()
    values = {row[1]: row[2] for row in summary}
    assert values["due_periods"] == totals["due_periods"] == 1
    pdf = tmp_path / "r.pdf"
    assert loaded("report", *period, "--out", str(pdf)).exit_code == 0
    assert pdf.read_bytes().startswith(b"%PDF-1.7")


def test_what_cannot_be_written_is_refused(loaded: Command, tmp_path: Path) -> None:
    period = ("--from", "2026-11-01", "--to", "2026-11-30")
    wrong = loaded("report", *period, "--out", str(tmp_path / "r.docx"))
    assert wrong.exit_code == 2
    assert "r.docx" in wrong.stderr
    backwards = loaded("report", "--from", "2026-11-30", "--to", "2026-11-01", "--out", "r.pdf")
    assert backwards.exit_code == 2
    nowhere = loaded("report", *period, "--out", str(tmp_path / "none" / "r.zip"))
    assert nowhere.exit_code == 2
    assert "r.zip" in nowhere.stderr
