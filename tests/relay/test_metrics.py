"""Metrics: every counter of the packet plane has a name with its unit, and a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sync_classroom.relay.counters import Counters
from sync_classroom.relay.metrics import COUNTERS, PREFIX
from sync_classroom.relay.whip import SDP
from tests.support.relays import relay, scrape
from tests.support.sdp_offers import PUBLISH, SUBSCRIBE

pytestmark = pytest.mark.asyncio


async def test_every_counter_is_named_and_explained() -> None:
    assert set(COUNTERS) == set(Counters().as_dict())
    names = [name for name, _ in COUNTERS.values()]
    assert len(set(names)) == len(names)
    assert all(text.endswith(".") for _, text in COUNTERS.values())


async def test_a_scrape_tells_what_happened(tmp_path: Path) -> None:
    async with relay(tmp_path, open_mode=True) as running:
        for _ in range(2):
            async with running.http.post(
                f"{running.url}/whip/x", data=PUBLISH, headers={"Content-Type": SDP}
            ) as response:
                assert response.status == 201
        async with running.http.post(
            f"{running.url}/whep/y", data=SUBSCRIBE, headers={"Content-Type": SDP}
        ) as response:
            assert response.status == 409
        async with running.http.request("BREW", f"{running.url}/whip/x") as response:
            pass
        text = await scrape(tmp_path / "control.sock")
        boot = running.info.boot
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert all(family.documentation for family in families.values())
    assert all(name.startswith(PREFIX) for name in families)

    def value(name: str, **labels: str) -> float:
        (found,) = [
            sample.value
            for family in families.values()
            for sample in family.samples
            if sample.name == f"{PREFIX}_{name}" and sample.labels.items() >= labels.items()
        ]
        return float(found)

    assert value("info", boot=boot) == 1
    assert value("rooms") == 1
    assert value("draining") == 0
    assert value("sessions", direction="publish", connected="false", path="udp") == 1
    assert value("sessions", direction="subscribe", connected="true", path="udp") == 0
    assert value("refusals_total", reason="room_unknown") == 1
    assert value("refusals_total", reason="busy") == 0
    assert 0 <= value("load_ratio") <= 1
    assert value("busy") == 0
    assert value("overflowed_datagrams_total") == 0
    assert value("join_seconds_count") == 0
    assert value("join_seconds_bucket", le="+Inf") == 0
    assert value("loop_lag_seconds_sum") >= 0
    assert value("process_cpu_seconds_total") > 0
    assert value("process_resident_memory_bytes") > 1e6
    assert value("sessions_opened_total") == 2
    assert value("sessions_closed_total") == 1
    assert value("http_requests_total", method="POST", status="201") == 2
    assert value("http_request_seconds_count", listener="public") >= 2
    assert value("journal_records_total") >= 1
    assert value("journal_lost_samples_total") == 0
    assert value("journal_failing") == 0
    assert value("journal_size_bytes") > 50
    assert value("http_rate_limited_total") == 0
