"""A coordinator's keeping of the relay in a process of its own, to be killed by a test.

    python -m tests.support.coordinator_child SETTINGS_JSON

Prints the boot id and pid of the relay whenever one begins to serve; ends on end of input,
leaving the relay running.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import structlog

from sync_classroom.coordinator.relay_process import RelayProcess


async def keep() -> None:
    settings = json.loads(sys.argv[1])

    async def on_boot(boot: str) -> None:
        assert keeper.identity is not None
        print(json.dumps({"boot": boot, "pid": keeper.identity.pid}), flush=True)

    log_file = Path(settings["journal_dir"]) / "relay.log"
    keeper = RelayProcess(settings, on_boot=on_boot, log_file=log_file)
    await keeper.start()
    watching = asyncio.create_task(keeper.watch())
    await asyncio.to_thread(sys.stdin.read)
    watching.cancel()
    await asyncio.wait({watching})
    await keeper.close()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(keep())
