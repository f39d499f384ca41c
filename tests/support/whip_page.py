"""WHIP and WHEP as the terminal page does them, on a bare Chromium page that has its scripts.

`publish(page, …)` and `play(page, …)` run the terminal's own `MediaLink` against a relay in open
mode; `stats(page)` reads what it holds. `via` replaces the UDP port in every answer, so that an
impaired network can stand in between; `only` leaves candidates of one protocol; `ice` goes into
every RTCPeerConnection.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from playwright.async_api import Page, Route

import sync_classroom.web

SCRIPTS = Path(sync_classroom.web.__file__).parent / "static/terminal"
CAMERA = {"width": 640, "height": 360, "frameRate": 30}

_LINK = """async ([relay, room, direction, camera, ice]) => {
  const { MediaLink } = await import('/scripts/media.js');
  const { prefer } = await import('/scripts/session.js');
  const Plain = RTCPeerConnection;
  window.RTCPeerConnection = function (options) {
    return (window.pc = new Plain({...options, ...ice}));
  };
  const video = document.createElement('video');
  Object.assign(video, {autoplay: true, playsInline: true});
  const media = camera && await navigator.mediaDevices.getUserMedia({audio: true, video: camera});
  window.opened = 0;
  window.link = new MediaLink({
    direction, relay, room, token: () => 'open', iceServers: () => ice.iceServers ?? [],
    expected: () => true,
    prepare: (pc) => {
      for (const kind of ['audio', 'video']) {
        const track = media?.getTracks().find((t) => t.kind === kind);
        const [direction, way] = track ? ['sendonly', 'send'] : ['recvonly', 'receive'];
        prefer(pc.addTransceiver(track ?? kind, {direction}), kind, way);
      }
    },
    opened: (pc) => {
      window.opened += 1;
      if (media) return;
      video.srcObject = new MediaStream(pc.getReceivers().map((receiver) => receiver.track));
      document.body.append(video);
    },
  });
  window.link.start();
}"""
_STATS = """async () => {
  const { status: { state, path }, session } = window.link;
  const found = { opened: window.opened, state, path };
  const pc = session?.pc;
  if (!pc) return found;
  found.target = pc.getReceivers()[0]?.jitterBufferTarget ?? null;
  const all = await pc.getStats();
  for (const report of all.values()) {
    if (['inbound-rtp', 'outbound-rtp', 'remote-inbound-rtp'].includes(report.type))
      found[report.type + ' ' + report.kind] = report;
    else if (report.type === 'transport' && report.selectedCandidatePairId) {
      found.transport = report;
      found.pair = all.get(report.selectedCandidatePairId);
      found.local = all.get(found.pair.localCandidateId);
      found.remote = all.get(found.pair.remoteCandidateId);
    }
  }
  return found;
}"""


async def prepare(
    page: Page, relay: str, *, via: int | None = None, only: str | None = None
) -> None:
    """Go to a page of the relay's origin, where the terminal's scripts are at `/scripts/`."""
    other = {None: None, "udp": "tcp", "tcp": "udp"}[only]

    async def script(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        await route.fulfill(path=SCRIPTS / name, content_type="text/javascript")

    async def answer(route: Route) -> None:
        got = await route.fetch()
        body = await got.text()
        if got.status == 201 and other is not None:
            body = re.sub(rf"a=candidate:\S+ \d+ {other} .*\r\n", "", body)
        if got.status == 201 and via is not None:
            body = re.sub(r"( udp \d+ \S+) \d+ typ", rf"\1 {via} typ", body)
        await route.fulfill(response=got, body=body)

    await page.route("**/scripts/*.js", script)
    await page.route(re.compile(r"/wh[ie]p/"), answer)
    await page.goto(f"{relay}/healthz")


async def publish(
    page: Page, relay: str, room: str, *, ice: dict[str, Any] | None = None, **network: Any
) -> None:
    """The fake camera and microphone; opens again as a terminal would."""
    await prepare(page, relay, **network)
    await page.evaluate(_LINK, [relay, room, "publish", CAMERA, ice or {}])


async def play(
    page: Page, relay: str, room: str, *, ice: dict[str, Any] | None = None, **network: Any
) -> None:
    """Sound and picture of slot 0 in a `<video>`; opens again as a terminal would."""
    await prepare(page, relay, **network)
    await page.evaluate(_LINK, [relay, room, "subscribe", None, ice or {}])


async def stats(page: Page) -> dict[str, Any]:
    """RTP reports by type and kind, the selected pair and its candidates, and what the link says:
    `state`, `path`, `opened` sessions, `target` of the jitter buffer in ms or None."""
    return dict(await page.evaluate(_STATS))


async def frames_after(page: Page, more: int, *, within_s: float = 20.0) -> float:
    """Wait until so many more frames are decoded; how long that took, seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    first: int | None = None
    while True:
        count = (await stats(page)).get("inbound-rtp video", {}).get("framesDecoded", 0)
        first = count if first is None or count < first else first
        if count >= first + more:
            return loop.time() - began
        assert loop.time() - began < within_s, await stats(page)
        await page.wait_for_timeout(50)
