"""The live table of virtual terminals: a row a room, as many columns as the screen holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..simulator.pushes import VirtualInbox, run_inboxes
from ..simulator.swarm import Row, Swarm
from ..simulator.teacher import VirtualMeeting
from ..simulator.terminal import Tally
from .language import say

#: Lines of the screen that are not rooms: headings, addresses above, the sum below.
OTHER_LINES: Final = 6
#: Columns one room's table takes: name, path, packets, lost, round trip.
TABLE_COLUMNS: Final = 62
_STYLES: Final = {
    "receiving": "green",
    "publishing": "bold green",
    "waiting": "yellow",
    "lobby": "dim",
    "late": "dim",
    "off": "dim",
    "left": "dim",
    "failed": "bold red",
}

_STATES_ZH: Final = {
    "waiting": "等画面",
    "lobby": "候课",
    "late": "未到",
    "off": "未开机",
    "left": "已离开",
    "failed": "失败",
}


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for header, justify in (
        (say("教室", "room"), "left"), (say("线路", "path"), "left"),
        (say("包", "packets"), "right"), (say("丢包", "lost"), "right"),
        (say("往返 ms", "RTT ms"), "right"),
    ):  # fmt: skip
        table.add_column(header, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for row in rows:
        tally = row.tally
        path = "UDP" if tally.state in ("receiving", "publishing") else _state(tally.state)
        table.add_row(
            Text(row.name, style=_STYLES.get(tally.state, "")),
            path,
            str(tally.packets or tally.sent),
            str(tally.lost),
            "–" if tally.rtt_ms is None else f"{tally.rtt_ms:.1f}",
        )
    return table


def _state(state: str) -> str:
    return say(_STATES_ZH.get(state, state), state)


def totals(rows: Sequence[Row]) -> dict[str, int]:
    """Sums over all rooms, and how many receive."""
    tallies = [row.tally for row in rows]
    return {
        "rooms": sum(1 for row in rows if not row.host),
        "receiving": sum(1 for t in tallies if t.packets),
        "packets": sum(t.packets for t in tallies),
        "lost": sum(t.lost for t in tallies),
        "twice": sum(t.duplicates for t in tallies),
        "sessions": sum(t.sessions for t in tallies),
    }


def pushed_line(inboxes: Sequence[VirtualInbox]) -> str:
    """How far what was pushed to the rooms has come; "" where nothing was."""
    known, delivered, opened, completed = (
        sum(getattr(i.tally, step) for i in inboxes)
        for step in ("known", "delivered", "opened", "completed")
    )
    if not known:
        return ""
    return say(
        f"   推送 送达 {delivered}/{known} 打开 {opened} 看完 {completed}",
        f"   pushed: delivered {delivered}/{known} opened {opened} completed {completed}",
    )


def meeting_line(meeting: VirtualMeeting | None) -> str:
    """How many teachers meet, and their time as the server counts it; "" without a meeting."""
    if meeting is None:
        return ""
    here = sum(teacher.here for teacher in meeting.teachers.values())
    seconds = sum(meeting.attendance.values())
    return say(
        f"   教研 在场 {here}/{len(meeting.teachers)} 出席 {seconds} 秒",
        f"   research: here {here}/{len(meeting.teachers)} attended {seconds} s",
    )


def progress_line(
    rows: Sequence[Row],
    elapsed_s: float,
    inboxes: Sequence[VirtualInbox] = (),
    meeting: VirtualMeeting | None = None,
) -> str:
    """One line for consoles that cannot redraw."""
    sums = totals(rows)
    everybody = [*rows, *(meeting.rows() if meeting else ())]
    told = [*(r.tally.last_error for r in everybody), *(i.tally.last_error for i in inboxes)]
    errors = sorted({text for both in told if (text := say(*both))})
    label = say("最近的错误：", "last errors: ")
    tail = pushed_line(inboxes) + meeting_line(meeting)
    tail += f"   {label}{'; '.join(errors)[:200]}" if errors else ""
    return say(
        f"{elapsed_s:5.0f} 秒   收看 {sums['receiving']}/{sums['rooms']}"
        f"   包 {sums['packets']}   丢包 {sums['lost']}   重复 {sums['twice']}{tail}",
        f"{elapsed_s:5.0f} s   receiving {sums['receiving']}/{sums['rooms']}"
        f"   packets {sums['packets']}   lost {sums['lost']}   twice {sums['twice']}{tail}",
    )


def by_school(rows: Sequence[Row]) -> list[Row]:
    """One row a school for screens that cannot hold one a room: sums, and the longest way."""
    schools: dict[str, list[Tally]] = {}
    for row in rows:
        schools.setdefault(row.name.split(" ")[0], []).append(row.tally)
    out = []
    for name, tallies in schools.items():
        receiving = sum(1 for t in tallies if t.packets)
        shown = name if len(tallies) == 1 else f"{name} {receiving}/{len(tallies)}"
        total = Tally(state=tallies[0].state)
        for field in ("sent", "packets", "lost", "duplicates"):
            setattr(total, field, sum(getattr(t, field) for t in tallies))
        total.rtt_ms = max((t.rtt_ms for t in tallies if t.rtt_ms is not None), default=None)
        out.append(Row(shown, total))
    return out


def swarm_table(
    rows: Sequence[Row],
    elapsed_s: float,
    inboxes: Sequence[VirtualInbox] = (),
    meeting: VirtualMeeting | None = None,
    *,
    width: int = 140,
    height: int = 40,
) -> RenderableType:
    """Every room if the screen holds them in as many columns as fit, else every school; below them
    the teachers who meet."""
    lines = max(1, height - OTHER_LINES)
    met = list(meeting.rows()) if meeting else []
    rows_shown = [*rows, *met]
    if len(rows_shown) > lines * max(1, width // TABLE_COLUMNS):
        rows_shown = [*by_school(rows), *met]
    tables = [_table(rows_shown[i : i + lines]) for i in range(0, len(rows_shown), lines)]
    return Group(
        Columns(tables, padding=(0, 3)), Text(progress_line(rows, elapsed_s, inboxes, meeting))
    )


async def watch(
    console: Console,
    swarm: Swarm,
    at_end: Callable[[], Awaitable[None]] | None = None,
    inboxes: Sequence[VirtualInbox] = (),
    meeting: VirtualMeeting | None = None,
) -> None:
    """Run the swarm and show it until cancelled; `at_end` is awaited while it still runs."""
    running = asyncio.create_task(swarm.run(), name="virtual terminals")
    beside = [asyncio.create_task(run_inboxes(inboxes), name="virtual inboxes")]
    if meeting is not None:
        beside.append(asyncio.create_task(meeting.run(), name="virtual teachers"))
    started = time.monotonic()
    try:
        if console.is_terminal:
            with Live(console=console, refresh_per_second=2) as live:
                while not running.done():
                    size = console.size
                    elapsed_s = time.monotonic() - started
                    table = swarm_table(
                        swarm.rows(), elapsed_s, inboxes, meeting,
                        width=size.width, height=size.height,
                    )  # fmt: skip
                    live.update(table)
                    await asyncio.wait([running], timeout=0.5)
        else:
            while not running.done():
                elapsed_s = time.monotonic() - started
                console.print(progress_line(swarm.rows(), elapsed_s, inboxes, meeting))
                await asyncio.wait([running], timeout=5)
        await running
    finally:
        if at_end is not None and not running.done():
            await at_end()
        for task in (running, *beside):
            task.cancel()
        _, *errors = await asyncio.gather(running, *beside, return_exceptions=True)
        for task, error in zip(beside, errors, strict=True):
            if isinstance(error, Exception):
                console.print(f"[red]✕[/] {task.get_name()}: {error!r}")
        failures = swarm.failures | (meeting.swarm.failures if meeting else {})
        for name, reasons in failures.items():
            console.print(f"[red]✕[/] {name}: {say(*reasons)}")
