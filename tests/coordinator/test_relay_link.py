"""A relay that somebody else runs: found, told our keys, found again; never ended."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from structlog.testing import capture_logs

from sync_classroom.cli.tls import ensure_certificate
from sync_classroom.coordinator import relay_link
from sync_classroom.coordinator.ports import RelayDownError
from sync_classroom.coordinator.relay_client import RelayClient
from sync_classroom.coordinator.relay_link import RelayLink
from sync_classroom.coordinator.tokens import TokenMinter
from sync_classroom.domain.problems import ProblemError
from sync_classroom.relay.settings import Listen, RelaySettings
from sync_classroom.relay.tokens import MAX_KEYS
from sync_classroom.relay.whip import SDP
from tests.support.ports import free_port
from tests.support.relay_child import Child, relay_child
from tests.support.relays import settings
from tests.support.sdp_offers import PUBLISH
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio
SECRET = "s" * 16


class Link(RelayLink):
    """A RelayLink that remembers the boots it announced."""

    def __init__(self, client: RelayClient, minter: TokenMinter, owner: str) -> None:
        super().__init__(
            client, relay="relay-1", owner=owner, keys=minter.public_keys(), on_boot=self._remember
        )
        self.minter = minter
        self.boots: list[str] = []

    async def _remember(self, boot: str) -> None:
        self.boots.append(boot)

    async def may_publish(self, child: Child) -> bool:
        """Whether the relay takes a token of this coordinator."""
        now = datetime.now(UTC)
        token = self.minter.publish(
            "lesson-1", "host", "camera", makes_room=True, not_before=now - timedelta(minutes=1),
            expires=now + timedelta(minutes=5),
        )  # fmt: skip
        headers = {"Content-Type": SDP, "Authorization": f"Bearer {token}"}
        async with (
            ClientSession() as http,
            http.post(f"{_url(child)}/whip/lesson-1", data=PUBLISH, headers=headers) as response,
        ):
            assert response.status in (201, 401), await response.text()
            return response.status == 201


def _url(child: Child) -> str:
    assert child.report is not None
    return f"http://127.0.0.1:{child.report['ready']['http_port']}"


@asynccontextmanager
async def linked(
    folder: Path, owner: str = "b1", client: RelayClient | None = None
) -> AsyncIterator[Link]:
    """A coordinator's end, not yet started."""
    minter = TokenMinter(folder.with_suffix(".jwk"))
    link = Link(client or RelayClient(folder.parent / "control.sock"), minter, owner)
    try:
        yield link
    finally:
        await link.close()


def lasting(folder: Path, **more: Any) -> RelaySettings:
    """Settings of a relay that is found again at the same ports."""
    return replace(settings(folder, http=Listen("127.0.0.1", free_port())), **more)


async def test_two_coordinators_adopt_one_relay_and_both_sign(tmp_path: Path) -> None:
    with relay_child(settings(tmp_path)) as child:
        async with linked(tmp_path / "a") as one, linked(tmp_path / "b", "b2") as two:
            found = await one.start()
            assert found is not None
            assert (await two.start()) == found
            assert one.boots == two.boots == [found.boot]
            assert await one.may_publish(child)
            assert await two.may_publish(child)
        assert child.process.poll() is None  # let go of, not ended


async def test_another_start_of_the_relay_is_told_the_keys_again(tmp_path: Path) -> None:
    chosen = lasting(tmp_path)
    async with linked(tmp_path / "a") as link:
        with relay_child(chosen) as child:
            await link.start()
            watching = asyncio.create_task(link.watch())
            os.kill(child.process.pid, signal.SIGKILL)
            child.process.wait()
        with capture_logs() as logs:
            await until(lambda: any(line["event"] == "relay_silent" for line in logs))
        with relay_child(chosen) as child:
            await until(lambda: len(link.boots) == 2)
            assert await link.may_publish(child)
        watching.cancel()
        await asyncio.wait({watching})


async def test_relay_that_is_not_there_yet_is_adopted_when_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_link, "PATIENCE_S", 0.0)
    async with linked(tmp_path / "a") as link:
        assert await link.start() is None
        watching = asyncio.create_task(link.watch())
        with relay_child(settings(tmp_path)) as child:
            await until(lambda: link.boots)
            assert await link.may_publish(child)
        watching.cancel()
        await asyncio.wait({watching})


async def test_relay_of_another_name_is_refused(tmp_path: Path) -> None:
    with relay_child(settings(tmp_path, relay="relay-2")):
        async with linked(tmp_path / "a") as link:
            with pytest.raises(ProblemError) as caught:
                await link.start()
    assert (caught.value.code, caught.value.value) == ("relay_another", "relay-2")
    assert link.boots == []


async def test_wrong_secret_is_said_at_once_and_the_right_one_works(tmp_path: Path) -> None:
    port = free_port()
    chosen = settings(tmp_path, control=Listen("127.0.0.1", port), control_secret=SECRET)
    with relay_child(chosen) as child:
        wrong = RelayClient(("127.0.0.1", port), "w" * 16)
        async with linked(tmp_path / "a", client=wrong) as link:
            with pytest.raises(ProblemError) as caught:
                await link.start()
        assert (caught.value.code, caught.value.field) == (
            "relay_secret_wrong",
            "relay.control_secret",
        )
        assert caught.value.value == f"http://127.0.0.1:{port}"
        right = RelayClient(("127.0.0.1", port), SECRET)
        async with linked(tmp_path / "b", client=right) as link:
            assert await link.start() is not None
            assert await link.may_publish(child)


async def test_relay_on_another_machine_is_reached_by_tls_with_its_own_authority(
    tmp_path: Path,
) -> None:
    made = ensure_certificate(tmp_path / "tls", ["localhost"], now=datetime.now(UTC))
    other = ensure_certificate(tmp_path / "other", ["localhost"], now=datetime.now(UTC))
    port = free_port()
    chosen = settings(
        tmp_path, control=Listen("0.0.0.0", port), control_secret=SECRET, control_tls=True,
        tls_certificate=made.certificate, tls_key=made.key,
    )  # fmt: skip
    with relay_child(chosen):
        trusting = ssl.create_default_context(cafile=made.authority)
        client = RelayClient(("localhost", port), SECRET, tls=trusting)
        assert client.where == f"https://localhost:{port}"
        async with linked(tmp_path / "a", client=client) as link:
            assert await link.start() is not None
        doubting = ssl.create_default_context(cafile=other.authority)
        client = RelayClient(("localhost", port), SECRET, tls=doubting)
        with pytest.raises(RelayDownError, match="certificate verify failed"):
            await client.identity()
        await client.close()


async def test_more_keys_than_the_relay_takes_is_a_sentence(tmp_path: Path) -> None:
    with relay_child(settings(tmp_path)):
        async with linked(tmp_path / "a") as link:
            link._keys = link.minter.public_keys() * (MAX_KEYS + 1)
            with pytest.raises(ProblemError) as caught:
                await link.start()
    assert caught.value.code == "relay_keys_full"
