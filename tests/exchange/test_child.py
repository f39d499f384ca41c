from __future__ import annotations

import io
import json
import subprocess
import sys

from sync_classroom.exchange.child import answer
from tests.support.timetable_files import ENGLISH, HEADINGS, workbook


def test_answer_is_the_content_or_the_refusal() -> None:
    found = json.loads(answer(io.BytesIO(workbook([HEADINGS, ENGLISH]))))
    assert found["tables"] == [["课表", 1, [list(HEADINGS), list(ENGLISH)]]]
    assert json.loads(answer(io.BytesIO(b"%PDF-"))) == {"refused": "file_pdf", "value": None}


def test_process_reads_its_input_and_bounds_itself() -> None:
    code = (
        "import resource, sys; from sync_classroom.exchange import child; child.main();"
        "print(resource.getrlimit(resource.RLIMIT_AS)[0] == child.MEMORY, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], input=b"", capture_output=True, check=True
    )
    assert json.loads(done.stdout) == {"refused": "file_empty", "value": None}
    assert done.stderr == b"True\n"
