"""How much of a lesson bad lines let through, by Chromium's own statistics of picture and sound.

A relay process; publishers and subscribers are pages with the terminal's own scripts, each behind
a network in user space that loses, delays and (if said) lets packets overtake each other. First
eight seconds in which a receiver learns what its line is like, then what is measured. A single
packet that comes too late stops the picture for half a second, so it takes minutes to tell a share
of one in a hundred.

    python -m bench.relay.hostile --seconds 120
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Final

from bench import figures
from bench.figures import Figure
from tests.support.hostile import FIVE_PERCENT, TWENTY_PERCENT, Figures, Line, relay, watched

SETTLE_S: Final = 8.0
FROZEN_AIM, CONCEALED_AIM, HOLDS_AIM = 1.0, 1.0, 5.0
"""Percent: of the time and of the sound at 5 % loss, and of the sound at 20 %."""


async def measure(folder: Path, lines: tuple[Line, ...], seconds: float) -> dict[Line, Figures]:
    """All lines beside one another."""
    async with relay(folder) as running, watched(running, lines) as watch:
        await asyncio.sleep(SETTLE_S)
        return await watch(seconds)


def _said(line: Line, found: Figures, *, frozen: float | None, concealed: float) -> list[Figure]:
    note = (
        f"{found.lost} of {found.datagrams} datagrams lost in {found.seconds:.0f} s,"
        f" {found.shown / found.seconds:.1f} pictures/s, played {found.waits_ms} ms late at least"
    )
    return [
        Figure(f"picture frozen: {line.name}", 100 * found.frozen, "%", frozen, note=note),
        Figure(f"sound concealed: {line.name}", 100 * found.concealed, "%", concealed),
    ]


async def run(seconds: float) -> list[Figure]:
    """Both losses, one after the other."""
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, lines, frozen, concealed in (
            ("five", FIVE_PERCENT, FROZEN_AIM, CONCEALED_AIM),
            ("twenty", TWENTY_PERCENT, None, HOLDS_AIM),
        ):
            for line, values in (await measure(Path(folder, name), lines, seconds)).items():
                found += _said(line, values, frozen=frozen, concealed=concealed)
    return found


def parse() -> argparse.Namespace:
    parser = figures.arguments(__doc__)
    parser.add_argument("--seconds", type=float, help="measured for each loss")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    seconds = arguments.seconds or (20.0 if arguments.quick else 120.0)
    figures.report(asyncio.run(run(seconds)), arguments.json)


if __name__ == "__main__":
    main()
