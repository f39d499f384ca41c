"""A relay that somebody else keeps running (systemd, compose): found, followed, never signalled.

Its process id may be of another container, and who started it starts it again, so it is known by
its control socket and its boot id alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from ..domain.problems import ProblemError, ProblemKind
from .ports import RelayDownError
from .relay_client import RelayClient, RelayIdentity
from .relay_process import PULSE_S, START_S, BootCallback

log = structlog.get_logger(__name__)

#: How often a relay that is not there yet is looked for.
LOOK_S: Final = 0.2


class RelayService:
    """Follows the relay at a control socket. The interface of `RelayProcess`.

    `settings` are the relay's as the coordinator would start it: `control` says where it is, `keys`
    are handed over whenever a start of it begins to serve.
    """

    def __init__(self, settings: Mapping[str, Any], *, on_boot: BootCallback) -> None:
        self._control = Path(str(settings["control"]))
        self._keys: Sequence[Mapping[str, str]] = settings.get("keys") or ()
        self._on_boot = on_boot
        self.client = RelayClient(self._control)
        self.identity: RelayIdentity | None = None

    async def start(self) -> RelayIdentity:
        """Wait until the relay answers; ProblemError when it does not within `START_S`."""
        try:
            async with asyncio.timeout(START_S):
                while True:
                    try:
                        return await self._follow()
                    except RelayDownError:
                        await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise ProblemError(
                "relay_not_found",
                f"在 {self._control} 没有媒体服务应答。请启动它（如 systemctl start"
                " sync-classroom-relay），或设 relay.start = true 由 serve 启动。",
                f"No relay answers at {self._control}. Start it (such as systemctl start"
                " sync-classroom-relay), or set relay.start = true to have serve start one.",
                kind=ProblemKind.UNAVAILABLE,
                field="relay.start",
                value=str(self._control),
            ) from None

    async def _follow(self) -> RelayIdentity:
        """Take up the start of the relay that answers now."""
        found = await self.client.identity()
        if self._keys:
            await self.client.put_keys(self._keys)
        self.identity = found
        log.info("relay_found", boot=found.boot, version=found.version, control=str(self._control))
        try:
            await self._on_boot(found.boot)
        except Exception:  # whatever the rooms' owner makes of it, the relay is to be followed
            log.exception("relay_boot_callback_failed", boot=found.boot)
        return found

    async def watch(self) -> None:
        """Notice every new start of the relay, until cancelled; owned by a task of the caller."""
        answers = True
        while True:
            await asyncio.sleep(PULSE_S)
            try:
                pulse = await self.client.pulse()
                if self.identity is None or pulse.boot != self.identity.boot:
                    await self._follow()
            except RelayDownError as error:
                if answers:
                    log.error("relay_away", control=str(self._control), problem=str(error))
                answers = False
            else:
                answers = True

    async def close(self) -> None:
        """Let go of the relay, which goes on."""
        await self.client.close()
