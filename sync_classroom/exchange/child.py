"""`python -m sync_classroom.exchange.child`: one file on stdin, what it holds as JSON on stdout.

A process of its own: whatever a hostile file does to a parser, it does within these bounds of
memory and time, and to nobody else.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import BinaryIO, Final

from ..domain.problems import ProblemError
from .reading import read, to_json
from .refusals import MAX_BYTES

MEMORY: Final = 1_500_000_000  # eight times what the largest workbook takes
CPU_S: Final = 20


def answer(source: BinaryIO) -> bytes:
    """The answer to one file: its content, or the code of the refusal and the value at fault."""
    try:
        found = to_json(read(source.read(MAX_BYTES + 1)))
    except ProblemError as problem:
        found = {"refused": problem.code, "value": problem.value}
    return json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")


def main() -> None:
    """Bound this process, then read."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.buffer.write(answer(sys.stdin.buffer))


if __name__ == "__main__":
    main()
