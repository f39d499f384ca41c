"""The virtual teacher's document: a few pages made here, given to the lesson and turned in it.

By the public protocol (docs/terminal-protocol.md, Documents), so that a newcomer sees in rooms and
on /wall what a document looks like there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol
from urllib.parse import quote, urljoin

import aiohttp

from .answers import RequestRefusedError, accepted
from .uploads import upload

NAME: Final = "Unit 6.pdf"
#: What the pages say: a heading, and lines below it.
PAGES: Final = (
    ("Unit 6", "A lesson about families"),
    ("Today we learn", "to say who is in a picture", "to ask how many there are", "to listen"),
    ("Ask your neighbour", "Who is this?", "How many people can you see?", "What do they do?"),
    ("Before next time", "Draw the people you live with.", "Write one sentence for each."),
)  # fmt: skip
#: How long a page is shown: a real one takes minutes, which a demo has not.
TURN_S: Final = 8.0
#: After the server did not take the document, or is not there.
RETRY_S: Final = 3.0
_LOOK_S: Final = 0.3
#: Points of a page, 16:9.
_WIDTH, _HEIGHT = 960, 540
#: A colour for each page, so that a turn is seen from the back of a room.
_COLOURS: Final = ("0.04 0.41 0.36", "0.16 0.35 0.60", "0.55 0.33 0.10", "0.38 0.24 0.52")


class Host(Protocol):
    """A virtual terminal as far as its document is concerned."""

    @property
    def live(self) -> dict[str, dict[str, Any]]:
        """The live lessons' states by id."""
        ...

    async def command(self, kind: str, **fields: Any) -> None:
        """Send a command; raises what the server refuses it with."""
        ...


def make_book(pages: Sequence[Sequence[str]] = PAGES) -> bytes:
    """A PDF (ISO 32000-1) with a page for each heading and its lines, in Latin letters."""
    first = 4  # catalogue, pages and font stand before the first page
    kids = " ".join(f"{first + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, lines in enumerate(pages):
        drawn = _drawn(number, lines)
        page = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}]"
            f" /Resources << /Font << /F 3 0 R >> >> /Contents {first + 2 * number + 1} 0 R >>"
        )
        objects.append(page.encode())
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawn), drawn))
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table)


def _drawn(number: int, lines: Sequence[str]) -> bytes:
    """What stands on a page: a band of its colour with the heading, the lines, its number."""
    colour = _COLOURS[number % len(_COLOURS)]
    heading, *rest = lines
    parts = [f"{colour} rg 0 400 {_WIDTH} 140 re f", _text(1, 60, 448, 54, heading)]
    parts += [_text(0, 60, 310 - 70 * n, 36, line) for n, line in enumerate(rest)]
    parts.append(_text(0, _WIDTH - 70, 24, 22, str(number + 1)))
    return "\n".join(parts).encode("latin-1")


def _text(grey: int, x: int, y: int, size: int, text: str) -> str:
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"{grey} g BT /F {size} Tf {x} {y} Td ({escaped}) Tj ET"


async def show_book(
    host: Host,
    http: aiohttp.ClientSession,
    server: str,
    token: str,
    lesson: str,
    *,
    note: Callable[[BaseException], None],
    turn_s: float = TURN_S,
) -> None:
    """Give the lesson the document and turn its pages, one after another, until cancelled.

    `note` is told of what goes wrong, which ends nothing: the lesson goes on without pages.
    """
    ident = await _give(http, server, token, lesson, note)
    page = 0
    while True:
        known: list[dict[str, Any]] = host.live.get(lesson, {}).get("documents", [])
        found = next((d for d in known if d["id"] == ident), None)
        if found is None or not found["pages"]:
            await asyncio.sleep(_LOOK_S)
            continue
        page = page % int(found["pages"]) + 1
        try:
            await host.command("page", lesson=lesson, document=ident, page=page)
        except Exception as error:  # refused, as when somebody takes the document back
            note(error)
        await asyncio.sleep(turn_s)


async def _give(
    http: aiohttp.ClientSession,
    server: str,
    token: str,
    lesson: str,
    note: Callable[[BaseException], None],
) -> str:
    """The document's id, once the server has taken it; the same for every try."""
    url = urljoin(server, f"/api/lessons/{quote(lesson, safe='')}/document-files")
    ours, key = {"Authorization": f"Bearer {token}"}, {"Idempotency-Key": f"simulated-{lesson}"}
    book = make_book()
    while True:
        try:
            sent = await upload(http, server, book, NAME, len(book), ours)
            async with http.post(url, json={"upload": sent}, headers=ours | key) as response:
                await accepted(response)
                return str((await response.json())["id"])
        except (aiohttp.ClientError, TimeoutError, RequestRefusedError) as error:
            note(error)
        await asyncio.sleep(RETRY_S)
