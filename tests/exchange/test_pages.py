"""Documents are converted by a child that is bounded, and what ends it is said in words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sync_classroom.domain.documents import PageSize, page_file
from sync_classroom.domain.problems import ProblemError
from sync_classroom.exchange.pages import PageMaker
from tests.support.documents import BLUE, RED, colour_of, near, pdf
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio


async def refused(maker: PageMaker, kind: str, source: Path, folder: Path) -> str:
    with pytest.raises(ProblemError) as caught:
        await maker.make(kind, source, folder)
    return caught.value.code


def said(program: str) -> PageMaker:
    """A maker whose child runs this program."""
    return PageMaker(command=(sys.executable, "-c", program))


async def test_a_real_document_is_converted_within_the_limits(tmp_path: Path) -> None:
    source, folder = tmp_path / "a.pdf", tmp_path / "pages"
    source.write_bytes(pdf(RED, BLUE))
    folder.mkdir()
    assert await PageMaker().make("pdf", source, folder) == (PageSize(2560, 1440),) * 2
    assert near(colour_of(folder / page_file(2, "small")), BLUE)
    source.write_bytes(b"%PDF-rubbish")
    assert await refused(PageMaker(), "pdf", source, folder) == "document_damaged"


async def test_without_libreoffice_slides_are_refused_with_the_remedy(tmp_path: Path) -> None:
    maker = PageMaker(office=("no-such-program",))
    with pytest.raises(ProblemError) as caught:
        await maker.make("office", tmp_path / "a.pptx", tmp_path)
    assert caught.value.code == "document_office_missing"
    assert "另存为 PDF" in caught.value.zh
    assert "as PDF" in caught.value.en


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("import os; os.abort()", "document_damaged"),
        ("raise SystemExit(3)", "document_damaged"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "document_slow"),
        ('print(\'{"refused": "document_pages", "value": "512"}\')', "document_pages"),
    ],
)
async def test_what_ends_the_child_is_a_refusal(tmp_path: Path, program: str, code: str) -> None:
    assert await refused(said(program), "pdf", tmp_path / "a", tmp_path) == code


async def test_a_child_that_takes_too_long_goes_with_all_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(note)!r}).write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    maker = PageMaker(timeout_s=2.0, command=(sys.executable, "-c", program))
    assert await refused(maker, "pdf", tmp_path / "a", tmp_path) == "document_slow"
    grandchild = int(note.read_text())

    def gone() -> bool:
        # Orphans of a container stay as zombies where nobody reaps them.
        try:
            state = Path(f"/proc/{grandchild}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):  # gone, or just going
            return True
        return state == "Z"

    await until(gone)
