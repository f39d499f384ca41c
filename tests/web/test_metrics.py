"""What is counted, and who may read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.web import closed, site

pytestmark = pytest.mark.asyncio


async def test_answers_connections_and_rubbish_are_counted(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        await served.ask("GET", "/healthz")
        await served.ask("GET", "/api/session")
        await served.ask("GET", "/nowhere/at/all")
        _, token = await served.device("far-1-r1")
        async with served.connect() as socket:
            await served.hello(socket, token)
            for _ in range(11):
                await socket.send_str("rubbish")
            assert (await closed(socket))[0] == 1008
        async with served.connect() as socket:
            await served.hello(socket, token)
            text = await (await served.ask("GET", "/metrics")).text()
        requests = "sync_classroom_http_requests_total"
        for line in (
            f'{requests}{{method="GET",route="healthz",status="200"}} 1.0',
            f'{requests}{{method="GET",route="api.session.read",status="401"}} 1.0',
            f'{requests}{{method="GET",route="none",status="404"}} 1.0',
            "sync_classroom_terminals_connected 1.0",
            'sync_classroom_terminal_messages_total{type="hello"} 2.0',
            'sync_classroom_terminal_messages_total{type="rubbish"} 11.0',
            'sync_classroom_terminal_closes_total{code="1008"} 1.0',
            "sync_classroom_event_streams 0.0",
        ):
            assert line in text.splitlines(), line
        # What services count process-wide is there too.
        assert "sync_classroom_sweeps_total" in text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"X-Forwarded-For": "192.0.2.1"}, 403),
        ({"Forwarded": "for=192.0.2.1"}, 403),
        ({"X-Forwarded-For": "192.0.2.1", "Authorization": "Bearer wrong"}, 403),
        ({"X-Forwarded-For": "192.0.2.1", "Authorization": "Bearer s3cret"}, 200),
    ],
    ids=str,
)
async def test_only_this_machine_or_the_token_reads_them(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async with site(tmp_path, people=False, metrics_token="s3cret") as served:
        assert (await served.ask("GET", "/metrics", headers=headers)).status == status


async def test_without_a_token_no_token_is_right(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        for bearer in ("Bearer ", "Bearer", "Bearer x"):
            headers = {"X-Forwarded-For": "192.0.2.1", "Authorization": bearer}
            assert (await served.ask("GET", "/metrics", headers=headers)).status == 403
