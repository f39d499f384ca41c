"""Floor, relay and Janus interleaved in one run: A B C A B C, the median of the rounds, ratios.

Each gets the same packets at the same pace and the same receivers; of each only the server's own
CPU counts, per packet that arrived. A round takes some ten seconds for each; whatever else the
machine does meanwhile falls on all of them alike.

    python -m bench.relay.compare --subscribers 47 --seconds 8 --rounds 3
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import figures
from bench.figures import Figure, medians, number, ratios
from bench.machine import NoCompilerError
from bench.relay import fanout, floor, janus
from bench.relay.child import Options
from bench.relay.measure import Load
from bench.relay.pattern import CAMERA
from sync_classroom.relay import kernel

FLOOR: Final = "floor"
FLOOR_SEGMENTS: Final = "floor, UDP_SEGMENT"
FLOOR_BARE: Final = "floor, UDP_SEGMENT, unencrypted"
PYTHON: Final = "relay, Python"
KERNEL: Final = "relay, C kernel"
KERNEL_PLAIN: Final = "relay, C kernel, no UDP_SEGMENT"
JANUS: Final = "Janus"
JANUS_LOOPS: Final = "Janus, 2 event loops"
COLUMNS: Final = (
    ("µs/packet", "us_per_packet"),
    ("user", "us_user"),
    ("system", "us_system"),
    ("kB/receiver", "kb_per_subscriber"),
    ("ms/join", "ms_cpu_per_join"),
    ("joins/s", "joins_per_s"),
    ("packets", "forwarded"),
    ("arrived, %", "arrived_percent"),
)
WHOLE_PERCENT: Final = 99.9
"""Of the packets, in time: with less the machine was too busy for its figures to be trusted."""
KERNEL_AIM, PYTHON_AIM, FLOOR_AIM, SEGMENTS_AIM, MEMORY_AIM_KB = 0.12, 0.30, 1.3, 1.0, 150

Contestant = Callable[[], Awaitable[dict[str, float]]]


@dataclass(slots=True)
class Contest:
    """Who takes part, and what was measured of each so far, round by round."""

    contestants: dict[str, Contestant]
    measured: dict[str, list[dict[str, float]]]

    async def round(self) -> None:
        """Everybody once, in turn. Who cannot run is named and left out from then on."""
        for name, run in list(self.contestants.items()):
            try:
                costs = await run()
            except (NoCompilerError, janus.JanusError) as error:
                print(f"{name}: {error}", file=sys.stderr)
                del self.contestants[name]
                continue
            self.measured.setdefault(name, []).append(costs)
            print(f"  {name:32} {costs['us_per_packet']:7.2f} µs per packet", flush=True)

    async def rounds(self, count: int) -> dict[str, dict[str, float]]:
        """So many rounds; the medians."""
        for turn in range(count):
            print(f"round {turn + 1} of {count}", flush=True)
            await self.round()
        return self.costs

    @property
    def costs(self) -> dict[str, dict[str, float]]:
        """The medians of each."""
        return {name: medians(rounds) for name, rounds in self.measured.items()}


def contest(load: Load, folder: Path) -> Contest:
    """Whoever can be measured here."""
    contestants: dict[str, Contestant] = {
        FLOOR: lambda: floor.run(load, folder, segments=False),
        FLOOR_SEGMENTS: lambda: floor.run(load, folder, segments=True),
        FLOOR_BARE: lambda: floor.run(load, folder, segments=True, encrypted=False),
        PYTHON: lambda: fanout.run(Options(fanout="python"), load),
    }
    reason = kernel.unavailable()
    if reason is None:
        contestants[KERNEL] = lambda: fanout.run(Options(fanout="kernel"), load)
        contestants[KERNEL_PLAIN] = lambda: fanout.run(
            Options(fanout="kernel", segments=False), load
        )
    else:
        print(f"no figures of the C kernel: {reason[1]}")
    if janus.installed() is not None:
        contestants[JANUS] = lambda: janus.run(load)
        contestants[JANUS_LOOPS] = lambda: janus.run(load, 2)
    else:
        print(janus.MISSING)
    return Contest(contestants, {})


def table(costs: dict[str, dict[str, float]]) -> list[str]:
    """Everything measured, one line each, with ratios to Janus and to the floor."""
    totals = {name: values["us_per_packet"] for name, values in costs.items()}
    to_janus, to_floor = ratios(totals, JANUS), ratios(totals, FLOOR)
    width = max(map(len, costs), default=0)
    header = [title for title, _ in COLUMNS]
    header[1:1] = ["× Janus", "× floor"]
    made = [f"{'':{width}}" + "".join(f"{title:>12}" for title in header)]
    for name, values in costs.items():
        cells = [number(values[key]) if key in values else "" for _, key in COLUMNS]
        cells[1:1] = [number(found[name]) if found else "" for found in (to_janus, to_floor)]
        made.append(f"{name:{width}}" + "".join(f"{cell:>12}" for cell in cells))
    return made


def found(costs: dict[str, dict[str, float]]) -> list[Figure]:
    """The figures with aims: those whose both sides were measured."""
    totals = {name: values["us_per_packet"] for name, values in costs.items()}
    made = []
    for name, base, aim in (
        (KERNEL, JANUS, KERNEL_AIM),
        (PYTHON, JANUS, PYTHON_AIM),
        (KERNEL, JANUS_LOOPS, None),
        (PYTHON, JANUS_LOOPS, None),
        (FLOOR_SEGMENTS, JANUS, None),
        (FLOOR_BARE, JANUS, None),
        (KERNEL_PLAIN, FLOOR, FLOOR_AIM),
        (KERNEL, FLOOR, SEGMENTS_AIM),
        (KERNEL, FLOOR_SEGMENTS, None),
        (PYTHON, FLOOR, None),
    ):
        share = ratios(totals, base).get(name)
        if share is not None:
            note = f"{number(totals[name])} µs to {number(totals[base])} µs"
            made.append(Figure(f"CPU per packet: {name} / {base}", share, "×", aim, note=note))
    for name in (PYTHON, KERNEL, JANUS):
        if name in costs:
            value = costs[name]["kb_per_subscriber"]
            aim = MEMORY_AIM_KB if name != JANUS else None
            made.append(Figure(f"memory per receiver: {name}", value, "kB", aim))
    for name in (PYTHON, KERNEL, JANUS):
        if name in costs:
            rate = f"{number(costs[name]['joins_per_s'])} a second, one after the other"
            value = costs[name]["ms_cpu_per_join"]
            made.append(Figure(f"CPU per join: {name}", value, "ms", note=rate))
    return made


async def compete(load: Load, rounds: int) -> dict[str, dict[str, float]]:
    """Run all rounds; the medians."""
    with tempfile.TemporaryDirectory(prefix="bench-floor-") as folder:
        return await contest(load, Path(folder)).rounds(rounds)


def parse(description: str | None) -> argparse.Namespace:
    """What a contest is asked for; `seconds` and `rounds` are fewer with `--quick`."""
    parser = figures.arguments(description)
    parser.add_argument("--subscribers", type=int, default=47)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--rounds", type=int)
    arguments = parser.parse_args()
    arguments.seconds = arguments.seconds or (3.0 if arguments.quick else 8.0)
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 3)
    return arguments


def main() -> None:
    arguments = parse(__doc__)
    load = Load(arguments.subscribers, arguments.seconds, CAMERA)
    costs = asyncio.run(compete(load, arguments.rounds))
    print("\n".join(table(costs)))
    late = [name for name, found in costs.items() if found["arrived_percent"] < WHOLE_PERCENT]
    if late:
        print(f"not everything arrived in time, so take with care: {'; '.join(late)}")
    figures.report(found(costs), arguments.json)


if __name__ == "__main__":
    main()
