"""Files of the pages: under a path that names their content, so that browsers keep them for ever.

`/static/<version>/name`: the version is a hash of every file, so one changed file gives all of them
new addresses and module imports never mix two versions.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import web

ROOT: Final = Path(__file__).parent / "static"
WORKER: Final = "terminal/sw.js"
FOREVER: Final = "public, max-age=31536000, immutable"
# Named types only: what a kiosk's registry calls a .js file is not our concern.
TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
}
_TEXT: Final = ("text/", "image/svg", "application/")


class StaticFiles:
    """The files under one folder, listed once: what is not in the list cannot be asked for."""

    def __init__(self, root: Path = ROOT) -> None:
        self._files = {
            path.relative_to(root).as_posix(): path
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.suffix in TYPES
        }
        digest = hashlib.sha256()
        for name, path in self._files.items():
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
        self.version = digest.hexdigest()[:12]

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def names(self) -> tuple[str, ...]:
        """Every file, by name."""
        return tuple(self._files)

    def url(self, name: str) -> str:
        """The address of a file; KeyError if there is no such file."""
        if name not in self._files:
            raise KeyError(f"no static file {name!r}")
        return f"/static/{self.version}/{name}"

    def response(self, name: str, *, cache_control: str) -> web.StreamResponse:
        """A file with its type; 404 if there is none."""
        path = self._files.get(name)
        if path is None:
            raise web.HTTPNotFound
        kind = TYPES[path.suffix]
        charset = "; charset=utf-8" if kind.startswith(_TEXT) else ""
        return web.FileResponse(
            path, headers={"Content-Type": kind + charset, "Cache-Control": cache_control}
        )


@cache
def files() -> StaticFiles:
    """The installed files, read once per process."""
    return StaticFiles()


def static_url(name: str) -> str:
    """The address of a static file for a template; KeyError if there is no such file."""
    return files().url(name)


async def serve_static(request: web.Request) -> web.StreamResponse:
    """`GET /static/{version}/{name}`. A former version's page gets today's file, uncached."""
    current = request.match_info["version"] == files().version
    return files().response(
        request.match_info["name"], cache_control=FOREVER if current else "no-store"
    )


async def serve_worker(request: web.Request) -> web.StreamResponse:
    """`GET /terminal-sw.js`: at the root, because a worker's scope is its own folder."""
    del request
    response = files().response(WORKER, cache_control="no-cache")
    response.headers["Service-Worker-Allowed"] = "/terminal"
    return response
