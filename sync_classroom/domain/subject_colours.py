"""One colour a subject, the same on every page, in print and in every spreadsheet.

The subjects of the national curriculum have a colour each, so that two of them never look alike in
a primary school's week; any other name takes one by its own letters, the same one for ever. The
fills are light enough for ink at WCAG AA and for a school's black-and-white printer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from zlib import crc32


@dataclass(frozen=True, slots=True)
class SubjectColour:
    """`no` from 0 names it in style sheets, `fill` is behind text, `edge` beside it (#rrggbb)."""

    no: int
    fill: str
    edge: str


PALETTE: Final = tuple(
    SubjectColour(no, fill, edge)
    for no, (fill, edge) in enumerate(
        (
            ("#fbe7e4", "#a8443b"),
            ("#e2ecf8", "#2f68a8"),
            ("#e3f2e6", "#367844"),
            ("#fbf0d6", "#8a6112"),
            ("#ebe6f6", "#664c9e"),
            ("#dcf1f0", "#17757a"),
            ("#fce9dc", "#a65420"),
            ("#f9e4ef", "#9f3c77"),
            ("#eef1d5", "#646b1c"),
            ("#ddeffa", "#1c709c"),
            ("#f1e8de", "#7b542c"),
            ("#e6eaef", "#526172"),
        )
    )
)

_CURRICULUM: Final = (
    ("语文", "语文课"),
    ("数学",),
    ("英语", "外语"),
    ("科学",),
    ("道德与法治", "道法", "品德与社会", "品德"),
    ("音乐",),
    ("美术",),
    ("体育", "体育与健康"),
    ("劳动", "劳动与技术"),
    ("信息科技", "信息技术"),
    ("综合实践", "综合实践活动"),
    ("书法",),
)
_KNOWN: Final = {name: no for no, names in enumerate(_CURRICULUM) for name in names}


def colour_of(subject: str) -> SubjectColour:
    """The colour of a subject; spaces around its name and letter case make no difference."""
    name = subject.strip().casefold()
    known = _KNOWN.get(name)
    return PALETTE[crc32(name.encode()) % len(PALETTE) if known is None else known]
