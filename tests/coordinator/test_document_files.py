"""Pages on the disk: found by what the file was, swept away when nobody has them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sync_classroom.coordinator.document_files import ORPHAN_S, PageFolder
from sync_classroom.domain.documents import SIZES, PageSize, page_file

SHA, OTHER = "a" * 64, "b" * 64
PAGES = (PageSize(2560, 1440),)


def folder(tmp_path: Path) -> PageFolder:
    made = PageFolder(tmp_path)
    made.open()
    return made


def make(pages: PageFolder, sha256: str) -> None:
    making = pages.making()
    making.mkdir()
    for size in SIZES:
        (making / page_file(1, size)).write_bytes(b"webp")
    (making / "profile").mkdir()
    (making / "made.pdf").write_bytes(b"rubbish")
    pages.keep(making, sha256, PAGES)


def age(path: Path) -> None:
    old = time.time() - ORPHAN_S - 60
    os.utime(path, (old, old))


def test_finished_pages_are_known_and_nothing_else_stays(tmp_path: Path) -> None:
    pages = folder(tmp_path)
    assert pages.known(SHA) is None
    make(pages, SHA)
    assert pages.known(SHA) == PAGES
    home = pages.picture(SHA, 1, "small").parent
    assert {p.name for p in home.iterdir()} == {
        "pages.json", *(page_file(1, size) for size in SIZES),
    }  # fmt: skip
    assert list((tmp_path / "documents" / "making").iterdir()) == []


def test_of_two_that_finish_the_same_the_first_stays(tmp_path: Path) -> None:
    pages = folder(tmp_path)
    make(pages, SHA)
    first = pages.picture(SHA, 1, "small").stat().st_ino
    make(pages, SHA)
    assert pages.picture(SHA, 1, "small").stat().st_ino == first
    assert list((tmp_path / "documents" / "making").iterdir()) == []


def test_what_nobody_has_goes_once_it_is_old(tmp_path: Path) -> None:
    pages = folder(tmp_path)
    make(pages, SHA)
    make(pages, OTHER)
    left = pages.incoming(".pdf")
    left.write_bytes(b"half")
    begun = pages.making()
    begun.mkdir()
    assert pages.sweep([SHA]) == 0  # all of it is young
    for path in (left, begun, pages.picture(SHA, 1, "small").parent):
        age(path)
    age(pages.picture(OTHER, 1, "small").parent)
    assert pages.sweep([SHA]) == 3
    assert pages.known(SHA) == PAGES
    assert pages.known(OTHER) is None
    assert not left.exists()
    assert not begun.exists()


def test_pages_that_are_used_again_are_young_again(tmp_path: Path) -> None:
    pages = folder(tmp_path)
    make(pages, SHA)
    age(pages.picture(SHA, 1, "small").parent)
    assert pages.known(SHA) == PAGES
    assert pages.sweep([]) == 0


def test_a_folder_that_was_never_made_has_nothing_to_sweep(tmp_path: Path) -> None:
    assert PageFolder(tmp_path / "nowhere").sweep([]) == 0
