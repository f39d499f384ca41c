"""What a bench needs to know of this machine and of processes on it (Linux)."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CPU_CLOCK_OF_PROCESS: Final = 2  # CPUCLOCK_SCHED, linux/posix-timers.h


def machine() -> str:
    """Processor, cores, kernel and Python of this machine."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    found = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in found if line.startswith("model name")]
    return (
        f"{names[0] if names else model}, {len(names) or '?'} cores,"
        f" {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def load() -> str:
    """How busy the machine is with other things: its load averages."""
    return "load average " + ", ".join(f"{value:.1f}" for value in os.getloadavg())


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds of a process, all its threads, those that ended too."""

    user: float
    system: float

    @property
    def total(self) -> float:
        """User and system."""
        return self.user + self.system


@dataclass(frozen=True, slots=True)
class _Reading:
    total: float
    user_ticks: int
    system_ticks: int


class CpuMeter:
    """CPU time of one process between calls: the same ruler for every program under test.

    The sum is the scheduler's own, in nanoseconds; how it divides into user and system is
    `/proc/PID/stat`'s, in ticks of 10 ms.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._last = self._read()

    def lap(self) -> Cpu:
        """CPU time since the last call, or since the meter was made."""
        last, self._last = self._last, self._read()
        total = self._last.total - last.total
        user = self._last.user_ticks - last.user_ticks
        system = self._last.system_ticks - last.system_ticks
        share = user / (user + system) if user + system else 0.0
        return Cpu(total * share, total * (1 - share))

    def _read(self) -> _Reading:
        total = time.clock_gettime((~self.pid << 3) | _CPU_CLOCK_OF_PROCESS)
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return _Reading(total, int(stat[11]), int(stat[12]))


def prefer() -> bool:
    """Run this process before all ordinary ones (SCHED_RR); whether it was allowed.

    `nice` would not do: where sessions are scheduled as groups, it only counts within one.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        return False
    return True


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class NoCompilerError(Exception):
    """There is no C compiler here, or it failed; the text says which."""


def compile_shared(source: Path, folder: Path, options: Sequence[str] = ()) -> Path:
    """Compile one C file to a shared library in `folder`. Raises NoCompilerError."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompilerError("no C compiler (cc, gcc, clang) is installed")
    target = folder / f"{source.stem}.so"
    command = [compiler, "-O2", "-shared", "-fPIC", *options, "-o", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoCompilerError(f"{compiler} failed: {done.stderr.strip()[:500]}")
    return target
