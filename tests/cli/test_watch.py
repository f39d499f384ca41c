"""The live table: what it says about every room and in sum."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

from sync_classroom.cli.watch import progress_line, swarm_table, totals
from sync_classroom.simulator.swarm import Row
from sync_classroom.simulator.terminal import Tally

ROWS = [
    Row("主讲", host=True, tally=Tally(state="publishing", sessions=1, sent=900)),
    Row("三校 1号", Tally(state="receiving", sessions=1, packets=1200, lost=3, rtt_ms=1.25)),
    Row("三校 2号", Tally(state="waiting", sessions=2, errors=1, last_error=("满了", "full"))),
]


def test_sums_leave_the_teacher_out_of_the_rooms() -> None:
    assert totals(ROWS) == {
        "rooms": 2, "receiving": 1, "packets": 1200, "lost": 3, "twice": 0, "sessions": 4,
    }  # fmt: skip


def test_progress_line_names_errors() -> None:
    line = progress_line(ROWS, 12.3)
    assert "receiving 1/2" in line
    assert "full" in line


def _printed(rows: list[Row], width: int, height: int) -> list[str]:
    with Path(os.devnull).open("w") as nowhere:
        console = Console(width=width, height=height, record=True, file=nowhere)
        console.print(swarm_table(rows, 3, width=width, height=height))
        return console.export_text().splitlines()


def test_table_shows_every_room() -> None:
    text = "\n".join(_printed(ROWS, 160, 40))
    for part in ("主讲", "900", "三校 1号", "1200", "1.2", "waiting"):
        assert part in text


def test_many_rooms_stand_side_by_side_and_fit_the_screen() -> None:
    rows = [
        Row(f"随迁子女学校{n // 6} {n % 6}号", Tally(state="receiving", packets=n))
        for n in range(48)
    ]
    lines = _printed(rows, 140, 34)
    assert len(lines) <= 34
    assert sum(line.count("号") for line in lines) == 48


def test_a_small_screen_shows_schools_instead() -> None:
    rows = [
        Row(
            f"随迁子女学校{n // 6} {n % 6}号",
            Tally(state="receiving", packets=10, lost=1, rtt_ms=n),
        )
        for n in range(48)
    ]
    lines = _printed(rows, 80, 24)
    assert len(lines) <= 24
    (first,) = [line for line in lines if "随迁子女学校0 6/6" in line]
    assert first.split()[-3:] == ["60", "6", "5.0"]
