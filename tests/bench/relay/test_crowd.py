from __future__ import annotations

import asyncio

import pytest

from bench.relay.child import Options, relay
from bench.relay.crowd import Crowd, Member, report
from bench.relay.pattern import LOW
from bench.relay.peers import Client, Remote, Source
from sync_classroom.relay import rtcp
from tests.support.waiting import PATIENCE_S


def test_report_is_what_the_relay_reads_as_all_received() -> None:
    member = Member([], Remote("", "", "", ("", 0)), (11, 22), None, shifts=(5000, 65000))  # type: ignore[arg-type]
    blocks = rtcp.parse(report(member, (100, 600))).reports
    assert [(b.ssrc, b.highest, b.lost, b.fraction) for b in blocks] == [
        (11, 5100, 0, 0), (22, 65600, 0, 0),
    ]  # fmt: skip


@pytest.mark.asyncio
async def test_crowd_receives_counts_and_acknowledges_like_as_many_peers() -> None:
    async with relay(Options(window_ms=0)) as under_test:
        crowd = Crowd()
        opened = await under_test.open("host", publish="camera")
        publisher = Client(opened.remote)
        await publisher.connect()
        source = Source(publisher, LOW)
        invited = []
        for number in range(5):
            opened = await under_test.open(f"seat-{number}")
            invited.append(crowd.invite(opened.remote, opened.ssrcs, source))
        crowd.join(invited)
        source.send_due(0.0)
        crowd.learn(invited)
        source.send_due(0.5)
        due = 5 * (source.sent - 17)
        while crowd.mailbox.packets < due:
            crowd.read(1.0)
        crowd.reporting = True
        assert await under_test.ask("acknowledged", 60.0) == 0
        crowd.tick(1e12)
        async with asyncio.timeout(PATIENCE_S):
            while await under_test.ask("acknowledged", 60.0) < 5:
                crowd.read(0.01)
        assert crowd.mailbox.packets == due
        assert crowd.lost == 0
        crowd.close()
        publisher.close()
