"""The cost of sending alone, to a device that discards: floor, relay and Janus in turn.

`compare` and `capacity` measure on loopback, where the receivers' half of the kernel's work falls
on the sender's processor time. Here it does not (`discard.py`), so this is what a machine whose
receivers are elsewhere pays, without its network card's driver. Same packets, sessions and pace;
what counts is the datagrams that the device was given, sender reports among them. Nobody reports
or consents: receivers are gone before the count begins. Who sends UDP_SEGMENT messages is measured
twice: with the kernel cutting them up, and with a card that does so. Needs root.

    python -m bench.relay.sending --seconds 8 --rounds 3
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import figures
from bench.figures import Figure, number, ratios
from bench.machine import CpuMeter
from bench.relay import floor, janus
from bench.relay.capacity import AIM as CAPACITY_AIM
from bench.relay.capacity import ROOM_SIZE
from bench.relay.child import Options, Relay, relay
from bench.relay.compare import (
    FLOOR,
    FLOOR_SEGMENTS,
    JANUS,
    KERNEL,
    KERNEL_AIM,
    PYTHON,
    PYTHON_AIM,
    WHOLE_PERCENT,
    Contest,
    Contestant,
    parse,
)
from bench.relay.discard import HOST, RECEIVERS, Discard, NoDeviceError
from bench.relay.measure import LINGER_S, SETTLE_S, Load
from bench.relay.pattern import CAMERA, LOW
from bench.relay.peers import Opens, Remote, Source, Sources, join
from sync_classroom.relay import kernel
from sync_classroom.relay.session import Direction

LIVE_S: Final = 1.0
"""Until Janus has heard of what is published."""
ROOMS: Final = 4
"""At 600 kbit/s, as where `capacity` begins."""
FLOOR_LOW: Final = "floor, UDP_SEGMENT, 600 kbit/s"
KERNEL_LOW: Final = "relay, C kernel, 600 kbit/s"
SEGMENTING: Final = ", segmenting card"
"""Behind the names of those above, where the card cuts up messages."""


async def sending(
    rooms: Sequence[Opens], pid: int, load: Load, discard: Discard
) -> dict[str, float]:
    """Costs by name, per datagram that the device was given; `load` is that of each room.

    SystemExit if it was given none.
    """
    discard.meet()
    publishers = [await join(opens, Direction.PUBLISH, "host") for opens in rooms]
    running = Sources([Source(each, load.pattern) for each in publishers], spread_s=0.2)
    await running.run(LIVE_S)
    clients = [
        await join(opens, Direction.SUBSCRIBE, f"seat-{number}", RECEIVERS)
        for opens in rooms
        for number in range(load.subscribers)
    ]
    discard.part()
    await running.run(SETTLE_S)
    await asyncio.sleep(LINGER_S)
    meter, sent, taken = CpuMeter(pid), running.sent, discard.taken
    await running.run(load.seconds)
    await asyncio.sleep(LINGER_S)
    used, sent, taken = meter.lap(), running.sent - sent, discard.taken - taken
    discard.meet()  # for their goodbyes
    for client in (*clients, *publishers):
        client.close()
    discard.part()
    if not taken:
        raise SystemExit("nothing was sent")
    expected = sent * load.subscribers
    return {
        "us_per_packet": used.total / taken * 1e6,
        "us_user": used.user / taken * 1e6,
        "us_system": used.system / taken * 1e6,
        "forwarded": taken,
        "expected": expected,
        "arrived_percent": taken / expected * 100,
    }


def _room(under_test: Relay, name: str) -> Opens:
    async def opens(direction: Direction, peer: str) -> Remote:
        publish = "camera" if direction is Direction.PUBLISH else None
        return (await under_test.open(peer, room=name, publish=publish)).remote

    return opens


async def _relay(fanout: str, rooms: int, load: Load, discard: Discard) -> dict[str, float]:
    async with relay(Options(fanout=fanout, host=HOST)) as under_test:
        opens = [_room(under_test, f"room-{number}") for number in range(rooms)]
        return await sending(opens, under_test.pid, load, discard)


async def _janus(load: Load, discard: Discard) -> dict[str, float]:
    async with janus.janus() as (room, pid):
        return await sending([room.opens], pid, load, discard)


def _segmenting(run: Contestant, discard: Discard) -> Contestant:
    async def runs() -> dict[str, float]:
        discard.segmenting(True)
        try:
            return await run()
        finally:
            discard.segmenting(False)

    return runs


def contest(seconds: float, subscribers: int, folder: Path, discard: Discard) -> Contest:
    """Whoever can be measured here."""
    camera, low = Load(subscribers, seconds, CAMERA), Load(ROOM_SIZE, seconds, LOW)
    all_low = Load(ROOMS * ROOM_SIZE, seconds, LOW)
    cut_up: dict[str, Contestant] = {
        FLOOR_SEGMENTS: lambda: floor.discarding(camera, folder, discard, segments=True),
        FLOOR_LOW: lambda: floor.discarding(all_low, folder, discard, segments=True),
    }
    if (reason := kernel.unavailable()) is None:
        cut_up[KERNEL] = lambda: _relay("kernel", 1, camera, discard)
        cut_up[KERNEL_LOW] = lambda: _relay("kernel", ROOMS, low, discard)
    else:
        print(f"no figures of the C kernel: {reason[1]}")
    contestants: dict[str, Contestant] = {
        FLOOR: lambda: floor.discarding(camera, folder, discard, segments=False),
        PYTHON: lambda: _relay("python", 1, camera, discard),
        **cut_up,
    }
    if discard.can_segment:
        contestants |= {
            name + SEGMENTING: _segmenting(run, discard) for name, run in cut_up.items()
        }
    else:
        print("no figures of a card that cuts up messages: Linux has such a TAP since 6.2")
    if janus.installed() is not None:
        contestants[JANUS] = lambda: _janus(camera, discard)
    else:
        print(janus.MISSING)
    return Contest(contestants, {})


def found(costs: dict[str, dict[str, float]]) -> list[Figure]:
    """The figures, each named as what it is: with those of loopback they must not be mixed."""
    made = []
    for name, values in costs.items():
        split = f"{values['us_user']:.2f} user, {values['us_system']:.2f} system"
        made.append(Figure(f"sending alone: CPU per packet: {name}", values["us_per_packet"], "µs",
                           note=f"{split}; {values['forwarded']:,.0f} packets"))  # fmt: skip
    totals = {name: values["us_per_packet"] for name, values in costs.items()}
    for name, base, aim in (
        (KERNEL, JANUS, KERNEL_AIM),
        (PYTHON, JANUS, PYTHON_AIM),
        (FLOOR_SEGMENTS, JANUS, None),
        (KERNEL, FLOOR_SEGMENTS, None),
        (KERNEL + SEGMENTING, JANUS, KERNEL_AIM),
        (FLOOR_SEGMENTS + SEGMENTING, JANUS, None),
    ):
        share = ratios(totals, base).get(name)
        if share is not None:
            note = f"{number(totals[name])} µs to {number(totals[base])} µs"
            made.append(Figure(f"sending alone: CPU per packet: {name} / {base}", share, "×", aim,
                               note=note))  # fmt: skip
    for name, aim in (
        (KERNEL_LOW, CAPACITY_AIM),
        (FLOOR_LOW, None),
        (KERNEL_LOW + SEGMENTING, CAPACITY_AIM),
        (FLOOR_LOW + SEGMENTING, None),
    ):
        if name in totals:
            value = 1e6 / totals[name] / LOW.packets_per_s
            made.append(Figure(f"sending alone: receivers a core sends to, by cost: {name}", value,
                               "", aim, at_least=True,
                               note=f"{LOW.packets_per_s:.0f} packets/s each"))  # fmt: skip
    return made


def main() -> None:
    arguments = parse(__doc__)
    try:
        discard = Discard()
    except NoDeviceError as error:
        print(f"no figures of sending alone: {error}", file=sys.stderr)
        figures.report([], arguments.json)
        return
    with tempfile.TemporaryDirectory(prefix="bench-floor-") as folder:
        everybody = contest(arguments.seconds, arguments.subscribers, Path(folder), discard)
        costs = asyncio.run(everybody.rounds(arguments.rounds))
    discard.close()
    late = [name for name, values in costs.items() if values["arrived_percent"] < WHOLE_PERCENT]
    if late:
        print(f"not everything was sent in time, so take with care: {'; '.join(late)}")
    figures.report(found(costs), arguments.json)


if __name__ == "__main__":
    main()
