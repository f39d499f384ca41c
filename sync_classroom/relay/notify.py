"""Telling systemd that a service is ready, alive, or stopping: sd_notify(3) in one datagram."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Final

SIGNS_PER_WATCHDOG: Final = 3
"""Signs of life in each watchdog interval, so that one lost or late one is not a restart;
sd_watchdog_enabled(3) recommends two at least."""


class Notifier:
    """Speaks to the service manager if there is one; otherwise every call does nothing.

    Only the process systemd started speaks (`WATCHDOG_PID`): what it starts itself must not
    keep it alive.
    """

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]  # unix(7): the abstract namespace
        self.every_s: float | None = None
        interval_us = environment.get("WATCHDOG_USEC", "")
        if interval_us.isdecimal() and environment.get("WATCHDOG_PID", str(pid)) == str(pid):
            self.every_s = int(interval_us) / 1e6 / SIGNS_PER_WATCHDOG
        self._last_s: float | None = None

    @classmethod
    def of_process(cls) -> Notifier:
        """As systemd told this process by its environment."""
        return cls(os.environ, os.getpid())

    def ready(self) -> None:
        """Everything listens."""
        self._say("READY=1")

    def stopping(self) -> None:
        """The process is about to end of itself."""
        self._say("STOPPING=1")

    def alive(self, now: float, status: str) -> None:
        """A sign of life, said when one is due, with a line for `systemctl status`."""
        if self.every_s is None or (self._last_s is not None and now < self._last_s + self.every_s):
            return
        self._last_s = now
        self._say(f"WATCHDOG=1\nSTATUS={status}")

    async def until(self, stop: asyncio.Event, status: str) -> None:
        """Wait for `stop`, giving signs of life from this very loop."""
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            self.alive(loop.time(), status)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.every_s):
                    await stop.wait()

    def _say(self, text: str) -> None:
        if not self._address:
            return
        # A manager that went away is no reason for a lesson to end.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker,
        ):
            speaker.setblocking(False)
            speaker.sendto(text.encode(), self._address)
