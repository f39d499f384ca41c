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

from ..simulator.swarm import Row, Swarm

ROWS_A_TABLE: Final = 16
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


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for header, justify in (
        ("教室 room", "left"), ("path", "left"), ("packets", "right"), ("lost", "right"),
        ("RTT ms", "right"),
    ):  # fmt: skip
        table.add_column(header, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for row in rows:
        tally = row.tally
        path = "UDP" if tally.state in ("receiving", "publishing") else tally.state
        table.add_row(
            Text(row.name, style=_STYLES.get(tally.state, "")),
            path,
            str(tally.packets),
            str(tally.lost),
            "–" if tally.rtt_ms is None else f"{tally.rtt_ms:.1f}",
        )
    return table


def totals(rows: Sequence[Row]) -> dict[str, int]:
    """Sums over all rooms, and how many receive."""
    tallies = [row.tally for row in rows]
    return {
        "rooms": sum(1 for t in tallies if t.state != "publishing"),
        "receiving": sum(1 for t in tallies if t.packets),
        "packets": sum(t.packets for t in tallies),
        "lost": sum(t.lost for t in tallies),
        "twice": sum(t.duplicates for t in tallies),
        "sessions": sum(t.sessions for t in tallies),
    }


def progress_line(rows: Sequence[Row], elapsed_s: float) -> str:
    """One line for consoles that cannot redraw."""
    sums = totals(rows)
    errors = sorted({r.tally.last_error for r in rows if r.tally.last_error})
    tail = f"   last errors: {'; '.join(errors)[:200]}" if errors else ""
    return (
        f"{elapsed_s:5.0f} s   receiving {sums['receiving']}/{sums['rooms']}"
        f"   packets {sums['packets']}   lost {sums['lost']}   twice {sums['twice']}{tail}"
    )


def swarm_table(rows: Sequence[Row], elapsed_s: float) -> RenderableType:
    """The whole table."""
    tables = [_table(rows[i : i + ROWS_A_TABLE]) for i in range(0, len(rows), ROWS_A_TABLE)]
    return Group(Columns(tables, padding=(0, 3)), Text(progress_line(rows, elapsed_s)))


async def watch(
    console: Console, swarm: Swarm, at_end: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Run the swarm and show it until cancelled; `at_end` is awaited while it still runs."""
    running = asyncio.create_task(swarm.run(), name="virtual terminals")
    started = time.monotonic()
    try:
        if console.is_terminal:
            with Live(console=console, refresh_per_second=2) as live:
                while not running.done():
                    live.update(swarm_table(swarm.rows(), time.monotonic() - started))
                    await asyncio.wait([running], timeout=0.5)
        else:
            while not running.done():
                console.print(progress_line(swarm.rows(), time.monotonic() - started))
                await asyncio.wait([running], timeout=5)
        await running
    finally:
        if at_end is not None and not running.done():
            await at_end()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for name, reason in swarm.failures.items():
            console.print(f"[red]✕[/] {name}: {reason}")
