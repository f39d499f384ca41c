"""Chromium's own camera through a relay of its own process, to another Chromium page."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from sync_classroom.coordinator.relay_client import RelayClient
from tests.support.browser import launch, open_page, pixels, wait_frames
from tests.support.relay_child import relay_child
from tests.support.relays import counter, settings

pytestmark = [pytest.mark.asyncio, pytest.mark.browser]

PUBLISH = """async ([url, codec]) => {
  const media = await navigator.mediaDevices.getUserMedia(
    {audio: true, video: {width: 1280, height: 720, frameRate: 30}});
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  for (const track of media.getTracks()) {
    const transceiver = pc.addTransceiver(track, {direction: 'sendonly', streams: [media]});
    if (track.kind === 'video' && codec) {
      const all = RTCRtpSender.getCapabilities('video').codecs;
      transceiver.setCodecPreferences(all.filter((c) => [codec, 'video/rtx'].includes(c.mimeType)));
    }
  }
  await pc.setLocalDescription();
  const answer = await fetch(url, {method: 'POST', body: pc.localDescription.sdp,
    headers: {'Content-Type': 'application/sdp'}});
  if (answer.status !== 201) throw new Error(answer.status + await answer.text());
  window.session = new URL(answer.headers.get('Location'), url).href;
  window.tag = answer.headers.get('ETag');
  await pc.setRemoteDescription({type: 'answer', sdp: await answer.text()});
}"""
PLAY = """async (url) => {
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  for (const kind of ['audio', 'video']) pc.addTransceiver(kind, {direction: 'recvonly'});
  const video = document.createElement('video');
  Object.assign(video, {autoplay: true, playsInline: true});
  const tracks = [];
  pc.ontrack = (event) => {
    tracks.push([event.track.kind, event.streams.length === 1 && event.streams[0].id]);
    video.srcObject = event.streams[0];
  };
  await pc.setLocalDescription();
  const answer = await fetch(url, {method: 'POST', body: pc.localDescription.sdp,
    headers: {'Content-Type': 'application/sdp'}});
  if (answer.status !== 201) return answer.status;
  document.body.append(video);
  window.session = new URL(answer.headers.get('Location'), url).href;
  window.tag = answer.headers.get('ETag');
  await pc.setRemoteDescription({type: 'answer', sdp: await answer.text()});
  await video.play();
  return tracks;
}"""
STATS = """async () => {
  const found = {};
  for (const report of (await pc.getStats()).values())
    if (['inbound-rtp', 'outbound-rtp', 'remote-inbound-rtp'].includes(report.type))
      found[report.type + ' ' + report.kind] = report;
    else if (report.type === 'candidate-pair' && report.nominated) found.pair = report;
    else if (report.type === 'codec') found[report.mimeType] = report;
  return found;
}"""
LEAVE = """async () => {
  const answer = await fetch(session, {method: 'DELETE'});
  pc.close();
  return answer.status;
}"""


async def at(page: Page, origin: str) -> Page:
    """A page of another origin than the relay's; localhost is where cameras are allowed."""
    await page.goto(f"{origin}/healthz")
    return page


async def stats(page: Page) -> dict[str, Any]:
    return dict(await page.evaluate(STATS))


async def records(control: RelayClient) -> list[dict[str, Any]]:
    page = await control.journal(None, 5000)
    assert not page.more
    return [dict(record) for record in page.records]


@pytest.mark.parametrize("codec", ["video/H264", "video/VP8"])
async def test_a_camera_is_published_and_played(tmp_path: Path, codec: str) -> None:
    chosen = settings(tmp_path, open_mode=True, sample_s=2.0)
    with relay_child(chosen) as child:
        assert child.report is not None
        ready = child.report["ready"]
        control = RelayClient(Path(ready["control"]))
        url = f"http://127.0.0.1:{ready['http_port']}"
        origin = f"http://localhost:{ready['http_port']}"
        async with launch() as browser:
            host = await at(await open_page(browser), origin)
            seat = await at(await open_page(browser), origin)
            assert await seat.evaluate(PLAY, f"{url}/whep/lesson-1") == 409
            await host.evaluate(PUBLISH, [f"{url}/whip/lesson-1", codec])
            asked = time.monotonic()
            tracks = await seat.evaluate(PLAY, f"{url}/whep/lesson-1?peer=seat-1")
            await wait_frames(seat, "video", 1)
            print(f"{codec}: first frame {1000 * (time.monotonic() - asked):.0f} ms after WHEP")
            assert [kind for kind, _ in tracks] == ["audio", "video"]
            assert tracks[0][1] == tracks[1][1]  # one stream: voice and picture in step
            await wait_frames(seat, "video", 60)
            shown = await pixels(seat, "video")
            bright = sum(max(pixel) > 60 for pixel in shown["pixels"])
            assert bright > len(shown["pixels"]) // 2  # the fake camera is mostly green
            await wait_for_rate(host, seat, codec)

            received, sent = await stats(seat), await stats(host)
            assert received["inbound-rtp video"]["framesDecoded"] >= 60
            assert received["inbound-rtp audio"]["packetsReceived"] > 50
            assert received["inbound-rtp audio"]["totalAudioEnergy"] > 0
            assert codec in received
            # Sender reports are ours, and the publisher sees our receiver reports.
            assert sent["remote-inbound-rtp video"]["packetsLost"] == 0
            status = await control.status("lesson-1")
            assert [(p.peer, p.direction, p.connected) for p in status.peers] == [
                ("host", "publish", True),
                ("seat-1", "subscribe", True),
            ]
            assert await seat.evaluate(LEAVE) == 200
            assert await host.evaluate(LEAVE) == 200
            assert (await control.status("lesson-1")).peers == ()
        got = await records(control)
        await control.close()
        path = Path(ready["control"])
        forwarded = await counter(path, "forwarded_packets")
        arrived = await counter(path, "received_packets")
        again = await counter(path, "rtp_duplicate_packets")  # Chromium probes with old packets
    published, subscribed = check_journal(got)
    assert (
        sum(r["sent"] for r in subscribed) == forwarded >= packets(received, "inbound", "Received")
    )
    assert arrived >= packets(sent, "outbound", "Sent")
    assert forwarded <= sum(r["packets"] for r in published) <= arrived - again
    assert sum(r["lost"] for r in published + subscribed) == 0
    acked = sum(r["acked"] for r in subscribed)
    assert forwarded / 2 < acked <= forwarded  # Chromium reports on sound every 5 s only


def packets(found: dict[str, Any], way: str, what: str) -> int:
    """Sent or received for the first time: Chromium counts retransmissions, as probes are, too."""
    streams = [found[f"{way}-rtp {kind}"] for kind in ("audio", "video")]
    again = f"retransmittedPackets{what}"
    return sum(stream[f"packets{what}"] - stream.get(again, 0) for stream in streams)


async def wait_for_rate(host: Page, seat: Page, codec: str) -> None:
    """Watch the publisher's bit rate climb on our REMB until it passes 1 Mbit/s."""
    began, seen = time.monotonic(), []
    while True:
        pair = (await stats(host))["pair"]
        out = (await stats(host))["outbound-rtp video"]
        kbps = round(pair.get("availableOutgoingBitrate", 0) / 1000)
        seen.append(f"{kbps} ({out.get('frameWidth')}x{out.get('frameHeight')})")
        if kbps >= 1000 and out.get("frameWidth") == 1280:
            print(f"{codec}: {time.monotonic() - began:.1f} s to {kbps} kbit/s: {', '.join(seen)}")
            return
        assert time.monotonic() - began < 30, seen
        # The browser's estimate is read once a second, as it changes no faster.
        await host.wait_for_timeout(1000)


def check_journal(
    got: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One publisher's and one subscriber's samples, without a hole, an overlap or anything else."""
    assert got[0]["kind"] == "boot"
    numbers = [int(record["id"].rsplit(":", 1)[1]) for record in got]
    assert numbers == list(range(1, len(got) + 1))
    published = [record for record in got if record["kind"] == "publish"]
    subscribed = [record for record in got if record["kind"] == "subscribe"]
    assert len(published) + len(subscribed) + 1 == len(got)
    who = {(r["room"], r["peer"], r["source"]) for r in published}
    assert who == {("lesson-1", "host", "camera")}
    assert {(r["room"], r["peer"]) for r in subscribed} == {("lesson-1", "seat-1")}
    for run in (published, subscribed):
        for record in run:
            span = datetime.fromisoformat(record["to"]) - datetime.fromisoformat(record["from"])
            assert 0 <= span.total_seconds() <= 2.6  # sample_s is 2
        assert all(earlier["to"] == later["from"] for earlier, later in pairwise(run))
    return published, subscribed


async def test_an_ice_restart_keeps_the_picture_and_sigterm_its_evidence(tmp_path: Path) -> None:
    with relay_child(settings(tmp_path, open_mode=True)) as child:
        assert child.report is not None
        ready = child.report["ready"]
        url = f"http://127.0.0.1:{ready['http_port']}"
        origin = f"http://localhost:{ready['http_port']}"
        async with launch() as browser:
            host = await at(await open_page(browser), origin)
            seat = await at(await open_page(browser), origin)
            await host.evaluate(PUBLISH, [f"{url}/whip/lesson-1", None])
            await seat.evaluate(PLAY, f"{url}/whep/lesson-1")
            frames = await wait_frames(seat, "video", 20)
            before = (await stats(seat))["pair"]["id"]
            assert await seat.evaluate(RESTART) == [200, 204]
            await seat.wait_for_function(
                """async (before) => {
                  for (const r of (await pc.getStats()).values())
                    if (r.type === 'candidate-pair' && r.nominated && r.id !== before
                        && r.state === 'succeeded') return true;
                  return false;
                }""",
                arg=before,
                timeout=15_000,
            )
            await wait_frames(seat, "video", frames + 60)
            assert await seat.evaluate("pc.connectionState") == "connected"
            stopped = datetime.now(UTC)
            child.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(child.process.wait) == 0
    lines = [
        json.loads(line)
        for path in sorted((tmp_path / "journal").glob("*.ndjson"))
        for line in path.read_text("utf-8").splitlines()
    ]
    assert {record["kind"] for record in lines} == {"boot", "publish", "subscribe"}
    for kind in ("publish", "subscribe"):
        last = [record for record in lines if record["kind"] == kind][-1]
        assert stopped <= datetime.fromisoformat(last["to"]) <= stopped + timedelta(seconds=5)


RESTART = """async () => {
  const answer = pc.remoteDescription.sdp;
  await pc.setLocalDescription(await pc.createOffer({iceRestart: true}));
  const offer = pc.localDescription.sdp;
  const line = (sdp, name) => sdp.match(new RegExp('a=' + name + ':.*'))[0];
  const body = [line(offer, 'ice-ufrag'), line(offer, 'ice-pwd'),
    'm=audio 9 UDP/TLS/RTP/SAVPF 0', line(offer, 'mid'), ''].join('\\r\\n');
  const patch = (body, tag) => fetch(session, {method: 'PATCH', body,
    headers: {'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': tag}});
  const restarted = await patch(body, '*');
  const fragment = await restarted.text();
  await pc.setRemoteDescription({type: 'answer', sdp: answer
    .replace(/a=ice-ufrag:.*/g, line(fragment, 'ice-ufrag'))
    .replace(/a=ice-pwd:.*/g, line(fragment, 'ice-pwd'))});
  const late = await patch('a=end-of-candidates\\r\\n', restarted.headers.get('ETag'));
  return [restarted.status, late.status];
}"""
