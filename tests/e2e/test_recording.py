"""Chromium's camera recorded by a relay process, played again by Chromium's video element.

The fake camera's picture and beep come from Chromium itself; the file is judged by what a browser
makes of it: it plays, it can be jumped in, its pictures are those that were sent.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from aiohttp import ClientSession, web
from aiohttp.connector import UnixConnector

from sync_classroom.relay.recording.cutting import cut
from sync_classroom.relay.settings import RelaySettings
from tests.e2e.test_whip_whep import LEAVE, PUBLISH, at
from tests.support.browser import launch, open_page, pixels
from tests.support.recordings import decoded, items
from tests.support.relay_child import relay_child
from tests.support.relays import settings
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.asyncio, pytest.mark.browser]

RESIZE = """async (height) => {
  const sender = pc.getSenders().find((s) => s.track.kind === 'video');
  const parameters = sender.getParameters();
  parameters.encodings[0].scaleResolutionDownBy = 720 / height;
  await sender.setParameters(parameters);
}"""
LOAD = """async (url) => {
  const video = document.createElement('video');
  Object.assign(video, {src: url, muted: true, playsInline: true, preload: 'auto'});
  document.body.replaceChildren(video);
  await new Promise((done, failed) => {
    video.oncanplaythrough = done;
    video.onerror = () => failed(new Error(video.error.message));
  });
  return [video.duration, video.videoWidth, video.videoHeight];
}"""
PLAY_FROM = """async ([seconds, patience]) => {
  const video = document.querySelector('video');
  const sizes = new Set();
  video.currentTime = seconds;
  await new Promise((done) => { video.onseeked = done; });
  await video.play();
  const start = video.getVideoPlaybackQuality().totalVideoFrames;
  const late = performance.now() + patience * 1000;
  while (!video.ended && performance.now() < late) {
    sizes.add(video.videoHeight);
    await new Promise((done) => setTimeout(done, 20));
  }
  const quality = video.getVideoPlaybackQuality();
  return {at: video.currentTime, frames: quality.totalVideoFrames - start, sizes: [...sizes],
          audio: video.webkitAudioDecodedByteCount};
}"""


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """The folder over HTTP with ranges, as the pages serve it."""
    app = web.Application()
    app.router.add_static("/", folder)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def call(chosen: RelaySettings, method: str, path: str, body: Any = None) -> dict[str, Any]:
    async with (
        ClientSession(
            base_url="http://relay", connector=UnixConnector(str(chosen.control))
        ) as control,
        control.request(method, path, json=body) as response,
    ):
        assert response.status == 200, await response.text()
        return dict(await response.json())


async def wait_for(
    chosen: RelaySettings, true: Any, *, path: str = "/recordings/lesson-1", within_s: float = 60
) -> dict[str, Any]:
    """The recording once this holds of it."""
    async with asyncio.timeout(within_s):
        while not true(found := await call(chosen, "GET", path)):
            await asyncio.sleep(0.1)
    return found


def last(found: dict[str, Any]) -> dict[str, Any]:
    """The file that is being written."""
    segments = [s for source in found["sources"] for s in source["segments"] if s]
    return dict(segments[-1]) if segments else {"duration_s": 0, "height": 0}


@pytest.mark.parametrize("codec", ["video/H264", "video/VP8"])
async def test_what_chromium_sent_chromium_plays_again(tmp_path: Path, codec: str) -> None:
    """With another size in mid-stream: two files as recorded, one to watch."""
    chosen = settings(
        tmp_path, open_mode=True, recording_dir=tmp_path / "recordings", recording_min_free_mb=0
    )
    with relay_child(chosen) as child:
        assert child.report is not None
        port = child.report["ready"]["http_port"]
        async with launch() as browser:
            host = await at(await open_page(browser), f"http://localhost:{port}")
            await call(chosen, "PUT", "/recordings/lesson-1", {"room": "lesson-1"})
            await host.evaluate(PUBLISH, [f"http://127.0.0.1:{port}/whip/lesson-1", codec])
            await host.evaluate(RESIZE, 360)
            await wait_for(chosen, lambda f: last(f)["height"] == 360 and last(f)["duration_s"] > 3)
            await host.evaluate(RESIZE, 720)
            await wait_for(chosen, lambda f: last(f)["height"] == 720 and last(f)["duration_s"] > 3)
            assert await host.evaluate(LEAVE) == 200
            await call(chosen, "POST", "/recordings/lesson-1/stop")
            saved = await wait_for(chosen, lambda f: f["state"] == "saved")
            (camera,) = saved["sources"]
            (file,) = camera["files"]
            assert len(camera["segments"]) >= 2
            assert file["height"] == 720
            assert len(camera["thumbnails"]) == 3
            async with serving(tmp_path / "recordings" / "lesson-1") as url:
                page = await open_page(browser)
                await page.goto(f"{url}/manifest.json")
                duration, _, begun = await page.evaluate(LOAD, f"{url}/{file['name']}")
                assert abs(duration - file["duration_s"]) < 0.1
                whole = await page.evaluate(PLAY_FROM, [0, PATIENCE_S])
                assert whole["at"] == pytest.approx(duration, abs=0.1)
                assert {360, 720} <= set(whole["sizes"])
                assert whole["audio"] > 1000
                shown = await pixels(page, "video")
                bright = sum(max(pixel) > 60 for pixel in shown["pixels"])
                assert bright > len(shown["pixels"]) // 2  # the fake camera is mostly green
                tail = await page.evaluate(PLAY_FROM, [duration - 2, PATIENCE_S])
                assert tail["at"] == pytest.approx(duration, abs=0.1)
                assert 0 < tail["frames"] < whole["frames"]
                # Pages behind the media are nothing to a player, whole or in part.
                kept, long_s = await asyncio.to_thread(with_pages, tmp_path, file["name"])
                duration, _, _ = await page.evaluate(LOAD, f"{url}/{kept}")
                assert duration == pytest.approx(long_s, abs=0.1)
                tail = await page.evaluate(PLAY_FROM, [duration - 2, PATIENCE_S])
                assert tail["at"] == pytest.approx(duration, abs=0.1)
                assert tail["frames"] > 0
    path = tmp_path / "recordings" / "lesson-1" / file["name"]
    found = items(path)
    sounds = [item for item in found if item.kind == "audio"]
    # No break in the sound, and it ends with the picture.
    assert max(b.at_s - a.at_s for a, b in pairwise(sounds)) < 0.0211
    assert abs(sounds[-1].at_s - max(i.at_s for i in found if i.kind == "video")) < 1.5
    heights = [frame.height for _, frame in decoded(path)]
    assert {360, 720} <= set(heights)
    assert begun == heights[0]  # a browser that has just begun may send less than it was asked for


def with_pages(folder: Path, name: str) -> tuple[str, float]:
    """A part of a recording, as much as can be cut, with a page; how long it is."""
    picture = folder / "page.webp"
    picture.write_bytes(os.urandom(300_000))
    shown = {
        "from_s": 0.0, "to_s": 900.0, "name": "课件", "page": 1, "pages": 1, "width": 9,
        "height": 9, "type": "image/webp", "picture": str(picture),
    }  # fmt: skip
    source = folder / "recordings" / "lesson-1" / name
    target = source.with_name(f"part{source.suffix}")
    piece = cut(source, target, 0.0, 900.0, [shown])
    assert piece.bytes > 300_000
    return target.name, piece.duration_s


def small_disk(folder: Path, megabytes: int) -> list[str]:
    """A command's beginning that runs it where `folder` is a disk of its own, this small."""
    mount = f'mount -t tmpfs -o size={megabytes}m none {folder} && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if os.geteuid() == 0:
        del command[1:3]
    probe = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if shutil.which("unshare") is None or probe.returncode:
        message = f"this machine lets nobody mount: {probe.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return command


async def test_a_disk_that_is_really_full_stops_the_recording_and_not_the_lesson(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system of 1 MB and no reserve: the kernel itself says ENOSPC."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    command = small_disk(folder, 1)
    chosen = settings(tmp_path, open_mode=True, recording_dir=folder, recording_min_free_mb=0)
    real = subprocess.Popen

    def inside(arguments: list[str], **more: Any) -> subprocess.Popen[str]:
        return real([*command, *arguments] if arguments[0] == sys.executable else arguments, **more)

    monkeypatch.setattr(subprocess, "Popen", inside)
    with relay_child(chosen) as child:
        monkeypatch.undo()
        assert child.report is not None
        port = child.report["ready"]["http_port"]
        async with launch() as browser:
            host = await at(await open_page(browser), f"http://localhost:{port}")
            await host.evaluate(PUBLISH, [f"http://127.0.0.1:{port}/whip/lesson-1", "video/H264"])
            await call(chosen, "PUT", "/recordings/lesson-1", {"room": "lesson-1"})
            full = await wait_for(chosen, lambda f: f["disk_full"], within_s=120)
            assert full["state"] == "recording"
            await wait_for(chosen, lambda f: f["storage"]["full"], path="/recordings", within_s=30)
            before = (await call(chosen, "GET", "/status?room=lesson-1"))["peers"][0]["packets"]
            began = time.monotonic()
            while (await call(chosen, "GET", "/status?room=lesson-1"))["peers"][0][
                "packets"
            ] <= before + 100:
                assert time.monotonic() - began < 30
                await asyncio.sleep(0.1)
            stopped = await call(chosen, "POST", "/recordings/lesson-1/stop")
            assert stopped["disk_full"] is True
        root = Path(f"/proc/{child.process.pid}/root{folder}")
        (segment,) = [s for s in full["sources"][0]["segments"] if s][:1]
        copy = tmp_path / segment["name"]
        recorded = root / "lesson-1" / segment["name"]
        shutil.copy(recorded if recorded.exists() else copy, copy)
    assert max(item.at_s for item in items(copy)) > 2
    assert sum(1 for _ in decoded(copy)) > 10


FLASH_AND_BEEP = """async ([url, codec]) => {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, {width: 320, height: 180});
  document.body.append(canvas);
  const paint = canvas.getContext('2d'), sound = new AudioContext();
  const out = sound.createMediaStreamDestination(), tone = sound.createOscillator();
  const gate = sound.createGain();
  gate.gain.value = 0;
  tone.connect(gate).connect(out);
  tone.start();
  let last = false, number = 0;
  setInterval(() => {
    const on = performance.now() % 1000 < 300;
    paint.fillStyle = on ? '#fff' : '#000';
    paint.fillRect(0, 0, 320, 180);
    paint.fillStyle = number++ % 2 ? '#777' : '#888';  // every picture differs from the last
    paint.fillRect(0, 0, 8, 8);
    if (on !== last) gate.gain.setValueAtTime(on ? 0.5 : 0, sound.currentTime);
    last = on;
  }, 20);
  const media = new MediaStream([...canvas.captureStream(50).getTracks(),
                                 ...out.stream.getTracks()]);
  navigator.mediaDevices.getUserMedia = async () => media;
}"""


def onsets(levels: list[tuple[float, float]], threshold: float) -> list[float]:
    """When a level that was below rises above the threshold."""
    return [b for (_, low), (b, high) in pairwise(levels) if low < threshold <= high]


def loudness(path: Path) -> list[tuple[float, float]]:
    """The sound's peak in every 5 ms, by the file's own time."""
    found: list[tuple[float, float]] = []
    with av.open(str(path)) as file:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=48000)
        for frame in file.decode(audio=0):
            assert frame.time is not None
            for sound in resampler.resample(frame):
                samples = memoryview(bytes(sound.planes[0])).cast("h")[: sound.samples]
                for start in range(0, len(samples), 240):
                    peak = max(abs(value) for value in samples[start : start + 240])
                    found.append((frame.time + start / 48000, float(peak)))
    return found


async def test_a_flash_and_its_beep_are_recorded_together(tmp_path: Path) -> None:
    """Made in one page at one moment: they are apart by capture and recording only."""
    chosen = settings(
        tmp_path, open_mode=True, recording_dir=tmp_path / "recordings", recording_min_free_mb=0
    )
    with relay_child(chosen) as child:
        assert child.report is not None
        port = child.report["ready"]["http_port"]
        async with launch() as browser:
            host = await at(await open_page(browser), f"http://localhost:{port}")
            whip = [f"http://127.0.0.1:{port}/whip/lesson-1", "video/H264"]
            await host.evaluate(FLASH_AND_BEEP, whip)
            await call(chosen, "PUT", "/recordings/lesson-1", {"room": "lesson-1"})
            await host.evaluate(PUBLISH, whip)
            await wait_for(chosen, lambda f: last(f)["duration_s"] > 14)
            await call(chosen, "POST", "/recordings/lesson-1/stop")
            saved = await wait_for(chosen, lambda f: f["state"] == "saved")
    file = saved["sources"][0]["files"][-1]
    path = tmp_path / "recordings" / "lesson-1" / file["name"]
    bright = [
        (time_s, float(bytes(frame.planes[0])[frame.height // 2 * frame.planes[0].line_size + 160]))
        for time_s, frame in decoded(path)
    ]
    flashes, beeps = onsets(bright, 128), onsets(loudness(path), 2000)
    apart = sorted(min((beep - flash for beep in beeps), key=abs) for flash in flashes)
    middle = apart[len(apart) // 2]
    print(f"{len(flashes)} flashes, beep after flash: median {middle * 1000:+.0f} ms, {apart}")
    assert len(flashes) >= 10
    assert abs(middle) <= 0.04
