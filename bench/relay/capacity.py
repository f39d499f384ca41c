"""How many receivers one core carries at 600 kbit/s: computed from cost, and really held.

Rooms of 48 receivers, each with its own publisher (360p-like video in frames of four packets at 15
pictures a second, and Opus: 600 kbit/s, 113 packets a second). First 192 receivers are measured:
the relay's CPU in a second over their number is what one costs, with receiver reports and consent
as browsers send them, and its inverse is how many one core carries. Then more and more are
connected, up to what was computed or to what this machine's one generator process can hold, and
each step is held for some seconds: every packet sent times its room's receivers must arrive in
time. On a machine that does other things, `--preferred` runs relay and peers before them.

    python -m bench.relay.capacity --most 4800
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass
from typing import Final

from bench import figures
from bench.figures import Figure
from bench.machine import Cpu, prefer
from bench.relay.child import Options, Relay, relay
from bench.relay.crowd import Crowd
from bench.relay.pattern import LOW
from bench.relay.peers import Client, Source, Sources
from sync_classroom.relay.kernel import CHOICES

ROOM_SIZE: Final = 48
FIRST: Final = 4 * ROOM_SIZE
AT_ONCE: Final = 8
"""Handshakes under way."""
SETTLE_S: Final = 3.0
LINGER_S: Final = 0.3
SHARES: Final = (0.5, 0.75, 0.9)
"""Steps, as shares of what was computed: above that a core has nothing left for joins."""
AIM: Final = 4000
MEMORY_AIM_KB: Final = 150


@dataclass(frozen=True, slots=True)
class Held:
    """One step: how many receivers, what arrived of what was due, what it cost."""

    receivers: int
    due: int
    arrived: int
    lost_here: int
    seconds: float
    cpu: Cpu
    would_block: int
    acknowledged: int
    rss: int

    @property
    def missing(self) -> int:
        """Packets that did not arrive in time."""
        return self.due - self.arrived

    @property
    def core(self) -> float:
        """Share of one core the relay used."""
        return self.cpu.total / self.seconds

    @property
    def carries(self) -> float:
        """Receivers one core carries at this cost."""
        return self.receivers / self.core

    @property
    def us_per_packet(self) -> float:
        """CPU per packet that arrived."""
        return self.cpu.total / max(1, self.arrived) * 1e6


class Hall:
    """Rooms, their publishers and receivers."""

    def __init__(self, under_test: Relay) -> None:
        self._relay = under_test
        self.crowd = Crowd()
        self._rooms: list[Source] = []
        self._sources: Sources | None = None

    async def grow(self, receivers: int) -> None:
        """Add rooms until there are so many receivers; nobody sends meanwhile."""
        new: list[Source] = []
        first = len(self.crowd.members)
        while len(self.crowd.members) < receivers:
            room = f"room-{len(self._rooms) + len(new)}"
            opened = await self._relay.open("host", room=room, publish="camera")
            publisher = Client(opened.remote)
            await publisher.connect()
            source = Source(publisher, LOW)
            for start in range(0, ROOM_SIZE, AT_ONCE):
                invited = []
                for number in range(start, start + AT_ONCE):
                    opened = await self._relay.open(f"seat-{number}", room=room)
                    invited.append(self.crowd.invite(opened.remote, opened.ssrcs, source))
                self.crowd.join(invited)
                self.crowd.tick(time.monotonic())
            new.append(source)
            for known in (*self._rooms, *new):
                known.client.consent()
        for source in new:
            source.send_due(0.0)  # the first keyframe and the first sound
        self.crowd.learn(self.crowd.members[first:])
        self._rooms += new
        self._sources = Sources(self._rooms, spread_s=0.2)

    def run(self, seconds: float) -> None:
        """Send in real time and read for so long."""
        assert self._sources is not None
        self._sources.resume()
        consent_at = start = time.monotonic()
        while (now := time.monotonic()) < start + seconds:
            pause = self._sources.send_due()
            self.crowd.tick(now)
            if now >= consent_at:
                consent_at = now + 5
                for source in self._rooms:
                    source.client.consent()
            self.crowd.read(min(pause, 0.005))

    def _linger(self) -> None:
        end = time.monotonic() + LINGER_S
        while time.monotonic() < end:
            self.crowd.read(0.01)

    async def hold(self, seconds: float) -> Held:
        """Settle, then count for so long."""
        self.run(SETTLE_S)
        self._linger()
        before, counters = [source.sent for source in self._rooms], await self._relay.counters()
        arrived, lost = self.crowd.mailbox.packets, self.crowd.lost
        self._relay.cpu.lap()
        self.run(seconds)
        used = self._relay.cpu.lap()
        self._linger()
        after = await self._relay.counters()
        sent = sum(source.sent - was for source, was in zip(self._rooms, before, strict=True))
        return Held(
            len(self.crowd.members),
            sent * ROOM_SIZE,
            self.crowd.mailbox.packets - arrived,
            self.crowd.lost - lost,
            seconds,
            used,
            after["would_block"] - counters["would_block"],
            await self._relay.ask("acknowledged", 3.0),
            self._relay.rss_bytes(),
        )


async def run(options: Options, seconds: float, most: int) -> tuple[list[Held], Held]:
    """Without reports first; then with them, step by step, until something is missing."""
    async with relay(options) as under_test:
        hall = Hall(under_test)
        await hall.grow(FIRST)
        silent = await hall.hold(seconds)
        hall.crowd.reporting = True
        steps = [await hall.hold(seconds)]
        for share in SHARES:
            wanted = min(most, round(share * steps[0].carries / ROOM_SIZE) * ROOM_SIZE)
            if wanted <= steps[-1].receivers or steps[-1].missing:
                continue
            await hall.grow(wanted)
            steps.append(await hall.hold(seconds))
            step = steps[-1]
            print(
                f"  {step.receivers} receivers: {step.missing} of {step.due:,} packets missing,"
                f" relay {step.core * 100:.0f} % of a core",
                flush=True,
            )
        hall.crowd.close()
    return steps, silent


def found(steps: list[Held], silent: Held) -> list[Figure]:
    """The figures of all steps."""
    first = steps[0]
    held = [step for step in steps if not step.missing]
    best = max(held, key=lambda step: step.receivers, default=None)
    cost = f"{first.core / first.receivers * 1e6:,.0f} µs of CPU a second for each of {FIRST}"
    made = [
        Figure("receivers a core carries, by cost", first.carries, "", AIM, at_least=True,
               note=f"{cost}, consent and reports included; {first.acknowledged} acknowledge"),
        Figure("the same without receiver reports", silent.carries,
               note=f"{silent.us_per_packet:.2f} µs per packet, {LOW.packets_per_s:.0f} packets/s"),
        Figure("CPU per packet, reports included", first.us_per_packet, "µs"),
    ]  # fmt: skip
    if best is not None:
        note = (
            f"{best.arrived:,} of {best.due:,} packets in {best.seconds:g} s,"
            f" relay {best.core * 100:.0f} % of a core"
        )
        made.append(Figure("receivers really held without loss", best.receivers, note=note))
        made.append(
            Figure("receivers a core carries, by cost at that step", best.carries, "", AIM,
                   at_least=True, note=f"{best.us_per_packet:.2f} µs per packet")
        )  # fmt: skip
    last = steps[-1]
    if last.receivers > first.receivers:
        grown_kb = (last.rss - first.rss) / 1000 / (last.receivers - first.receivers)
        note = f"between {first.receivers} and {last.receivers}"
        made.append(Figure("memory per receiver", grown_kb, "kB", MEMORY_AIM_KB, note=note))
    for step in steps:
        if step.missing:
            note = (
                f"of {step.due:,}; {step.lost_here} dropped at the generator's socket,"
                f" {step.would_block} sends would block, relay {step.core * 100:.0f} % of a core"
            )
            made.append(Figure(f"packets missing at {step.receivers}", step.missing, note=note))
    return made


def parse() -> argparse.Namespace:
    parser = figures.arguments(__doc__)
    parser.add_argument("--most", type=int, help="receivers, at most")
    parser.add_argument("--seconds", type=float, help="to hold each step")
    parser.add_argument("--window", type=float, default=2.0, help="batch window, ms")
    parser.add_argument("--preferred", action="store_true", help="by the scheduler (SCHED_RR)")
    parser.add_argument("--fanout", choices=CHOICES, default="auto")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    preferred = arguments.preferred and prefer()
    options = Options(arguments.window, arguments.fanout, preferred=preferred)
    seconds = arguments.seconds or (3.0 if arguments.quick else 8.0)
    most = arguments.most or (2 * FIRST if arguments.quick else 4800)
    steps, silent = asyncio.run(run(options, seconds, most))
    figures.report(found(steps, silent), arguments.json)


if __name__ == "__main__":
    main()
