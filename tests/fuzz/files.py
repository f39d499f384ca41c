"""Fuzz target of the journal's files: whatever a crash, a disk or a hand left in them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from sync_classroom.relay.journal_files import JournalFiles
from tests.fuzz.reader import Reader, block

FIRST_MS = 1_800_000_000_000
OWN = b'{"id":"relay-1:00000001:1","kind":"boot"}\n'
#: More pages than any input has lines: paging that does not end is a defect.
MAX_PAGES = 2000


def journal_target() -> Callable[[bytes], None]:
    """Two segments of an earlier boot and a cursor: opened, paged, written, confirmed, reopened."""
    top = Path(tempfile.mkdtemp(prefix="fuzz-"))

    def run(data: bytes) -> None:
        reader = Reader(data)
        limit, cursor, first = 1 + reader.u8(), reader.take(reader.u8()), reader.block()
        folder = Path(tempfile.mkdtemp(dir=top))
        try:
            for number, content in enumerate((first, reader.rest())):
                path = folder / f"{FIRST_MS + number:013d}-00000000.ndjson"
                path.write_bytes(content)
            opened(folder, limit, cursor.decode("latin-1"))
        finally:
            shutil.rmtree(folder)

    run.close = lambda: shutil.rmtree(top, ignore_errors=True)  # type: ignore[attr-defined]
    return run


def opened(folder: Path, limit: int, cursor: str) -> None:
    """What must hold of any folder."""
    files = JournalFiles(folder, boot="00000001", max_bytes=1_000_000, now_ms=FIRST_MS - 5)
    try:
        files.append([OWN], now_ms=FIRST_MS - 5)
        records, last = read(files, limit)
        assert records[-1] == json.loads(OWN), "what was appended is not what is read last"
        assert all("id" in record and "kind" in record for record in records)
        for ask in (files.page, lambda after, _: files.confirm(after)):
            try:
                ask(cursor, limit)
            except ValueError:
                continue
        again, _ = read(files, limit)
        assert again == records[len(records) - len(again) :], "confirming changed what is left"
        files.confirm(last)
        left, _ = read(files, limit)
        assert left[-1:] == [json.loads(OWN)]
        assert files.size == sum(path.stat().st_size for path in folder.iterdir())
    finally:
        files.close()


def read(files: JournalFiles, limit: int) -> tuple[list[object], str]:
    """Every record page by page; the pages are bounded, and the cursor never stands still."""
    records: list[object] = []
    after: str | None = None
    for _ in range(MAX_PAGES):
        page = files.page(after, limit)
        assert len(page.records) <= limit
        records += page.records
        if not page.more:
            return records, page.cursor
        assert page.cursor != after, "a page that leads nowhere"
        after = page.cursor
    raise AssertionError("paging does not end")


def journal_seeds() -> list[bytes]:
    """Whole segments, a torn end, an empty file, damage in the middle."""
    lines = b"".join(
        json.dumps({"id": f"relay-1:00000000:{n}", "kind": "subscribe", "sent": n}).encode() + b"\n"
        for n in range(6)
    )

    def made(first: bytes, second: bytes, cursor: str = "0.0", limit: int = 2) -> bytes:
        return bytes([limit, len(cursor)]) + cursor.encode() + block(first) + second

    return [
        made(lines, lines),
        made(lines, lines[:-9]),
        made(b"", lines, f"{FIRST_MS}.10"),
        made(lines, b"\n\n{}\n" + lines, f"{FIRST_MS + 1}.44", 9),
        made(lines[:50] + b"\xff\n" + lines, b"[" * 200 + b"\n", f"{FIRST_MS + 1}.999999"),
        made(lines, lines, "9999999999999999.5"),
    ]
