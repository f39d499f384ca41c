"""Which fonts a report is set in, and what they can write.

A PDF/A has no glyph missing, so a character that no font of ours has is written as `□` instead of
making a whole report fail: names come from people, and people write anything.
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typst
from pylopdf_fonts_zh_cn import sans_path

#: The family that is installed along with us.
OWN_FAMILY: Final = "Noto Sans SC"
UNWRITABLE: Final = "□"


@dataclass(frozen=True, slots=True)
class Typeface:
    """The families to set a report in, in order, where typst finds them, and what they have."""

    families: tuple[str, ...]
    fonts: typst.Fonts
    folder: Path
    characters: frozenset[int]

    def clean(self, text: str, most: int) -> str:
        """`text` on one line, without what no font can write, cut to `most` characters."""
        kept = []
        for character in unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode()):
            if character.isspace():
                kept.append(" ")
            elif unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me"):
                continue  # controls, marks that turn a line round, and what is not a character
            else:
                kept.append(character if ord(character) in self.characters else UNWRITABLE)
        line = " ".join("".join(kept).split())
        return line if len(line) <= most else line[: most - 1] + "…"


def load_typeface(wanted: Sequence[str] = (OWN_FAMILY,)) -> Typeface:
    """The typeface of the families there are; ours if there is none of those wanted.

    The system's fonts are looked at only if something before the package's is wanted: a report
    should look the same on every machine.
    """
    folder = sans_path().parent
    own = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)]
    )
    fonts = own
    if wanted and wanted[0] not in own.families():
        fonts = typst.Fonts(
            include_system_fonts=True, include_embedded_fonts=False, font_paths=[str(folder)]
        )
    there = set(fonts.families())
    families = [f for f in wanted if f in there]
    if OWN_FAMILY not in families:
        families.append(OWN_FAMILY)
    files = {f.path for f in fonts.fonts() if f.family in families and f.path}
    characters = frozenset().union(*(characters_of(Path(f).read_bytes()) for f in files))
    return Typeface(tuple(families), fonts, folder, characters)


def characters_of(font: bytes) -> frozenset[int]:
    """The code points an OpenType font has glyphs for (its first font, if a collection).

    OpenType 1.9, cmap: subtables of format 4 and 12, which hold all that is in Unicode fonts.
    Nothing for a file that is no such font.
    """
    try:
        start = struct.unpack_from(">I", font, 12)[0] if font[:4] == b"ttcf" else 0
        count = struct.unpack_from(">H", font, start + 4)[0]
        for n in range(count):
            tag, _, offset, _ = struct.unpack_from(">4sIII", font, start + 12 + 16 * n)
            if tag == b"cmap":
                return frozenset(_cmap(font, offset))
    except struct.error:
        pass
    return frozenset()


def _cmap(font: bytes, at: int) -> set[int]:
    found: set[int] = set()
    for n in range(struct.unpack_from(">H", font, at + 2)[0]):
        _, _, offset = struct.unpack_from(">HHI", font, at + 4 + 8 * n)
        table = at + offset
        form = struct.unpack_from(">H", font, table)[0]
        if form == 12:
            for group in range(struct.unpack_from(">I", font, table + 12)[0]):
                first, last, _ = struct.unpack_from(">III", font, table + 16 + 12 * group)
                found.update(range(first, last + 1))
        elif form == 4:
            found |= _format_4(font, table)
    return found


def _format_4(font: bytes, table: int) -> set[int]:
    segments = struct.unpack_from(">H", font, table + 6)[0] // 2
    ends = struct.unpack_from(f">{segments}H", font, table + 14)
    starts = struct.unpack_from(f">{segments}H", font, table + 16 + 2 * segments)
    pairs = zip(starts, ends, strict=True)
    # The last segment is 0xFFFF alone, which is no character.
    return {c for first, last in pairs for c in range(first, last + 1) if c != 0xFFFF}
