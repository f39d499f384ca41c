"""One fuzz target under libFuzzer, with the coverage of our own code (atheris).

    python -m tests.fuzz.run_target sdp --seconds 60

Inputs worth keeping stay in `var/fuzz/sdp/corpus` from run to run; what fails is written beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sync_classroom.relay", "sync_classroom.exchange"]):
    from tests.fuzz.targets import TARGETS, found

#: Far more than any input takes; slower is a hang, and libFuzzer says so.
TIMEOUT_S = 10
#: Of the whole fuzzing process; the relay's own bounds keep it far below.
MEMORY_MB = 2048


def main() -> None:
    """Fuzz until the time is over or an input fails; libFuzzer ends the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--folder", type=Path, default=Path("var/fuzz"))
    chosen = parser.parse_args()
    target = TARGETS[chosen.target]
    folder = chosen.folder / chosen.target
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in (*target.seeds(), *(path.read_bytes() for path in found(chosen.target))):
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    flags = [
        f"-max_total_time={chosen.seconds}",
        f"-max_len={target.max_bytes}",
        f"-timeout={TIMEOUT_S}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], target.make())
    atheris.Fuzz()


if __name__ == "__main__":
    main()
