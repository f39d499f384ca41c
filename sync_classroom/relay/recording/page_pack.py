"""Keeps the document pages of a lesson in the file of its recording, behind the media.

Players of MP4 and WebM pass over what they do not know, so the file stays one file with one hash:
it is fetched, verified, cached and played with the server away as any other. Behind the media
stands one MP4 box `uuid` (ISO/IEC 14496-12 4.2 and 11.1) or one EBML Void (RFC 8794 11.3.3) with

    the pictures | the index, JSON in UTF-8 | the index's length, 4 bytes | SYNCPAGE

The index is `{"pages": [{"from_s", "to_s", "name", "page", "pages", "width", "height", "type",
"at", "bytes"}, …]}`: a page is shown for `[from_s, to_s)` of the file's time, and its picture is
the `bytes` bytes at `at` of the file. `static/terminal/page_track.js` reads it from the end.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

MAGIC: Final = b"SYNCPAGE"
#: The box's type, drawn once at random.
BOX: Final = uuid.UUID("8e0a3f4c-5d0e-4b5b-9d0c-6a2f6f7c1b52")
_VOID: Final = b"\xec"
_BOX_HEAD: Final = 32
_VOID_HEAD: Final = 9


def append(
    path: Path, pages: Sequence[Mapping[str, Any]], *, mp4: bool, from_s: float, to_s: float
) -> int:
    """Put pages behind the media of a file that begins at `from_s` of their time; how many.

    `pages` are as `coordinator.page_tracks.PackedPage`. What was shown outside `[from_s, to_s)` is
    left out, a picture that is shown again is there once. Raises OSError.
    """
    shown = [p for p in pages if p["from_s"] < to_s and p["to_s"] > from_s]
    if not shown:
        return 0
    size = path.stat().st_size
    first = at = size + (_BOX_HEAD if mp4 else _VOID_HEAD)
    pictures: dict[str, tuple[int, bytes]] = {}
    index = []
    for page in shown:
        source = str(page["picture"])
        if source not in pictures:
            pictures[source] = (at, Path(source).read_bytes())
            at += len(pictures[source][1])
        place, data = pictures[source]
        index.append(
            {k: v for k, v in page.items() if k != "picture"}
            | {
                "from_s": round(max(0.0, page["from_s"] - from_s), 3),
                "to_s": round(min(to_s, page["to_s"]) - from_s, 3),
                "at": place,
                "bytes": len(data),
            }
        )
    text = json.dumps({"pages": index}, ensure_ascii=False, separators=(",", ":")).encode()
    tail = text + len(text).to_bytes(4, "big") + MAGIC
    body = at - first + len(tail)
    with path.open("ab") as file:
        file.write(_box(body) if mp4 else _void(body))
        for _, data in pictures.values():
            file.write(data)
        file.write(tail)
    return len(shown)


def _box(body: int) -> bytes:
    """The head of the box, with a length of 64 bits."""
    return b"\0\0\0\1uuid" + (_BOX_HEAD + body).to_bytes(8, "big") + BOX.bytes


def _void(body: int) -> bytes:
    return _VOID + ((1 << 56) | body).to_bytes(8, "big")
