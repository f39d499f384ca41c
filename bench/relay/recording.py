"""What recording costs: CPU with and without it, per recorded packet, and the delay of the loop.

A relay endpoint runs in a child process; this process publishes N sources (720p-like video of
2.7 Mbit/s and 50 Opus packets a second each) and receives each once, over real ICE, DTLS and SRTP.
The same load is measured with recording off and on, in turns. CPU is the child's, its recording
thread included. The loop's delay is how late a timer of 5 ms comes: what a packet may wait for.

    python -m bench.relay.recording --sources 8 --seconds 8
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import struct
import sys
import tempfile
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles
from typing import Any

from aiortc import RTCCertificate

from bench.relay.fanout import FRAMES_PER_S, LINES, Drain, Source, join
from sync_classroom.relay.endpoint import Endpoint
from sync_classroom.relay.recording.library import Library, Limits, State
from sync_classroom.relay.recording.recorder import Recorder
from sync_classroom.relay.session import Direction, Offer
from sync_classroom.relay.settings import Listen, RelaySettings

TURNS = 2
TIMER_S = 0.005
KEYFRAME_HEAD = b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 1280, 720)


class Pictures(Source):
    """The bench's publisher, with keyframes that say their size."""

    def video(self) -> None:
        """Send one frame; keyframes have four times as many packets."""
        key = self.frame % (3 * FRAMES_PER_S) == 0
        count = 40 if key else 9
        for place in range(count):
            body = (b"\x10" if place == 0 else b"\x00") + b"\x01" + self.noise
            if place == 0 and key:
                body = b"\x10" + KEYFRAME_HEAD + self.noise[10:]
            self._send(96, place == count - 1, self.video_seq, self.frame * 3000, 1001, body)
            self.video_seq += 1
        self.frame += 1


def serve(pipe: Connection, folder: str) -> None:
    asyncio.run(_serve(pipe, Path(folder)))


async def _serve(pipe: Connection, folder: Path) -> None:
    samples: list[object] = []
    settings = RelaySettings(media=Listen("127.0.0.1", 0))
    endpoint = await Endpoint.open(settings, on_sample=samples.append)
    recorder = Recorder(Library(folder, Limits(0, 0, 0)), endpoint, relay="bench")
    await recorder.open()
    endpoint.recorder = recorder
    running = asyncio.create_task(recorder.run())
    delays: list[float] = []
    watching = asyncio.create_task(_watch_delay(delays))
    commands: asyncio.Queue[Any] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(pipe.fileno(), lambda: commands.put_nowait(pipe.recv()))
    while (command := await commands.get())[0] != "stop":
        if command[0] == "open":
            direction, peer, fingerprints = command[1]
            room, _, name = peer.partition("/")
            offer = Offer(direction, LINES, "benchufrag", "b" * 24, fingerprints)
            session = endpoint.open_session(
                room=room, peer=name, source="camera", offer=offer, makes_room=True
            )
            pipe.send(session.transport)
        elif command[0] == "record":
            await _record(recorder, endpoint.rooms(), on=command[1])
            pipe.send(None)
        else:
            usage = resource.getrusage(resource.RUSAGE_SELF)
            counters = endpoint.counters.as_dict()
            pipe.send((usage.ru_utime, usage.ru_stime, counters, recorder.bytes, recorder.lost))
            if command[1] == "start":
                delays.clear()
            else:
                pipe.send(list(delays))
    loop.remove_reader(pipe.fileno())
    for task in (running, watching):
        task.cancel()
    await recorder.close()
    await endpoint.close()
    pipe.send(None)


async def _record(recorder: Recorder[Any], rooms: Iterable[str], *, on: bool) -> None:
    """Begin, or end and wait until the files are joined, which is not what is measured."""
    for room in rooms:
        if on:
            await recorder.start(room, room)
    while not on and (listed := (await recorder.listing())["recordings"]):
        for recording in listed:
            await recorder.stop(recording["id"])
        if all(recording["state"] == State.SAVED for recording in listed):
            return
        await asyncio.sleep(0.1)


async def _watch_delay(delays: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + TIMER_S
        await asyncio.sleep(TIMER_S)
        delays.append((loop.time() - due) * 1000)


async def run(arguments: argparse.Namespace) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    with tempfile.TemporaryDirectory(prefix="bench-recording-") as folder:
        child = context.Process(target=serve, args=(other, folder))
        child.start()
        certificate = RTCCertificate.generateCertificate()

        async def ask(*command: Any) -> Any:
            pipe.send(command)
            return await asyncio.to_thread(pipe.recv)

        sources = [
            Pictures(await join(pipe, f"room-{n}/host", Direction.PUBLISH, certificate))
            for n in range(arguments.sources)
        ]
        await _send(sources, 0.5)
        drain = Drain(
            [
                await join(pipe, f"room-{n}/seat", Direction.SUBSCRIBE, certificate)
                for n in range(arguments.sources)
            ]
        )
        drain.start()
        await _send(sources, 3.5)
        sums = {False: [0.0] * 4, True: [0.0] * 4}
        delays: dict[bool, list[float]] = {False: [], True: []}
        for turn in range(2 * TURNS):
            on = turn % 2 == 1
            await ask("record", on)
            await _send(sources, 1.0)
            first = await ask("measure", "start")
            await _send(sources, arguments.seconds)
            last = await ask("measure", "stop")
            delays[on] += await asyncio.to_thread(pipe.recv)
            spent = last[0] + last[1] - first[0] - first[1]
            packets = last[2]["packets_in"] - first[2]["packets_in"]
            for place, value in enumerate((spent, packets, last[3] - first[3], last[4])):
                sums[on][place] += value
        pipe.send(("stop", None))
        await asyncio.to_thread(pipe.recv)
        drain.running = False
        drain.join()
        child.join()
    return _figures(arguments, sums, delays)


async def _send(sources: list[Pictures], seconds: float) -> None:
    await asyncio.gather(*(source.run(seconds) for source in sources))


def _figures(
    arguments: argparse.Namespace, sums: dict[bool, list[float]], delays: dict[bool, list[float]]
) -> dict[str, float]:
    seconds = TURNS * arguments.seconds
    off, on = sums[False], sums[True]
    each_off, each_on = off[0] / off[1] * 1e6, on[0] / on[1] * 1e6
    late_off, late_on = (quantiles(delays[which], n=100) for which in (False, True))
    return {
        "sources": arguments.sources,
        "packets_per_s_in": on[1] / seconds,
        "percent_cpu_without": off[0] / seconds * 100,
        "percent_cpu_with": on[0] / seconds * 100,
        "us_cpu_per_packet_without": each_off,
        "us_cpu_per_packet_with": each_on,
        "us_cpu_per_recorded_packet": each_on - each_off,
        "mbit_per_s_written": on[2] * 8 / seconds / 1e6,
        "packets_left_out": on[3],
        "ms_loop_delay_p50_without": late_off[49],
        "ms_loop_delay_p50_with": late_on[49],
        "ms_loop_delay_p99_without": late_off[98],
        "ms_loop_delay_p99_with": late_on[98],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--sources", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = asyncio.run(run(arguments))
    if arguments.json:
        json.dump(figures, sys.stdout)
        print()
    else:
        for name, value in figures.items():
            print(f"{name:32} {value:12.2f}")


if __name__ == "__main__":
    main()
