"""Uploads grow by exactly what was sent, one writer at a time, and nothing is left lying about."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sync_classroom.coordinator.library_files import (
    MAX_OPEN,
    ORPHAN_S,
    UPLOAD_KEPT_S,
    Shelf,
    head_of,
    sha256_of,
)
from sync_classroom.domain.ids import UserId
from sync_classroom.domain.problems import ProblemError

WANG, LI = UserId("u-wang"), UserId("u-li")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path / "library")
    made.open()
    return made


def send(shelf: Shelf, ident: str, offset: int, data: bytes) -> None:
    with shelf.appending(shelf.upload(ident, WANG), offset) as writing:
        writing.write(data)
        writing.settle()


def code(error: pytest.ExceptionInfo[ProblemError]) -> str:
    return error.value.code


def test_an_upload_grows_piece_by_piece_over_restarts(shelf: Shelf) -> None:
    upload = shelf.begin(WANG, "课.mp4", 10)
    send(shelf, upload.id, 0, b"01234")
    again = Shelf(shelf.root)
    again.open()
    found = again.upload(upload.id, WANG)
    assert (found.name, found.size, found.offset, found.complete) == ("课.mp4", 10, 5, False)
    send(again, upload.id, 5, b"56789")
    assert again.upload(upload.id, WANG).complete
    assert again.part(found).read_bytes() == b"0123456789"
    assert sha256_of(again.part(found)).startswith("84d89877f0d4041e")
    assert head_of(again.part(found)) == b"0123456789"


def test_what_does_not_follow_is_refused_and_says_where_to_go_on(shelf: Shelf) -> None:
    upload = shelf.begin(WANG, "a.mp4", 10)
    send(shelf, upload.id, 0, b"0123")
    for offset in (0, 3, 5):
        with pytest.raises(ProblemError, match="4 bytes are here") as refused:
            send(shelf, upload.id, offset, b"x")
        assert code(refused) == "upload_offset"
    assert shelf.upload(upload.id, WANG).offset == 4


def test_one_connection_writes_at_a_time(shelf: Shelf) -> None:
    upload = shelf.begin(WANG, "a.mp4", 10)
    with shelf.appending(upload, 0) as writing:
        writing.write(b"0123")
        with pytest.raises(ProblemError) as refused:
            send(shelf, upload.id, 4, b"x")
        assert (code(refused), refused.value.retry_after_s) == ("upload_busy", 5)
    send(shelf, upload.id, 4, b"456789")


def test_a_disk_that_is_full_takes_nothing_half(shelf: Shelf) -> None:
    upload = shelf.begin(WANG, "a.mp4", 10)
    send(shelf, upload.id, 0, b"0123")
    with shelf.appending(upload, 4) as writing:
        broken = os.open("/dev/full", os.O_WRONLY)
        own, writing._descriptor = writing._descriptor, broken
        with pytest.raises((ProblemError, OSError)):
            writing.write(b"456")
        os.close(broken)
        writing._descriptor = own
        assert writing.offset == 4
    assert shelf.upload(upload.id, WANG).offset == 4


@pytest.mark.parametrize(
    "ident", ["", "nobody-knows", "../" * 10 + "ab", "0" * 32, "G" * 32, "a" * 31, "a" * 33]
)
def test_an_upload_nobody_announced_is_not_found(shelf: Shelf, ident: str) -> None:
    with pytest.raises(ProblemError) as refused:
        shelf.upload(ident, WANG)
    assert code(refused) == "upload_unknown"


def test_an_upload_is_its_own_persons(shelf: Shelf) -> None:
    upload = shelf.begin(WANG, "a.mp4", 10)
    with pytest.raises(ProblemError) as refused:
        shelf.upload(upload.id, LI)
    assert code(refused) == "upload_unknown"


def test_open_uploads_are_bounded_for_each_person(shelf: Shelf) -> None:
    for _ in range(MAX_OPEN):
        shelf.begin(WANG, "a.mp4", 10)
    with pytest.raises(ProblemError) as refused:
        shelf.begin(WANG, "a.mp4", 10)
    assert code(refused) == "uploads_open"
    shelf.begin(LI, "a.mp4", 10)


def test_an_upload_nobody_goes_on_with_is_given_up(shelf: Shelf) -> None:
    old, new = shelf.begin(WANG, "a.mp4", 10), shelf.begin(WANG, "b.mp4", 10)
    past = time.time() - UPLOAD_KEPT_S - 60
    os.utime(shelf.part(old), (past, past))
    assert [u.id for u in shelf.uploads()] == [new.id]
    with pytest.raises(ProblemError):
        shelf.upload(old.id, WANG)
    assert not shelf.part(old).exists()


def test_a_kept_file_outlives_its_upload_and_what_nobody_names_goes(shelf: Shelf) -> None:
    upload = shelf.begin(WANG, "a.mp4", 4)
    send(shelf, upload.id, 0, b"0123")
    kept, orphan, young = (shelf.new_name(".mp4") for _ in range(3))
    shelf.keep(shelf.part(upload), kept)
    shelf.cancel(upload.id)
    shelf.path(orphan).write_bytes(b"x")
    shelf.path(young).write_bytes(b"x")
    past = time.time() - ORPHAN_S - 60
    for name in (kept, orphan):
        os.utime(shelf.path(name), (past, past))
    assert shelf.sweep({kept}) == 1
    assert shelf.path(kept).read_bytes() == b"0123"
    assert not shelf.path(orphan).exists()
    assert shelf.path(young).exists()  # perhaps about to be named
    shelf.remove([kept, kept])
    assert not shelf.path(kept).exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/passwd", "../x"])
def test_no_name_leads_out_of_the_folder(shelf: Shelf, name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        shelf.path(name)
