"""A relay somebody else runs: waited for, followed over its restarts, never ended."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from sync_classroom.coordinator import relay_service
from sync_classroom.coordinator.relay_service import RelayService
from sync_classroom.coordinator.tokens import TokenMinter
from sync_classroom.domain.problems import ProblemError
from sync_classroom.relay.settings import settings_to_json
from sync_classroom.relay.whip import SDP
from tests.support.relay_child import Child, relay_child
from tests.support.relays import settings
from tests.support.sdp_offers import PUBLISH
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio


class Followed(RelayService):
    """A RelayService that remembers the boots it announced."""

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(settings_to_json(settings(folder)) | more, on_boot=self._remember)
        self.boots: list[str] = []

    async def _remember(self, boot: str) -> None:
        self.boots.append(boot)
        if len(self.boots) == 1:
            raise KeyError("a defect of the rooms' owner")


def boot_of(child: Child) -> str:
    assert child.report is not None
    return str(child.report["ready"]["boot"])


async def test_a_relay_is_waited_for_followed_and_left_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_service, "PULSE_S", 0.02)
    followed = Followed(tmp_path)
    starting = asyncio.create_task(followed.start())
    with relay_child(settings(tmp_path), digest="somebody else's") as first:
        assert (await starting).boot == boot_of(first)
        watching = asyncio.create_task(followed.watch())
        first.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(first.process.wait)
        with relay_child(settings(tmp_path)) as second:
            await until(lambda: len(followed.boots) == 2, timeout_s=20)
            assert followed.boots == [boot_of(first), boot_of(second)]
            assert followed.identity is not None
            assert followed.identity.boot == boot_of(second)
            watching.cancel()
            await asyncio.wait({watching})
            await followed.close()
            assert second.process.poll() is None


async def test_every_start_of_the_relay_is_handed_the_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_service, "PULSE_S", 0.02)
    minter = TokenMinter(tmp_path / "tokens.json")
    followed = Followed(tmp_path, keys=minter.public_keys())
    now = datetime.now(UTC)
    token = minter.publish(
        "lesson-1", "host", "camera", makes_room=True,
        not_before=now - timedelta(minutes=1), expires=now + timedelta(minutes=5),
    )  # fmt: skip
    watching: asyncio.Task[None] | None = None
    for starts in (1, 2):
        with relay_child(settings(tmp_path)) as child:
            if watching is None:
                await followed.start()
                watching = asyncio.create_task(followed.watch())
            await until(lambda starts=starts: len(followed.boots) == starts, timeout_s=20)
            assert child.report is not None
            url = f"http://127.0.0.1:{child.report['ready']['http_port']}/whip/lesson-1"
            headers = {"Content-Type": SDP, "Authorization": f"Bearer {token}"}
            async with (
                ClientSession() as http,
                http.post(url, data=PUBLISH, headers=headers) as response,
            ):
                assert response.status == 201
    assert watching is not None
    watching.cancel()
    await asyncio.wait({watching})
    await followed.close()


async def test_a_relay_that_is_not_there_is_a_problem_with_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_service, "START_S", 0.1)
    followed = Followed(tmp_path)
    with pytest.raises(ProblemError) as caught:
        await followed.start()
    assert (caught.value.code, caught.value.field) == ("relay_not_found", "relay.start")
    assert str(tmp_path / "control.sock") in caught.value.zh
    await followed.close()
