"""Scanner and cutter are processes: what they end with decides, and what they say is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sync_classroom.coordinator import outside
from sync_classroom.coordinator.outside import cut, scan
from sync_classroom.domain.problems import ProblemError
from tests.support.recordings import finished

pytestmark = pytest.mark.asyncio

# Ends with 1 for a file that holds the word, as scanners do, and says so.
SCANNER = (
    sys.executable, "-c",
    "import sys; found = b'EICAR' in open(sys.argv[1], 'rb').read();"
    " print(sys.argv[1] + ': Eicar-Test FOUND') if found else None; sys.exit(found)",
)  # fmt: skip


def ends(with_code: int) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import sys; print('why'); sys.exit({with_code})", "{file}")


async def test_a_clean_file_passes_and_a_bad_one_is_named_without_its_path(tmp_path: Path) -> None:
    clean, bad = tmp_path / "clean", tmp_path / "bad"
    clean.write_bytes(b"fine")
    bad.write_bytes(b"..EICAR..")
    await scan((), bad)
    await scan(SCANNER, clean)
    with pytest.raises(ProblemError, match="Eicar-Test FOUND") as refused:
        await scan(SCANNER, bad)
    assert refused.value.code == "file_infected"
    assert str(tmp_path) not in refused.value.zh


@pytest.mark.parametrize("command", [ends(2), ("/no/such/scanner",)])
async def test_a_scanner_that_does_not_do_its_work_proves_nothing(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    with pytest.raises(ProblemError) as refused:
        await scan(command, tmp_path / "any")
    assert refused.value.code == "scan_failed"


async def test_a_scanner_that_hangs_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "SCAN_S", 0.2)
    with pytest.raises(ProblemError, match="did not finish") as refused:
        await scan((sys.executable, "-c", "import time; time.sleep(600)"), tmp_path / "any")
    assert "longer than" in str(refused.value.value)


async def test_the_file_stands_where_the_command_says(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    code = (
        "import sys; sys.exit(0 if sys.argv[1:] == ['--file=' + sys.argv[2], sys.argv[2]] else 2)"
    )
    await scan((sys.executable, "-c", code, "--file={file}", "{file}"), path)


async def test_a_scanner_that_talks_without_end_is_cut_short(tmp_path: Path) -> None:
    with pytest.raises(ProblemError) as refused:
        await scan((sys.executable, "-c", "print('x' * 5_000_000); exit(1)"), tmp_path / "any")
    assert len(str(refused.value.value)) <= outside.MAX_SAID


async def test_a_part_is_cut_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    source = finished(tmp_path / "whole.mp4", seconds=3)
    piece = await cut(source, tmp_path / "part.mp4", 1.0, 2.0)
    assert piece.bytes == (tmp_path / "part.mp4").stat().st_size
    with pytest.raises(ProblemError, match="nothing was recorded") as refused:
        await cut(source, tmp_path / "none.mp4", 2.0, 1.0)
    assert refused.value.code == "cut_failed"
    assert not (tmp_path / "none.mp4").exists()
