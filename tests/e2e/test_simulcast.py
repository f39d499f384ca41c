"""Chromium's simulcast through a relay process to Chromium behind a line that becomes narrow."""

from __future__ import annotations

import json
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from sync_classroom.coordinator.ports import Layout, RoomSpec
from sync_classroom.coordinator.relay_client import RelayClient
from tests.support.browser import launch, open_page, pixels, wait_frames
from tests.support.narrow import narrow_line
from tests.support.relay_child import relay_child
from tests.support.relays import counter, settings
from tests.support.waiting import until

pytestmark = [pytest.mark.asyncio, pytest.mark.browser, pytest.mark.measured]

# The fake camera costs a tenth of what a classroom does. Bright tiles that change their colours
# cost what they are given; for H.264 only if they are of small squares, for which VP8 in turn would
# take more processor time than a test's machine has.
PUBLISH = """async ([url, codec, across]) => {
  const canvas = new OffscreenCanvas(1280, 720), brush = canvas.getContext('2d');
  const video = new MediaStreamTrackGenerator({kind: 'video'});
  const writer = video.writable.getWriter();
  const tile = (x, y) => {
    const hue = Math.random() * 360;
    const side = 80 / across;
    for (let place = 0; place < across * across; place += 1) {
      brush.fillStyle = `hsl(${hue + 40 * Math.random()}, 90%, 45%)`;
      brush.fillRect(
        80 * x + side * (place % across), 80 * y + side * Math.floor(place / across), side, side);
    }
  };
  for (let x = 0; x < 16; x += 1) for (let y = 0; y < 9; y += 1) tile(x, y);
  setInterval(() => {
    for (let many = 0; many < 20; many += 1)
      tile(Math.floor(Math.random() * 16), Math.floor(Math.random() * 9));
    writer.write(new VideoFrame(canvas, {timestamp: performance.now() * 1000}));
  }, 100);
  const media = await navigator.mediaDevices.getUserMedia({audio: true});
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  const [audio] = media.getAudioTracks();
  pc.addTransceiver(audio, {direction: 'sendonly', streams: [media]});
  const transceiver = pc.addTransceiver(video, {direction: 'sendonly', streams: [media],
    sendEncodings: [
      {rid: 'l', scaleResolutionDownBy: 4, maxBitrate: 150_000},
      {rid: 'm', scaleResolutionDownBy: 2, maxBitrate: 600_000},
      {rid: 'h', scaleResolutionDownBy: 1, maxBitrate: 2_500_000}]});
  const all = RTCRtpSender.getCapabilities('video').codecs;
  transceiver.setCodecPreferences(all.filter((c) => [codec, 'video/rtx'].includes(c.mimeType)));
  await pc.setLocalDescription();
  const answer = await fetch(url, {method: 'POST', body: pc.localDescription.sdp,
    headers: {'Content-Type': 'application/sdp'}});
  if (answer.status !== 201) throw new Error(answer.status + await answer.text());
  await pc.setRemoteDescription({type: 'answer', sdp: await answer.text()});
  window.offer = pc.localDescription.sdp;
}"""
PLAY = """async ([url, port]) => {
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  for (const kind of ['audio', 'video']) pc.addTransceiver(kind, {direction: 'recvonly'});
  const video = document.createElement('video');
  Object.assign(video, {autoplay: true, playsInline: true});
  pc.ontrack = (event) => { video.srcObject = event.streams[0]; };
  await pc.setLocalDescription();
  const answer = await fetch(url, {method: 'POST', body: pc.localDescription.sdp,
    headers: {'Content-Type': 'application/sdp'}});
  if (answer.status !== 201) throw new Error(answer.status + await answer.text());
  document.body.append(video);
  const sdp = (await answer.text()).replace(
    /(a=candidate:\\S+ 1 udp \\d+ \\S+) \\d+/g, port ? `$1 ${port}` : '$&');
  await pc.setRemoteDescription({type: 'answer', sdp});
  await video.play();
}"""
RECEIVED = """async () => {
  for (const report of (await pc.getStats()).values())
    if (report.type === 'inbound-rtp' && report.kind === 'video') return report;
}"""
SENT = """async () => {
  const found = {};
  for (const report of (await pc.getStats()).values())
    if (report.type === 'outbound-rtp' && report.kind === 'video') found[report.rid] = report;
  return found;
}"""


STALLED_S = 5.0
"""No picture for so long is one that does not come back; how short pauses are is for the bench."""


class Watch:
    """Looks at what a page shows again and again; a grey or a stalled picture fails at once."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.began = time.monotonic()
        self.sizes: list[tuple[float, str]] = []
        self.frames = 0
        self.moved = self.began
        self.longest_s = 0.0
        self.last: dict[str, Any] = {}

    async def look(self) -> str:
        self.last = dict(await self.page.evaluate(RECEIVED))
        now = time.monotonic()
        if self.last["framesDecoded"] > self.frames:
            self.longest_s = max(self.longest_s, now - self.moved)
            self.frames, self.moved = self.last["framesDecoded"], now
        assert now - self.moved < STALLED_S, (self.sizes, self.last)
        size = f"{self.last['frameWidth']}x{self.last['frameHeight']}"
        if not self.sizes or self.sizes[-1][1] != size:
            self.sizes.append((round(now - self.began, 1), size))
        shown = (await pixels(self.page, "video"))["pixels"]
        # What a decoder makes of missing references is grey.
        vivid = sum(max(pixel) - min(pixel) > 60 for pixel in shown)
        assert vivid > len(shown) // 2, (self.sizes, vivid, len(shown))
        return size

    async def until(self, *wanted: str, timeout_s: float) -> None:
        began = time.monotonic()
        while await self.look() not in wanted:
            assert time.monotonic() - began < timeout_s, (wanted, self.sizes, self.last)
            await self.page.wait_for_timeout(100)

    async def rate_bps(self) -> float:
        """What it is sent now, over two seconds."""
        before = int(self.last["bytesReceived"])
        for _ in range(20):
            await self.look()
            await self.page.wait_for_timeout(100)
        return (int(self.last["bytesReceived"]) - before) * 8 / 2


def _journalled(journal: Path) -> set[str | None]:
    """The layers that samples of the seat name so far."""
    return {
        record["layer"]
        for file in journal.glob("*.ndjson")
        for record in map(json.loads, file.read_text("utf-8").rpartition("\n")[0].splitlines())
        if record["kind"] == "subscribe" and record["peer"] == "seat"
    }


@pytest.mark.parametrize(("codec", "across"), [("video/H264", 4), ("video/VP8", 1)])
async def test_layers_follow_the_line_and_the_slot(tmp_path: Path, codec: str, across: int) -> None:
    with relay_child(settings(tmp_path, open_mode=True, sample_s=2.0)) as child:
        assert child.report is not None
        ready = child.report["ready"]
        path = Path(ready["control"])
        control = RelayClient(path)
        url = f"http://127.0.0.1:{ready['http_port']}"
        small = Layout(("camera",), ("camera",), (180,))
        await control.put_room(
            RoomSpec("lesson-1", {"*": Layout(video=("camera",)), "thumb": small})
        )
        async with (
            AsyncExitStack() as stack,
            launch() as browser,
            narrow_line(ready["media_port"]) as line,
        ):
            stack.push_async_callback(control.close)
            host, seat, thumb = [await open_page(browser) for _ in range(3)]
            for page in (host, seat, thumb):
                await page.goto(f"http://localhost:{ready['http_port']}/healthz")
            await host.evaluate(PUBLISH, [f"{url}/whip/lesson-1", codec, across])
            await seat.evaluate(PLAY, [f"{url}/whep/lesson-1?peer=seat", line.port])
            await thumb.evaluate(PLAY, [f"{url}/whep/lesson-1?peer=thumb", None])
            await wait_frames(seat, "video", 5)
            await wait_frames(thumb, "video", 5)
            watch = Watch(seat)
            await watch.until("1280x720", timeout_s=40)
            line.down_bps = max(250_000, 0.5 * await watch.rate_bps())
            await watch.until("320x180", "640x360", timeout_s=30)
            narrow = watch.frames
            line.down_bps = None
            await watch.until("1280x720", timeout_s=100)
            assert watch.frames > narrow
            # A sample names what is sent when it is cut; the large picture has just come again.
            await until(lambda: "1280x720" in _journalled(tmp_path / "journal"))
            assert await Watch(thumb).look() == "320x180"
            print(
                f"{codec}: {watch.sizes}, longest pause {watch.longest_s:.2f} s,"
                f" {watch.last['freezeCount']} freezes, {line.dropped} datagrams lost"
            )
            sent = await host.evaluate(SENT)
            assert {rid: layer["frameWidth"] for rid, layer in sent.items()} == {
                "l": 320, "m": 640, "h": 1280,
            }  # fmt: skip
        assert await counter(path, "layer_switches") >= 2
        assert await counter(path, "rtp_unmapped_packets") == 0
