"""`make bench`: every figure with the machine it was measured on. Nothing here passes or fails."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

BENCHES = (
    ("relay: CPU per forwarded packet, memory per subscriber, joins", "bench.relay.fanout"),
    ("relay: what recording costs", "bench.relay.recording"),
    ("store: facts appended and read", "bench.store.ingest"),
)


def machine() -> str:
    """Processor, cores, kernel and Python of this machine."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return (
        f"{names[0] if names else model}, {len(names) or '?'} cores,"
        f" {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def main() -> int:
    """Run every bench in turn; the exit status is that of the first that could not run."""
    print(machine(), flush=True)
    for title, module in BENCHES:
        print(f"\n== {title}\n$ python -m {module}", flush=True)
        done = subprocess.run([sys.executable, "-m", module], check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
