"""`make bench`: every figure with its aim, the machine and the command that made it.

Nothing here passes or fails. `--markdown README.md` also puts the table between README's marks;
with `--only`, the figures of those benches into the table that is there.

    python -m bench.run --quick
    python -m bench.run --only capacity latency
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import figures
from bench.figures import Figure
from bench.machine import load, machine


@dataclass(frozen=True, slots=True)
class Bench:
    """One bench: its module, and what it shows."""

    module: str
    title: str

    @property
    def name(self) -> str:
        """The short name for `--only`."""
        return self.module.rpartition(".")[2]


BENCHES: Final = (
    Bench("bench.relay.compare", "CPU per packet, memory and joins: relay, Janus, floor in turn"),
    Bench("bench.relay.capacity", "receivers one core carries at 600 kbit/s"),
    Bench(
        "bench.relay.sending", "the same without the receivers' half: relay, Janus, floor in turn"
    ),
    Bench("bench.relay.joins", "48 receivers join at the bell: time to the first picture"),
    Bench("bench.relay.calling", "a room is called on: time to its full picture, in Chromium"),
    Bench("bench.relay.latency", "latency the relay adds at full city load"),
    Bench("bench.relay.hostile", "bad lines: picture frozen and sound made up, as Chromium says"),
    Bench("bench.relay.meeting", "a meeting of 12 who send and 60 who listen: CPU, loss, joins"),
    Bench("bench.relay.churn", "memory after eight hours of joins and leaves"),
    Bench("bench.relay.hosts", "a recording host's cost, and its voice against its picture"),
    Bench("bench.relay.recording", "what recording costs the relay"),
    Bench("bench.store.ingest", "facts appended and read"),
    Bench("bench.scheduler.bell", "hundreds of lessons open and end in one second: how late"),
    Bench("bench.scheduler.day", "a virtual day of 5000 lessons: late, twice, lost"),
    Bench("bench.timetable.editing", "one edit against a full term, with its clashes and places"),
    Bench("bench.timetable.publishing", "a full term drafted, published, edited and amended"),
    Bench("bench.timetable.page", "the timetable's page of a full term, as the server renders it"),
    Bench("bench.timetable.province", "a whole province checked for clashes and warnings"),
    Bench("bench.evidence.audit", "a year's figures recomputed from a bundle alone"),
    Bench("bench.evidence.counting", "what a live lesson costs to keep counted"),
    Bench("bench.evidence.dashboard", "a dashboard made of what is kept of the facts, as a page"),
)
ALONE: Final = (
    Bench("bench.relay.fanout", "the relay alone, with a profile if wanted"),
    Bench("bench.relay.floor", "the floor program alone"),
    Bench("bench.relay.janus", "Janus alone"),
)
"""Parts of `compare`, to be run by hand."""
COMPUTED: Final = frozenset({"bench.relay.sizing"})
"""Measure nothing: they compute from figures."""


@dataclass(frozen=True, slots=True)
class Done:
    """What one bench said."""

    command: str
    found: list[Figure]


def run(bench: Bench, *, quick: bool) -> Done | int:
    """Run one bench in a process of its own; its figures, or the exit status it failed with."""
    options = ["--quick"] if quick else []
    command = " ".join(["python", "-m", bench.module, *options])
    print(f"\n== {bench.title}\n$ {command}   ({load()})", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-figures-") as folder:
        path = Path(folder) / "figures.json"
        done = subprocess.run(
            [sys.executable, "-m", bench.module, *options, "--json", str(path)], check=False
        )
        if done.returncode:
            return done.returncode
        return Done(command, figures.read(path) if path.exists() else [])


MARKS: Final = ("<!-- figures -->\n", "<!-- end of figures -->\n")


def between_marks(text: str, table: str) -> str:
    """The document with what stands between its marks replaced. Raises ValueError without marks."""
    before, begin, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not begin or not end:
        raise ValueError("the document has no marks for the figures")
    return f"{before}{begin}{table}{end}{after}"


def _aimed(done: list[Done]) -> list[tuple[str, list[Figure]]]:
    aimed = [(one.command, [f for f in one.found if f.aim is not None]) for one in done]
    return [(command, found) for command, found in aimed if found]


def document(done: list[Done], where: str, at: datetime, command: str) -> str:
    """The table for README: the machine and commands named, every figure that has an aim."""
    table = figures.markdown(_aimed(done))
    return f"Measured on {where}, {at:%Y-%m-%d}, by `{command}`:\n\n{table}"


def renewed(text: str, done: list[Done], where: str, at: datetime) -> str:
    """A document whose table has the figures of these benches anew, the others' as they were.

    Theirs are headed by their date. Raises ValueError where the table is of another machine.
    """
    _, _, marked = text.partition(MARKS[0])
    table, _, _ = marked.partition(MARKS[1])
    if not table.startswith(f"Measured on {where},"):
        raise ValueError("the figures there are of another machine: measure all of them")
    head, *groups = re.split(r"^(?=\| `)", table, flags=re.MULTILINE)
    kept = {group.split("`")[1]: group for group in groups}
    for command, found in _aimed(done):
        rows = figures.markdown([(f"{command}`, `{at:%Y-%m-%d}", found)]).splitlines(keepends=True)
        kept[command] = "".join(rows[2:])
    order = {bench.module: place for place, bench in enumerate((*BENCHES, *ALONE))}
    sorted_ = sorted(kept.items(), key=lambda item: order.get(item[0].split()[2], len(order)))
    return between_marks(text, head + "".join(group for _, group in sorted_))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="shorter and smaller, so noisier")
    parser.add_argument("--only", nargs="+", choices=[b.name for b in (*BENCHES, *ALONE)])
    parser.add_argument("--markdown", type=Path, help="put the table between its marks")
    return parser.parse_args()


def main() -> int:
    """Run every bench in turn; the exit status is that of the last that could not run, or 0."""
    arguments = parse()
    wanted = arguments.only or [bench.name for bench in BENCHES]
    started = time.monotonic()
    print(machine(), flush=True)
    status, done = 0, []
    for bench in (*BENCHES, *ALONE):
        if bench.name not in wanted:
            continue
        outcome = run(bench, quick=arguments.quick)
        if isinstance(outcome, int):
            status = outcome
            print(f"{bench.module} ended with status {outcome}", flush=True)
        else:
            done.append(outcome)
    print(f"\nall in {(time.monotonic() - started) / 60:.0f} minutes, {load()}")
    if arguments.markdown is not None:
        file, now = arguments.markdown, datetime.now(UTC)
        text = file.read_text("utf-8")
        if arguments.only:
            text = renewed(text, done, machine(), now)
        else:
            made_by = "python -m bench.run" + (" --quick" if arguments.quick else "")
            text = between_marks(text, document(done, machine(), now, made_by))
        file.write_text(text, "utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
