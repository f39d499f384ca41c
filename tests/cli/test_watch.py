"""The live table: what it says about every room and in sum."""

from __future__ import annotations

import os
from pathlib import Path

import aiohttp
import pytest
from rich.console import Console

from sync_classroom.cli.watch import meeting_line, progress_line, pushed_line, swarm_table, totals
from sync_classroom.simulator.pushes import PushTally, VirtualInbox
from sync_classroom.simulator.swarm import Account, Row
from sync_classroom.simulator.teacher import VirtualMeeting, VirtualTeacher
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


def _printed(
    rows: list[Row], width: int, height: int, meeting: VirtualMeeting | None = None
) -> list[str]:
    with Path(os.devnull).open("w") as nowhere:
        console = Console(width=width, height=height, record=True, file=nowhere)
        console.print(swarm_table(rows, 3, (), meeting, width=width, height=height))
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


@pytest.mark.asyncio
async def test_pushes_are_summed_once_there_are_any() -> None:
    async with aiohttp.ClientSession() as http:
        inboxes = [VirtualInbox(http, "http://127.0.0.1:1", "t", seed=n) for n in range(3)]
        assert pushed_line(inboxes) == ""
        inboxes[0].tally = PushTally(known=2, delivered=2, opened=1)
        inboxes[1].tally = PushTally(known=1, last_error=("断了", "broke"))
        line = progress_line(ROWS, 1.0, inboxes)
    assert "pushed: delivered 2/3 opened 1 completed 0" in line
    assert "broke" in line


@pytest.mark.asyncio
async def test_teachers_who_meet_have_a_row_each_with_their_seconds_and_no_room() -> None:
    assert meeting_line(None) == ""
    url = "http://127.0.0.1:1"
    teachers = {
        ident: VirtualTeacher(url, ident, "", "s", name=f"research {ident}", recording=None)
        for ident in ("li", "wang")
    }
    teachers["wang"].tally.last_error = ("断了", "broke")
    async with aiohttp.ClientSession() as http:
        meeting = VirtualMeeting(Account(http, url), "s", teachers)
        meeting.attendance = {"li": 42}
        line = progress_line(ROWS, 1.0, (), meeting)
        text = "\n".join(_printed(ROWS, 140, 40, meeting))
    assert "receiving 1/2" in line
    assert "research: here 0/2 attended 42 s" in line
    assert "broke" in line
    assert "research li 42 s" in text
    assert "research wang 0 s" in text
