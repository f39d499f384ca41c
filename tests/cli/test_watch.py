"""The live table: what it says about every room and in sum."""

from __future__ import annotations

from rich.console import Console

from sync_classroom.cli.watch import progress_line, swarm_table, totals
from sync_classroom.simulator.swarm import Row
from sync_classroom.simulator.terminal import Tally

ROWS = [
    Row("主讲", Tally(state="publishing", sessions=1)),
    Row("三校 1号", Tally(state="receiving", sessions=1, packets=1200, lost=3, rtt_ms=1.25)),
    Row("三校 2号", Tally(state="waiting", sessions=2, errors=1, last_error="HTTP 503: full")),
]


def test_sums_leave_the_teacher_out_of_the_rooms() -> None:
    assert totals(ROWS) == {
        "rooms": 2, "receiving": 1, "packets": 1200, "lost": 3, "twice": 0, "sessions": 4,
    }  # fmt: skip


def test_progress_line_names_errors() -> None:
    line = progress_line(ROWS, 12.3)
    assert "receiving 1/2" in line
    assert "HTTP 503: full" in line


def test_table_shows_every_room() -> None:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(swarm_table(ROWS, 3))
    console.file.close()
    text = console.export_text()
    for part in ("主讲", "三校 1号", "1200", "1.2", "waiting"):
        assert part in text
