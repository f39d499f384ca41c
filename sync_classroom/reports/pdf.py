"""The report as PDF/A-2b: charts and composed document set by typst, offline, from data alone."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

import typst

from .document import compose
from .fonts import Typeface

_STANDARD: Final = "a-2b"


def make_pdf(content: Mapping[str, Any], typeface: Typeface, charts: Mapping[str, str]) -> bytes:
    """The document. Its bytes depend on the content and nothing else.

    `charts` are SVG by name. Raises typst.TypstError if the layout itself is at fault.
    """
    document = compose(content, typeface, charts)
    with tempfile.TemporaryDirectory(prefix="sync-classroom-report-") as empty:
        # Nothing but the layout and its inputs can be read: the root is an empty folder.
        compiler = typst.Compiler(
            files(__package__).joinpath("report.typ").read_bytes(),
            root=empty,
            font_paths=typeface.fonts,
            package_path=empty,
            package_cache_path=empty,
            sys_inputs={
                "data": json.dumps(document, ensure_ascii=False),
                "charts": json.dumps(dict(charts), ensure_ascii=False),
            },
        )
        made = compiler.compile(
            format="pdf",
            pdf_standards=[_STANDARD],
            timestamp=datetime.fromisoformat(content["cut_off"]),
        )
    assert isinstance(made, bytes)
    return made
