"""`python -m sync_classroom.reports.child FOLDER`: draws one report, which comes on stdin as JSON.

A process of its own, since drawing takes seconds and hundreds of megabytes that a coordinator has
other use for. Each step is a line of JSON on stdout, the last one lists the files.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

#: Four times what a term of 48 rooms takes. What is merely reserved (V8 reserves much) is not
#: counted, so this is the limit on data and not the one on address space.
MEMORY: Final = 3_000_000_000
CPU_S: Final = 240
# A lesson that is being relayed on the same machine goes first.
_NICE: Final = 10

FILES: Final[Mapping[str, str]] = {"pdf": "report.pdf", "xlsx": "report.xlsx", "csv": "tables.zip"}


def draw(asked: Mapping[str, Any], folder: Path, tell: Callable[[Mapping[str, Any]], None]) -> None:
    """Write the files asked for; `asked` is `{"content", "formats", "fonts"}`."""
    content, files = asked["content"], {}
    for form in asked["formats"]:
        data = _made(form, content, asked["fonts"], tell)
        (folder / FILES[form]).write_bytes(data)
        files[form] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    tell({"files": files})


def _made(
    form: str,
    content: Mapping[str, Any],
    fonts: list[str],
    tell: Callable[[Mapping[str, Any]], None],
) -> bytes:
    # Each library is read only by who needs it: V8 alone takes a second.
    if form == "pdf":
        from .charts import draw as draw_charts
        from .fonts import load_typeface
        from .pdf import make_pdf

        tell({"step": "charts"})
        typeface = load_typeface(fonts) if fonts else load_typeface()
        charts = draw_charts(content, typeface)
        tell({"step": "pdf"})
        return make_pdf(content, typeface, charts)
    tell({"step": form})
    if form == "xlsx":
        from .workbook import make_workbook

        return make_workbook(content)
    from .csv_files import make_csv

    return make_csv(content)


def main(source: BinaryIO, folder: Path) -> None:
    """Bound this process, then draw."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICE)

    def tell(line: Mapping[str, Any]) -> None:
        print(json.dumps(line), flush=True)

    draw(json.load(source), folder, tell)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tell({"peak_kib": peak})


if __name__ == "__main__":
    main(sys.stdin.buffer, Path(sys.argv[1]))
