"""A real headless Chromium with invented cameras and readable Chinese, for tests and screenshots.

    async with launch() as browser:
        page = await open_page(browser, size=(1366, 768))

Pages collect what they say on the console; `page_problems(page)` returns errors and uncaught
exceptions, so that a test can insist on none.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from weakref import WeakKeyDictionary
from xml.sax.saxutils import escape

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    async_playwright,
    expect,
)
from playwright.async_api import Error as PlaywrightError

from tests.support.waiting import PATIENCE_S

# The fake devices are Chromium's own: a picture with a moving clock, a beep every second. Ten
# frames a second, because one test machine encodes for a whole classroom.
MEDIA_FLAGS: Final = (
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream=fps=10",
    "--auto-select-desktop-capture-source=Entire screen",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)
LOOPBACK_FLAG: Final = "--allow-loopback-in-peer-connection"
"""Chromium offers no loopback candidate of its own accord, and a machine without a network has no
other."""
SIZES: Final = {"panel": (1366, 768), "hall": (1920, 1080), "old": (1024, 768)}

_FONTS: Final = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>{fonts}</dir>
  <cachedir>{cache}</cachedir>
  <alias><family>Source Han Sans SC</family><prefer><family>Noto Sans SC</family></prefer></alias>
  <alias><family>sans-serif</family><prefer><family>Noto Sans SC</family></prefer></alias>
</fontconfig>
"""

expect.set_options(timeout=1000 * PATIENCE_S)
_problems: WeakKeyDictionary[Page, list[str]] = WeakKeyDictionary()


def without_network() -> bool:
    """Whether this machine has no way to anywhere but itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address (RFC 5737); nothing is sent
        except OSError:
            return True
    return False


def chromium() -> str:
    """Path of Chromium; skips the test without one, except in CI, where that is a failure."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    sentence = "no Chromium is installed: browser tests need one (apt install chromium)"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@contextmanager
def chinese_fonts() -> Iterator[dict[str, str]]:
    """Environment in which Chromium finds the Chinese font that comes with the test packages."""
    import pylopdf_fonts_zh_cn

    fonts = Path(pylopdf_fonts_zh_cn.__file__).parent
    with TemporaryDirectory(prefix="fonts-") as folder:
        config = Path(folder) / "fonts.conf"
        config.write_text(_FONTS.format(fonts=escape(str(fonts)), cache=escape(folder)))
        yield {**os.environ, "FONTCONFIG_FILE": str(config)}


@asynccontextmanager
async def launch(*flags: str, driver: Playwright | None = None) -> AsyncIterator[Browser]:
    """Chromium with fake devices; `flags` are added. `driver` is started unless one is given."""
    path = chromium()
    with chinese_fonts() as env:
        if driver is None:
            async with async_playwright() as own, launch(*flags, driver=own) as browser:
                yield browser
            return
        alone = (LOOPBACK_FLAG,) if without_network() else ()
        browser = await driver.chromium.launch(
            executable_path=path, headless=True, args=[*MEDIA_FLAGS, *alone, *flags], env=dict(env)
        )
        try:
            yield browser
        finally:
            await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for a file's tests, which share a loop; each opens devices of its own."""
    async with launch() as opened:
        yield opened


async def open_device(
    browser: Browser, *, size: tuple[int, int] = SIZES["panel"], **options: Any
) -> BrowserContext:
    """A device of its own: own storage, camera and microphone allowed."""
    device = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        permissions=["camera", "microphone"],
        ignore_https_errors=True,
        **options,
    )
    device.set_default_timeout(1000 * PATIENCE_S)
    return device


async def open_page(
    browser: Browser, *, size: tuple[int, int] = SIZES["panel"], **options: Any
) -> Page:
    """A page on a fresh device that remembers its console errors."""
    device = await open_device(browser, size=size, **options)
    return watch(await device.new_page())


def watch(page: Page) -> Page:
    """Collect console errors and uncaught exceptions of a page from now on."""
    found = _problems.setdefault(page, [])
    page.on("pageerror", lambda error: found.append(f"uncaught: {error}"))
    page.on(
        "console",
        lambda message: (
            found.append(f"{message.type}: {message.text}") if message.type == "error" else None
        ),
    )
    return page


def page_problems(page: Page, *, network: bool = False) -> list[str]:
    """What went wrong on the page so far; failed requests only when `network`.

    A page that lives through servers being killed fails requests by design, and Chromium prints
    each of them.
    """
    found = _problems.get(page, [])
    if network:
        return list(found)
    return [p for p in found if "Failed to load resource" not in p and "WebSocket" not in p]


_FRAMES: Final = """
([selector, least]) => {
  const video = document.querySelector(selector);
  const { totalVideoFrames = 0 } = video?.getVideoPlaybackQuality?.() ?? {};
  return totalVideoFrames >= least && video.videoWidth > 0 ? totalVideoFrames : 0;
}
"""

_PIXELS: Final = """
(selector) => {
  const video = document.querySelector(selector);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [32, 18];
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 32, 18);
  const data = context.getImageData(0, 0, 32, 18).data;
  const pixels = [];
  for (let i = 0; i < data.length; i += 4) pixels.push([data[i], data[i + 1], data[i + 2]]);
  return { width: video.videoWidth, height: video.videoHeight, pixels };
}
"""


async def wait_frames(
    page: Page, selector: str, least: int, *, timeout_s: float = PATIENCE_S
) -> int:
    """Wait until a `<video>` has shown at least `least` frames; returns how many."""
    handle = await page.wait_for_function(
        _FRAMES, arg=[selector, least], timeout=timeout_s * 1000, polling=100
    )
    return int(await handle.json_value())


_LOUDEST: Final = """
async ([selector, ms]) => {
  const sound = document.querySelector(selector);
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 2048 });
  context.createMediaStreamSource(sound.srcObject).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const until = performance.now() + ms;
  let peak = 0;
  while (performance.now() < until) {
    analyser.getFloatTimeDomainData(samples);
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await context.close();
  return sound.paused ? 0 : peak;
}
"""


async def loudest(page: Page, selector: str, *, over_s: float = 2.5) -> float:
    """The loudest sample, 0…1, that an `<audio>` plays while `over_s` seconds go by.

    The fake microphone beeps every second, so that the default hears two beeps.
    """
    return float(await page.evaluate(_LOUDEST, [selector, over_s * 1000]))


async def pixels(page: Page, selector: str) -> dict[str, Any]:
    """What a `<video>` shows now: `width`, `height` of the picture, 32×18 `pixels` (r, g, b)."""
    return dict(await page.evaluate(_PIXELS, selector))


__all__ = [
    "MEDIA_FLAGS",
    "SIZES",
    "PlaywrightError",
    "browser",
    "chinese_fonts",
    "chromium",
    "launch",
    "loudest",
    "open_device",
    "open_page",
    "page_problems",
    "pixels",
    "wait_frames",
    "watch",
]
