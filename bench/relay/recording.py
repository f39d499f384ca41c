"""What recording costs: CPU with and without it, per recorded packet, and the delay of the loop.

A relay endpoint runs in a child process; this process publishes N sources (720p-like video of
2.7 Mbit/s and 50 Opus packets a second each) and receives each once, over real ICE, DTLS and SRTP.
The same load is measured with recording off and on, in turns. CPU is the child's, its recording
thread included. The loop's delay is how late a timer of 5 ms comes: what a packet may wait for.

    python -m bench.relay.recording --sources 6 --seconds 8
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import struct
import tempfile
import time
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from bench import figures
from bench.figures import Figure, percentile
from bench.relay.child import lines
from bench.relay.pattern import CAMERA
from bench.relay.peers import (
    PWD,
    UFRAG,
    Client,
    Drain,
    Remote,
    Source,
    Sources,
    fingerprint,
    join,
)
from sync_classroom.relay.endpoint import Endpoint
from sync_classroom.relay.recording.library import Library, Limits, State
from sync_classroom.relay.recording.recorder import Recorder
from sync_classroom.relay.session import Direction, Offer
from sync_classroom.relay.settings import Listen, RelaySettings

TURNS: Final = 2
TIMER_S: Final = 0.005
STAMP: Final = b"\x78\x00\x9d\x01\x2a" + struct.pack("<HH", 1280, 720)
"""What a packet's media begin with: keyframes then say their size, sounds that they are 20 ms."""


# ---------------------------------------------------------------------------- the relay's side


def serve(pipe: Connection, folder: str, fingerprint: str) -> None:
    """The child's main function."""
    asyncio.run(_Served(pipe, Path(folder), fingerprint).run())


class _Served:
    def __init__(self, pipe: Connection, folder: Path, fingerprint: str) -> None:
        self._pipe, self._folder, self._fingerprint = pipe, folder, fingerprint
        self._delays: list[float] = []
        self._endpoint: Endpoint
        self._recorder: Recorder[Any]

    async def run(self) -> None:
        settings = RelaySettings(media=Listen("127.0.0.1", 0), max_load=1.0)
        self._endpoint = await Endpoint.open(settings, on_sample=lambda _: None)
        library = Library(self._folder, Limits(0, 0, 0))
        self._recorder = Recorder(library, self._endpoint, relay="bench")
        await self._recorder.open()
        self._endpoint.recorder = self._recorder
        tasks = [
            asyncio.create_task(self._recorder.run()),
            asyncio.create_task(self._watch_delay()),
        ]
        commands: asyncio.Queue[Any] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pipe.fileno(), lambda: commands.put_nowait(self._pipe.recv()))
        while (command := await commands.get())[0] != "stop":
            self._pipe.send(await getattr(self, f"_on_{command[0]}")(*command[1:]))
        loop.remove_reader(self._pipe.fileno())
        for task in tasks:
            task.cancel()
        await self._recorder.close()
        await self._endpoint.close()
        self._pipe.send(None)

    async def _on_open(self, direction: Direction, room: str) -> Remote:
        offer = Offer(direction, lines(1, 1), UFRAG, PWD, (("sha-256", self._fingerprint),))
        local = self._endpoint.open_session(
            room=room,
            peer="host" if direction is Direction.PUBLISH else "seat",
            source="camera" if direction is Direction.PUBLISH else None,
            offer=offer,
            makes_room=True,
        ).transport
        return Remote(local.ice_ufrag, local.ice_pwd, local.fingerprint[1], local.candidates[0])

    async def _on_record(self, on: bool) -> None:
        """Begin, or end and wait until the files are joined, which is not what is measured."""
        rooms: Iterable[str] = self._endpoint.rooms()
        for room in rooms if on else ():
            await self._recorder.start(room, room)
        while not on and (listed := (await self._recorder.listing())["recordings"]):
            for recording in listed:
                await self._recorder.stop(recording["id"])
            if all(recording["state"] == State.SAVED for recording in listed):
                return
            await asyncio.sleep(0.1)

    async def _on_measure(self) -> tuple[float, int, int, int, list[float]]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        packets = self._endpoint.counters.packets_in
        delays, self._delays = self._delays, []
        spent = usage.ru_utime + usage.ru_stime
        return spent, packets, self._recorder.bytes, self._recorder.lost, delays

    async def _watch_delay(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TIMER_S
            await asyncio.sleep(TIMER_S)
            self._delays.append((loop.time() - due) * 1000)


# ---------------------------------------------------------------------------- the peers' side


async def run(amount: int, seconds: float) -> list[Figure]:
    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    with tempfile.TemporaryDirectory(prefix="bench-recording-") as folder:
        child = context.Process(target=serve, args=(other, folder, fingerprint()), daemon=True)
        child.start()

        async def ask(*command: Any) -> Any:
            pipe.send(command)
            return await asyncio.to_thread(pipe.recv)

        async def opens(direction: Direction, room: str) -> Remote:
            found: Remote = await ask("open", direction, room)
            return found

        rooms = [f"room-{number}" for number in range(amount)]
        hosts = [await join(opens, Direction.PUBLISH, room) for room in rooms]
        sources = Sources([Source(host, CAMERA) for host in hosts], spread_s=3.0)
        await _send(sources, hosts, 0.5)
        seats = [await join(opens, Direction.SUBSCRIBE, room) for room in rooms]
        drain = Drain([seat.udp for seat in seats])
        drain.start()
        await _send(sources, hosts, 3.5)
        sums = {False: [0.0] * 4, True: [0.0] * 4}
        delays: dict[bool, list[float]] = {False: [], True: []}
        for turn in range(2 * TURNS):
            on = turn % 2 == 1
            await ask("record", on)
            await _send(sources, [*hosts, *seats], 1.0)
            first = await ask("measure")
            await _send(sources, [*hosts, *seats], seconds)
            last = await ask("measure")
            delays[on] += last[4]
            for place in range(4):
                sums[on][place] += last[place] - first[place]
        await ask("stop")
        drain.stop()
        child.join()
    return found(sums, delays, TURNS * seconds)


async def _send(sources: Sources, clients: Iterable[Client], seconds: float) -> None:
    """Send in real time for so long."""
    for client in clients:
        client.consent()
    sources.resume()
    end = time.monotonic() + seconds
    while True:
        pause, left = sources.send_due(lambda: STAMP), end - time.monotonic()
        if left <= 0:
            return
        await asyncio.sleep(min(pause, left))


def found(
    sums: dict[bool, list[float]], delays: dict[bool, list[float]], seconds: float
) -> list[Figure]:
    off, on = sums[False], sums[True]
    each_off, each_on = off[0] / off[1] * 1e6, on[0] / on[1] * 1e6
    rate = f"{on[1] / seconds:.0f} packets/s in, {off[1] / seconds:.0f} without"
    return [
        Figure("CPU without recording", off[0] / seconds * 100, "% of a core"),
        Figure("CPU with recording", on[0] / seconds * 100, "% of a core", note=rate),
        Figure("recording one packet", each_on - each_off, "µs"),
        Figure("written", on[2] * 8 / seconds / 1e6, "Mbit/s"),
        Figure("packets left out", on[3]),
        Figure("delay of the loop without, median", percentile(delays[False], 0.5), "ms"),
        Figure("delay of the loop with, median", percentile(delays[True], 0.5), "ms"),
        Figure("delay of the loop without, 99 %", percentile(delays[False], 0.99), "ms"),
        Figure("delay of the loop with, 99 %", percentile(delays[True], 0.99), "ms"),
    ]


def parse() -> argparse.Namespace:
    parser = figures.arguments(__doc__)
    parser.add_argument("--sources", type=int, default=6)
    parser.add_argument("--seconds", type=float)
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    seconds = arguments.seconds or (3.0 if arguments.quick else 8.0)
    figures.report(asyncio.run(run(arguments.sources, seconds)), arguments.json)


if __name__ == "__main__":
    main()
