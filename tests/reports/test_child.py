"""The drawing process itself: steps in order, files with their hashes, bounds on the machine."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sync_classroom.reports.child import draw
from tests.support.reports import content
from tests.support.waiting import PATIENCE_S


def test_each_step_is_told_and_every_file_hashed(tmp_path: Path) -> None:
    told: list[Mapping[str, Any]] = []
    draw({"content": content(), "formats": ["xlsx", "csv"], "fonts": []}, tmp_path, told.append)
    assert told[:2] == [{"step": "xlsx"}, {"step": "csv"}]
    files = told[2]["files"]
    for name, form in (("report.xlsx", "xlsx"), ("tables.zip", "csv")):
        data = (tmp_path / name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        assert files[form] == {"bytes": len(data), "sha256": digest}


def test_it_runs_alone_and_says_what_it_took(tmp_path: Path) -> None:
    asked = json.dumps({"content": content(), "formats": ["csv"], "fonts": []}).encode()
    done = subprocess.run(
        [sys.executable, "-I", "-m", "sync_classroom.reports.child", str(tmp_path)],
        input=asked, capture_output=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [next(iter(line)) for line in lines] == ["step", "files", "peak_kib"]
