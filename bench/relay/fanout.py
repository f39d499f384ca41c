"""The relay alone: CPU per forwarded packet, memory per receiver, CPU per join, joins per second.

A relay endpoint runs in a child process; this process is one publisher (video of 2.5 Mbit/s in
frames, 50 Opus packets a second) and N receivers: real ICE, DTLS and SRTP over loopback. Only the
child's CPU is counted. Joins come one after the other: their rate is that of both sides together.

    python -m bench.relay.fanout --subscribers 47 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import pstats
from dataclasses import replace

from bench import figures
from bench.figures import Figure
from bench.relay.child import Options, Relay, relay
from bench.relay.measure import Load, forwarding
from bench.relay.pattern import PATTERNS
from sync_classroom.relay.kernel import CHOICES

MEMORY_AIM_KB = 150


async def run(options: Options, load: Load) -> dict[str, float]:
    """Costs of one relay, with its own counters beside what the receivers saw."""
    async with relay(options) as under_test:
        await _profile(under_test, options, start=True)
        costs = await forwarding(under_test.opens, under_test.pid, load)
        await _profile(under_test, options, start=False)
        counters = await under_test.counters()
    costs["packets_per_sendmmsg"] = counters["forwarded"] / max(1, counters["sendmmsg_calls"])
    costs["would_block"] = counters["would_block"]
    return costs


async def _profile(under_test: Relay, options: Options, *, start: bool) -> None:
    if options.profile:
        await under_test.ask("profile", start)


def found(costs: dict[str, float]) -> list[Figure]:
    """The figures of one run."""
    split = f"{costs['us_user']:.1f} user, {costs['us_system']:.1f} system"
    count = (
        f"{costs['forwarded']:,.0f} of {costs['expected']:,.0f} arrived,"
        f" {costs['lost_at_receivers']:.0f} dropped at the receivers' sockets"
    )
    return [
        Figure("CPU per forwarded packet", costs["us_per_packet"], "µs", note=split),
        Figure("packets counted at the receivers", costs["forwarded"], note=count),
        Figure("bytes per packet", costs["bytes_per_packet"], "B"),
        Figure("packets per sendmmsg", costs["packets_per_sendmmsg"]),
        Figure("send calls that would block", costs["would_block"]),
        Figure("memory per receiver", costs["kb_per_subscriber"], "kB", MEMORY_AIM_KB),
        Figure("CPU per join", costs["ms_cpu_per_join"], "ms"),
        Figure("joins per second, one after the other", costs["joins_per_s"]),
    ]


def parse() -> argparse.Namespace:
    parser = figures.arguments(__doc__)
    parser.add_argument("--subscribers", type=int, default=47)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--pattern", choices=list(PATTERNS), default="camera")
    parser.add_argument(
        "--paced", type=float, default=0.0, metavar="MS",
        help="between a frame's packets; browsers pace 720p some 1.4 ms apart",
    )  # fmt: skip
    parser.add_argument("--window", type=float, default=2.0, help="batch window, ms")
    parser.add_argument("--no-segments", action="store_true", help="without UDP_SEGMENT")
    parser.add_argument("--fanout", choices=CHOICES, default="auto")
    parser.add_argument("--profile", help="write the relay's cProfile statistics here")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    options = Options(
        window_ms=arguments.window,
        fanout=arguments.fanout,
        segments=not arguments.no_segments,
        profile=arguments.profile,
    )
    seconds = arguments.seconds or (3.0 if arguments.quick else 10.0)
    pattern = replace(PATTERNS[arguments.pattern], spacing_s=arguments.paced / 1000)
    costs = asyncio.run(run(options, Load(arguments.subscribers, seconds, pattern)))
    figures.report(found(costs), arguments.json)
    if arguments.profile:
        pstats.Stats(arguments.profile).sort_stats("tottime").print_stats(18)


if __name__ == "__main__":
    main()
