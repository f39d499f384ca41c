"""The process that reads one recording host: `python -m sync_classroom.relay.ingest_worker`.

A process of its own, because FFmpeg meets whatever a host sends: when it hangs or crashes, this
process goes, and the lesson's relay starts another. It publishes like any WHIP client, over
loopback, so the relay has no second way in; only the offer and its answer go through the pipe to
the relay instead of HTTP, which needs no token and no certificate.

Standard input: one JSON line `{"source", "folder", "at"}`, then `{"answer": sdp}` or
`{"refused": true}` for each offer; its end ends the process. Standard output, a JSON line each:
`{"state": "connecting"|"live"|"failed", "reason": code|null, "advice": […], …}`, `{"offer": sdp}`,
and `{"alive": true}` every `ALIVE_S`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
from pathlib import Path
from typing import Any, Final

from ..domain.ingest import IngestError, IngestSource, parse_ingest
from .ingest_media import Facts, Source
from .ingest_pipe import backoff_s, say
from .ingest_session import HungError, Told, play

ALIVE_S: Final = 2.0
STEADY_S: Final = 30.0
"""A source that was live for so long is asked again at once."""
HUNG_STATUS: Final = 3
"""Exit status, so that a hung demuxer can be told from a crash (a signal) in a process list."""


class Worker:
    """Attempts at one source for ever. `say` writes a line to the relay."""

    def __init__(self, source: IngestSource, folder: Path | None, at: str | None) -> None:
        self._source = source
        self._folder = folder
        self._at = at
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue(4)
        self._facts: Facts | None = None
        self._advice: dict[str, None] = {}
        self._live_since: float | None = None

    async def run(self) -> None:
        """Until the relay closes our standard input."""
        closed = asyncio.create_task(self._listen(), name="ingest-relay")
        tasks = [
            asyncio.create_task(self._attempts(), name="ingest-attempts"),
            asyncio.create_task(self._alive(), name="ingest-alive"),
        ]
        try:
            await asyncio.wait({closed, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in (closed, *tasks):
                task.cancel()
            await asyncio.gather(closed, *tasks, return_exceptions=True)

    async def _listen(self) -> None:
        reader = asyncio.StreamReader(limit=1024 * 1024)
        protocol = asyncio.StreamReaderProtocol(reader)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin.buffer)
        while line := await reader.readline():
            with contextlib.suppress(asyncio.QueueFull):  # an answer nobody waits for any more
                self._answers.put_nowait(json.loads(line))

    async def _alive(self) -> None:
        while True:
            say(alive=True)
            await asyncio.sleep(ALIVE_S)

    async def _attempts(self) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            self._facts, self._live_since = None, None
            self._advice.clear()
            if failures == 0:
                self._state("connecting")
            reason = "ended"
            try:
                await play(self._source, self._open, self._signal, Told(self._live, self._advise))
            except IngestError as error:
                reason = error.code
            since = self._live_since
            steady = since is not None and loop.time() - since > STEADY_S
            failures = 1 if steady else failures + 1
            self._state("failed", reason)
            # Spread, because the hosts of a school come back from a power cut together.
            await asyncio.sleep(backoff_s(failures) * random.uniform(0.8, 1.2))  # noqa: S311

    def _open(self) -> Source:
        return Source.open(self._source, folder=self._folder, at=self._at)

    async def _signal(self, offer: str) -> str:
        while not self._answers.empty():
            self._answers.get_nowait()  # of an attempt that was given up
        say(offer=offer)
        answer = (await self._answers.get()).get("answer")
        if not isinstance(answer, str):
            raise IngestError("relay")
        return answer

    def _live(self, facts: Facts) -> None:
        self._facts = facts
        self._advice.update(dict.fromkeys(facts.advice))
        self._live_since = asyncio.get_running_loop().time()
        self._state("live")

    def _advise(self, code: str) -> None:
        self._advice[code] = None
        self._state("live")

    def _state(self, state: str, reason: str | None = None) -> None:
        facts = self._facts
        say(
            state=state,
            reason=reason,
            advice=list(self._advice),
            width=0 if facts is None else facts.width,
            height=0 if facts is None else facts.height,
            audio=None if facts is None else facts.audio,
        )


def main() -> int:
    """Run until standard input ends; 3 when a demuxer hangs, so that another process is started."""
    told = json.loads(sys.stdin.buffer.readline())
    folder = told.get("folder")
    worker = Worker(
        parse_ingest(str(told["source"])), Path(folder) if folder else None, told.get("at")
    )
    try:
        asyncio.run(worker.run())
    except HungError:
        os._exit(HUNG_STATUS)  # an ordinary exit would wait for the thread that hangs
    return 0


if __name__ == "__main__":
    sys.exit(main())
