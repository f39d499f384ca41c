"""A relay that somebody else runs: a unit of its own, a container, another machine.

It is found, told our keys, and watched; never started and never ended. Several coordinators may
hold on to the same one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import structlog

from .. import __version__
from ..domain.problems import ProblemError, ProblemKind
from .ports import RelayDownError
from .relay_client import RelayClient, RelayIdentity, RelayLockedError, RelayRefusedError

log = structlog.get_logger(__name__)

#: How long a start waits for the relay, which may be starting too; then pages are served without.
PATIENCE_S: Final = 5.0
#: Between two tries of that time.
RETRY_S: Final = 0.2
#: How often the relay is asked for a sign of life: so soon another start of it is known.
PULSE_S: Final = 1.0


class RelayLink:
    """Holds on to one relay. `start`, then `watch` in a task, `close` at the end.

    `relay` is the id it must have, `owner` our name for the `keys` it gets. `on_boot` is awaited
    with the boot id whenever another start of the relay is found to serve, the first included.
    """

    def __init__(
        self,
        client: RelayClient,
        *,
        relay: str,
        owner: str,
        keys: Sequence[Mapping[str, str]],
        on_boot: Callable[[str], Awaitable[None]],
    ) -> None:
        self.client = client
        self._relay = relay
        self._where = client.where
        self._owner = owner
        self._keys = keys
        self._on_boot = on_boot
        self._boot: str | None = None
        self._trouble = ""

    async def start(self) -> RelayIdentity | None:
        """Adopt the relay; None if it does not answer for a while, which `watch` makes good.

        Raises ProblemError for what waiting does not mend: another secret, another relay.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await self._adopt()
            except RelayLockedError as error:
                raise self._locked() from error
            except RelayDownError as error:
                if time.monotonic() >= deadline:
                    self._say("relay_silent", str(error))
                    return None
            await asyncio.sleep(RETRY_S)

    async def watch(self) -> None:
        """Adopt every further start of the relay; until cancelled."""
        while True:
            await asyncio.sleep(PULSE_S)
            try:
                if (await self.client.pulse()).boot != self._boot:
                    await self._adopt()
                self._trouble = ""
            except RelayLockedError:
                self._say("relay_locked", self._locked().en)
            except RelayDownError as error:
                self._say("relay_silent", str(error))
            except ProblemError as error:
                self._say("relay_not_adopted", error.en)

    async def close(self) -> None:
        """Let go of the relay."""
        await self.client.close()

    async def _adopt(self) -> RelayIdentity:
        found = await self.client.identity()
        if found.relay != self._relay:
            raise ProblemError(
                "relay_another",
                f"{self._where} 上的媒体服务编号是 {found.relay}，而设置 relay.id 是"
                f" {self._relay}。请改正 relay.control 或 relay.id。",
                f"The relay at {self._where} is {found.relay}, and the setting relay.id says"
                f" {self._relay}. Correct relay.control or relay.id.",
                kind=ProblemKind.CONFLICT,
                field="relay.id",
                value=found.relay,
            )
        if found.version != __version__:
            log.warning("relay_version_differs", relay=found.version, ours=__version__)
        try:
            await self.client.put_keys(self._keys, self._owner)
        except RelayRefusedError as error:
            raise ProblemError(
                "relay_keys_full",
                f"媒体服务 {self._where} 没有接受本服务的密钥：{error}。请重启媒体服务。",
                f"The relay at {self._where} did not take our keys: {error}. Restart the relay.",
                kind=ProblemKind.CONFLICT,
                field="relay.control",
                value=self._where,
            ) from error
        self._boot = found.boot
        log.info("relay_adopted", boot=found.boot, where=self._where)
        try:
            await self._on_boot(found.boot)
        except Exception:  # whatever the rooms' owner makes of it, the relay is to be watched
            log.exception("relay_boot_callback_failed", boot=found.boot)
        return found

    def _locked(self) -> ProblemError:
        return ProblemError(
            "relay_secret_wrong",
            f"媒体服务 {self._where} 不接受本服务的密钥。两边的 relay.control_secret 须相同。",
            f"The relay at {self._where} does not take our secret: relay.control_secret must be"
            " the same on both sides.",
            kind=ProblemKind.FORBIDDEN,
            field="relay.control_secret",
            value=self._where,
        )

    def _say(self, what: str, why: str) -> None:
        """Once, until it is well again: a relay that is away for an hour is one line."""
        if what != self._trouble:
            log.warning(what, where=self._where, why=why)
        self._trouble = what
