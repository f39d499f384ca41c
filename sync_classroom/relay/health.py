"""`/healthz`: the relay lives. `/readyz`: it takes new lessons. The same on both listeners."""

from __future__ import annotations

import json
from typing import Final

from .entrance import DRAINING_RETRY_S, Entrance
from .load import BUSY_RETRY_S
from .whip import Reply, Request

_METHODS: Final = frozenset({"GET", "HEAD"})


class Health:
    """Answers the two paths. Live is whoever answers: that the media loop answers HTTP, too, is why
    a relay that answers nothing can be said to hang.

    Not ready (503) is a relay that drains or is busy: nothing is wrong with it, and its lessons
    go on, but a new one is better sent elsewhere. Killing it for that would be wrong.
    """

    def __init__(self, entrance: Entrance, boot: str) -> None:
        self._entrance = entrance
        self._boot = boot

    def answer(self, request: Request) -> Reply | None:
        """The answer, or None for a request of something else."""
        if request.method not in _METHODS or request.path not in {"/healthz", "/readyz"}:
            return None
        draining, busy = self._entrance.drain.active, self._entrance.gate.busy
        status, headers = 200, {"Content-Type": "application/json"}
        body: dict[str, object] = {"boot": self._boot, "draining": draining}
        if request.path == "/readyz":
            body["busy"] = busy
            if draining or busy:
                status = 503
                headers["Retry-After"] = str(DRAINING_RETRY_S if draining else BUSY_RETRY_S)
        return Reply(status, headers, json.dumps(body).encode())
