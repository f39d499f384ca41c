"""Segments on disk: order, pages, confirmation, torn ends, refused writes."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from sync_classroom.relay import journal_files
from sync_classroom.relay.journal_files import JournalFiles, JournalFull, parse_cursor

BOOT = "0a1b2c3d"
NOW_MS = 1_800_000_000_000


def opened(
    folder: Path, *, boot: str = BOOT, max_bytes: int = 10**9, now_ms: int = NOW_MS
) -> JournalFiles:
    return JournalFiles(folder, boot=boot, max_bytes=max_bytes, now_ms=now_ms)


def line(number: int, padding: int = 0) -> bytes:
    return json.dumps({"id": f"r:b:{number}", "kind": "boot", "x": "y" * padding}).encode() + b"\n"


def ids(files: JournalFiles, after: str | None = None, limit: int = 1000) -> list[int]:
    page = files.page(after, limit)
    assert page.damaged == 0
    return [int(record["id"].rsplit(":", 1)[1]) for record in page.records]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.ndjson"))


def test_what_is_appended_is_paged_in_order(tmp_path: Path) -> None:
    files = opened(tmp_path)
    files.append([line(1), line(2)], now_ms=NOW_MS)
    files.append([line(3)], now_ms=NOW_MS)
    first = files.page(None, 2)
    assert ([r["id"] for r in first.records], first.more) == (["r:b:1", "r:b:2"], True)
    second = files.page(first.cursor, 2)
    assert ([r["id"] for r in second.records], second.more) == (["r:b:3"], False)
    last = files.page(second.cursor, 2)
    assert (last.records, last.cursor, last.more) == ((), second.cursor, False)
    files.append([line(4)], now_ms=NOW_MS)
    assert ids(files, second.cursor) == [4]
    files.close()


def test_pages_run_over_segments_and_boots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_files, "SEGMENT_BYTES", 100)
    files = opened(tmp_path)
    for number in range(1, 8):
        files.append([line(number)], now_ms=NOW_MS)
    files.close()
    assert len(names(tmp_path)) == 3
    again = opened(tmp_path, boot="99999999", now_ms=NOW_MS - 10_000)  # the clock was set back
    again.append([line(8)], now_ms=NOW_MS - 10_000)
    assert names(tmp_path)[-1].endswith("-99999999.ndjson")
    assert again.torn_at is None
    cursor, seen = None, []
    while True:
        page = again.page(cursor, 3)
        seen += [r["id"] for r in page.records]
        cursor = page.cursor
        if not page.more:
            break
    assert seen == [f"r:b:{number}" for number in range(1, 9)]
    again.close()


def test_confirming_deletes_whole_segments_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_files, "SEGMENT_BYTES", 100)
    files = opened(tmp_path)
    for number in range(1, 10):
        files.append([line(number)], now_ms=NOW_MS)
    before = names(tmp_path)
    assert len(before) == 3
    page = files.page(None, 4)  # into the second segment
    assert files.confirm(page.cursor) == 1
    assert names(tmp_path) == before[1:]
    assert ids(files, page.cursor) == [5, 6, 7, 8, 9]
    assert ids(files) == [4, 5, 6, 7, 8, 9]  # without a cursor: whatever is kept
    assert files.size == sum(path.stat().st_size for path in tmp_path.glob("*.ndjson"))
    end = files.page(page.cursor, 100).cursor
    assert files.confirm(end) == 1
    assert names(tmp_path) == before[2:]  # the segment being written stays
    assert files.confirm(end) == 0
    files.append([line(10)], now_ms=NOW_MS)
    assert ids(files, end) == [10]
    files.close()


def test_a_cursor_of_a_wiped_journal_offers_everything(tmp_path: Path) -> None:
    files = opened(tmp_path)
    files.append([line(1)], now_ms=NOW_MS)
    assert ids(files, f"{NOW_MS + 5}.700") == [1]
    # Wiped and begun anew: segment numbers are instants, so the new ones are beyond the cursor.
    assert ids(files, f"{NOW_MS - 5}.700") == [1]
    files.close()


@pytest.mark.parametrize(
    "text", ["", "x", "1", "1.", ".1", "1.2.3", "-1.2", "1.2 ", "9" * 20 + ".1"]
)
def test_rubbish_is_no_cursor(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        parse_cursor(text)


def test_a_cursor_beyond_the_end_is_the_end(tmp_path: Path) -> None:
    files = opened(tmp_path)
    files.append([line(1)], now_ms=NOW_MS)
    page = files.page(f"{NOW_MS}.999999", 10)
    assert (page.records, page.more) == ((), False)
    files.close()


@pytest.mark.parametrize(
    "torn", [b'{"id":"r:b:3","ki', b"\0" * 300, b'{"id":"r:b:3"}\n{"x', b"rubbish\n"]
)
def test_a_torn_end_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    files = opened(tmp_path)
    files.append([line(1), line(2)], now_ms=NOW_MS)
    files.close()
    path = next(tmp_path.glob("*.ndjson"))
    good = path.read_bytes()
    path.write_bytes(good + torn)
    os.utime(path, (5000, 5000))
    again = opened(tmp_path, boot="99999999")
    assert again.torn_at == 5000.0
    assert path.read_bytes() == good
    assert ids(again) == [1, 2]
    again.close()


def test_a_segment_of_nothing_but_rubbish_is_emptied(tmp_path: Path) -> None:
    path = tmp_path / f"{NOW_MS:013d}-{BOOT}.ndjson"
    path.write_bytes(b"\0" * 5000)
    again = opened(tmp_path, boot="99999999")
    assert again.torn_at is not None
    assert ids(again) == []
    again.append([line(1)], now_ms=NOW_MS)
    assert ids(again) == [1]
    again.close()


def test_damage_in_the_middle_is_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / f"{NOW_MS:013d}-{BOOT}.ndjson"
    path.write_bytes(line(1) + b"{broken\n" + b"[]\n" + line(2))
    files = opened(tmp_path, boot="99999999")
    page = files.page(None, 10)
    assert [r["id"] for r in page.records] == ["r:b:1", "r:b:2"]
    assert page.damaged == 2
    files.close()


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / f"{NOW_MS:013d}-{BOOT}.ndjson").write_bytes(b"")  # a boot that wrote nothing
    files = opened(tmp_path, boot="99999999")
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert names(tmp_path) == [f"{NOW_MS:013d}-99999999.ndjson"]
    files.close()


def test_the_bound_refuses_whole_batches(tmp_path: Path) -> None:
    files = opened(tmp_path, max_bytes=3 * len(line(1)))
    files.append([line(1), line(2)], now_ms=NOW_MS)
    with pytest.raises(JournalFull) as caught:
        files.append([line(3), line(4)], now_ms=NOW_MS)
    assert caught.value.errno == errno.ENOSPC
    files.append([line(3)], now_ms=NOW_MS)
    assert ids(files) == [1, 2, 3]
    files.close()


def test_a_write_that_failed_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = opened(tmp_path)
    files.append([line(1)], now_ms=NOW_MS)
    real_write, real_truncate = os.write, os.ftruncate

    def half(descriptor: int, data: memoryview) -> int:
        if len(data) > 10:
            return real_write(descriptor, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    def no_truncate(descriptor: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    for truncate in (real_truncate, no_truncate):
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", half)
            patch.setattr(os, "ftruncate", truncate)
            with pytest.raises(OSError, match="No space"):
                files.append([line(2)], now_ms=NOW_MS)
        assert ids(files) == [1]
    files.append([line(3)], now_ms=NOW_MS)  # cuts the half line off first
    assert ids(files) == [1, 3]
    files.close()
    assert next(tmp_path.glob("*.ndjson")).read_bytes() == line(1) + line(3)


def test_pages_are_bounded(tmp_path: Path) -> None:
    files = opened(tmp_path)
    files.append([line(number) for number in range(journal_files.MAX_PAGE + 10)], now_ms=NOW_MS)
    assert len(files.page(None, 10**9).records) == journal_files.MAX_PAGE
    assert len(files.page(None, -5).records) == 1
    files.close()
