"""A room is called on: how long until its full picture is seen, in real Chromiums through a relay.

A teacher's page and the room's page run the terminal's own `Publication`; the listeners' pages have
a slot for the teacher and one for who is called on. At the press that slot is routed and the room
sends its large layer, as the coordinator tells both at once. Told are, from the press: when the
large layer first left the room's browser (what the browser takes to begin), and when each listener
showed a picture of full width. Half of the turns are first calls, each in a session of its own; the
others come after a release. Listeners have been there for `--before` seconds.

    python -m bench.relay.calling --turns 8 --listeners 2
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.async_api import Page

from bench import figures
from bench.figures import Figure, percentile
from sync_classroom.coordinator.ports import Layout, RoomSpec
from sync_classroom.coordinator.relay_client import RelayClient
from tests.support.browser import launch, open_page
from tests.support.relay_child import relay_child
from tests.support.relays import settings
from tests.support.whip_page import prepare

ROOM: Final = "lesson-1"
SEAT: Final = "s-1"
WIDTH: Final = 1280
CALM_S: Final = 4.0
"""A room has sent its small picture for a while when it is called on, and between two calls."""
PATIENCE_S: Final = 20.0

_PUBLISH: Final = """async ([relay, room, source]) => {
  const { Publication } = await import('/scripts/lesson_media.js');
  window.publication?.link.stop();
  // In open mode the query says who publishes; a token does in a lesson.
  const plain = (window.plain ??= window.fetch.bind(window));
  window.fetch = (url, options) =>
    plain(options?.method === 'POST' && source === 'seat' ? `${url}?peer=s-1` : url, options);
  const camera = {width: 1280, height: 720, frameRate: 25};
  window.media ??= await navigator.mediaDevices.getUserMedia({video: camera});
  const grants = () => ({url: relay, publish: [{source, token: 'open'}], ice_servers: []});
  window.publication = new Publication({source, room, grants, changed: () => undefined});
  window.publication.tracks.video = window.media.getVideoTracks()[0];
  window.publication.link.start();
}"""
_SENDS: Final = """async () => {
  for (const report of (await window.publication.link.session.pc.getStats()).values())
    if (report.type === 'outbound-rtp' && report.rid === 'l' && report.framesSent > 20) return true;
  return false;
}"""
_PLAY: Final = """async ([relay, room]) => {
  const { openSession } = await import('/scripts/session.js');
  const { prefer } = await import('/scripts/session.js');
  const prepare = (pc) => {
    for (const _ of ['teacher', 'called'])
      prefer(pc.addTransceiver('video', {direction: 'recvonly'}), 'video', 'receive');
  };
  const signal = new AbortController().signal;
  const {pc} = await openSession({url: `${relay}/whep/${room}`, token: 'open', iceServers: [],
    prepare, signal});
  pc.getReceivers().forEach(({track}, place) => {
    const video = document.createElement('video');
    Object.assign(video, {autoplay: true, muted: true, playsInline: true, id: `slot${place}`});
    document.body.append(video);
    video.srcObject = new MediaStream([track]);
  });
}"""
_CALL: Final = """async (called) => {
  const sent = async () => {
    const all = [...(await window.publication.link.session.pc.getStats()).values()];
    return all.find((r) => r.type === 'outbound-rtp' && r.rid === 'h')?.packetsSent ?? 0;
  };
  const before = await sent();
  const pressed = Date.now();
  void window.publication.call(called);
  if (!called) return [pressed, null];
  while ((await sent()) === before) await new Promise((done) => setTimeout(done, 5));
  return [pressed, Date.now()];
}"""
_WIDE: Final = """([width, patience]) => new Promise((resolve, reject) => {
  const video = document.querySelector('#slot1');
  const look = (_, frame) => {
    if (frame.width >= width) resolve(Date.now());
    else video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  setTimeout(() => reject(new Error(`still ${video.videoWidth} wide`)), patience * 1000);
})"""


@dataclass(frozen=True, slots=True)
class Turn:
    """Seconds from the press: the large layer's first packet, the full picture at each listener."""

    sent_s: float
    seen_s: tuple[float, ...]


def _spec(*, called: bool) -> RoomSpec:
    return RoomSpec(ROOM, {"*": Layout(video=("camera", f"seat:{SEAT}" if called else "screen"))})


async def _turn(control: RelayClient, host: Page, listeners: Sequence[Page]) -> Turn:
    """Call on, wait until everybody sees it, release."""
    seen = [asyncio.create_task(page.evaluate(_WIDE, [WIDTH, PATIENCE_S])) for page in listeners]
    await asyncio.sleep(0.1)
    (pressed, sent), _ = await asyncio.gather(
        host.evaluate(_CALL, True), control.put_room(_spec(called=True))
    )
    reached = await asyncio.gather(*seen)
    await asyncio.gather(host.evaluate(_CALL, False), control.put_room(_spec(called=False)))
    await asyncio.sleep(CALM_S)
    return Turn((sent - pressed) / 1000, tuple((at - pressed) / 1000 for at in reached))


async def _begin(page: Page, relay: str, source: str) -> None:
    """A session of its own, whose small picture has been sent for a while."""
    await page.evaluate(_PUBLISH, [relay, ROOM, source])
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(Exception):  # not open yet
                if await page.evaluate(_SENDS):
                    break
            await asyncio.sleep(0.1)
    await asyncio.sleep(CALM_S)


async def measure(turns: int, listeners: int, before_s: float) -> tuple[list[Turn], list[Turn]]:
    """First calls, and calls after a release."""
    first: list[Turn] = []
    again: list[Turn] = []
    with tempfile.TemporaryDirectory() as folder:
        chosen = settings(Path(folder), open_mode=True)
        with relay_child(chosen) as child:
            assert child.report is not None
            ready = child.report["ready"]
            relay = f"http://127.0.0.1:{ready['http_port']}"
            control = RelayClient(Path(ready["control"]))
            await control.put_room(_spec(called=False))
            async with launch() as browser:
                teacher, host, *pages = [await open_page(browser) for _ in range(2 + listeners)]
                for page in (teacher, host, *pages):
                    await prepare(page, relay)
                await _begin(teacher, relay, "camera")
                await _begin(host, relay, "seat")
                for page in pages:
                    await page.evaluate(_PLAY, [relay, ROOM])
                await asyncio.sleep(before_s)
                for _ in range((turns + 1) // 2):
                    first.append(await _turn(control, host, pages))
                    again.append(await _turn(control, host, pages))
                    await _begin(host, relay, "seat")
            await control.close()
    return first, again


def _told(name: str, turns: Sequence[Turn]) -> list[Figure]:
    sent = [turn.sent_s for turn in turns]
    seen = [at for turn in turns for at in turn.seen_s]
    print(f"{name}: sent after {sorted(round(s, 2) for s in sent)} s,"
          f" seen after {sorted(round(s, 2) for s in seen)} s")  # fmt: skip
    return [
        Figure(f"{name}: the room's browser begins to send it, median", percentile(sent, 0.5), "s"),
        Figure(f"{name}: full picture seen, median", percentile(seen, 0.5), "s", 0.5),
        Figure(f"{name}: full picture seen, worst", max(seen), "s"),
    ]


def main() -> None:
    """Print the figures."""
    parser = figures.arguments(__doc__)
    parser.add_argument("--turns", type=int, default=8, help="calls in all")
    parser.add_argument("--listeners", type=int, default=2, help="rooms that see the one called on")
    parser.add_argument("--before", type=float, default=60.0, help="seconds before the first call")
    chosen = parser.parse_args()
    turns = 2 if chosen.quick else chosen.turns
    first, again = asyncio.run(measure(turns, chosen.listeners, chosen.before))
    found = [*_told("first call", first), *_told("called again", again)]
    figures.report(found, chosen.json)


if __name__ == "__main__":
    main()
