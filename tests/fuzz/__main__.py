"""`make fuzz`: every fuzz target in turn, each for the given time, and a table of what it did.

Exits with 1 if any target failed; its input then lies beside the corpus, and belongs as a file
into `tests/fuzz/found/<target>/` once the defect is fixed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz.targets import TARGETS


@dataclass(frozen=True, slots=True)
class Command:
    """One target; `{seconds}` and `{folder}` in the arguments are filled in."""

    name: str
    arguments: tuple[str, ...]

    def line(self, seconds: int, folder: Path) -> list[str]:
        given = {"{seconds}": str(seconds), "{folder}": str(folder)}
        return [given.get(part, part) for part in self.arguments]


@dataclass(frozen=True, slots=True)
class Result:
    """What libFuzzer said of one target: inputs tried, code edges seen, and how it ended."""

    name: str
    executions: int
    coverage: int
    seconds: int
    failed: str

    def row(self) -> str:
        end = self.failed or "ok"
        return (
            f"{self.name:<10}{self.executions:>12,}{self.coverage:>10,}{self.seconds:>8} s  {end}"
        )


HEADING: Final = f"{'target':<10}{'executions':>12}{'coverage':>10}{'time':>10}  result"
ROOT: Final = Path(__file__).parents[2]
_BUILD_KERNEL: Final = (
    "cc -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -I sync_classroom/relay"
    ' tests/fuzz/kernel_fuzz.c -o "$1/kernel_fuzz" && "$1/kernel_fuzz" "$2"'
)
#: Everything `make fuzz` runs, in order. A target in another language is one more entry here; what
#: it prints last is read as libFuzzer's `Done N runs in S second(s)`.
COMMANDS: Final = (
    *(
        Command(
            name,
            (
                sys.executable, "-m", "tests.fuzz.run_target", name,
                "--seconds", "{seconds}", "--folder", "{folder}",
            ),
        )
        for name in TARGETS
    ),
    Command("kernel", ("sh", "-c", _BUILD_KERNEL, "sh", "{folder}", "{seconds}")),
)  # fmt: skip


def read_result(name: str, status: int, output: str) -> Result:
    """The figures in a libFuzzer log; a target that ended otherwise than by time has failed."""
    coverage = [int(found) for found in re.findall(r"\bcov: (\d+)", output)]
    done = re.search(r"Done (\d+) runs? in (\d+) second", output)
    failed = ""
    if status or done is None:
        why = re.search(r"^(?:\w+\.)*\w*Error\b.*|^==\d+== ?ERROR: .*", output, re.M)
        kept = re.search(r"Test unit written to (\S+)", output)
        failed = f"FAILED ({status}): {why[0] if why else 'see the log'}"
        failed += f" -> {kept[1]}" if kept else ""
    tried = re.findall(r"^#(\d+)\s", output, re.M)
    executions = int(done[1]) if done else int(tried[-1]) if tried else 0
    return Result(name, executions, max(coverage, default=0), int(done[2]) if done else 0, failed)


def run(command: Command, seconds: int, folder: Path) -> Result:
    """Run one target to its end; its log stays in the folder."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{command.name}.log"
    with log.open("wb") as file:
        done = subprocess.run(
            command.line(seconds, folder),
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return read_result(command.name, done.returncode, log.read_text("utf-8", errors="replace"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the targets; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="names; all if none is given")
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    parser.add_argument("--folder", type=Path, default=Path("var/fuzz"))
    chosen = parser.parse_args(arguments)
    known = {command.name for command in COMMANDS}
    if unknown := set(chosen.targets) - known:
        there = ", ".join(command.name for command in COMMANDS)
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {there}")
    print(HEADING, flush=True)
    failed = False
    for command in COMMANDS:
        if chosen.targets and command.name not in chosen.targets:
            continue
        result = run(command, chosen.seconds, chosen.folder)
        print(result.row(), flush=True)
        failed |= bool(result.failed)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
