"""The folder `documents` in that of the library.

    incoming/NAME        a file on its way, or while it is converted
    making/NAME/         pages that are being made
    pages/SHA256-1/      pages of the file with this SHA-256, and `pages.json`, their sizes

Everything here waits for the disk and is called in threads. Pages are found again by what the file
was, whichever lesson it is given to; what no lesson has any more is swept away.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

from ..domain.documents import SIZES, PageSize, page_file

#: The last part of a folder's name: another way of making pages makes them anew.
FORMAT: Final = 1
#: What nobody refers to is deleted once it is this old: what is younger may be about to be.
ORPHAN_S: Final = 86400
_SIZES_FILE: Final = "pages.json"


class PageFolder:
    """The pages' part of a library's folder."""

    def __init__(self, library: Path) -> None:
        root = self.root = library / "documents"
        self._incoming = root / "incoming"
        self._making = root / "making"
        self._pages = root / "pages"

    def open(self) -> None:
        """Make the folders. Raises OSError."""
        for folder in (self._incoming, self._making, self._pages):
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)

    @property
    def free_bytes(self) -> int:
        """What is left on the disk."""
        return shutil.disk_usage(self.root).free

    def incoming(self, suffix: str) -> Path:
        """Where a new file may be written."""
        return self._incoming / f"{secrets.token_hex(16)}{suffix}"

    def making(self) -> Path:
        """Where a folder for pages may be made."""
        return self._making / secrets.token_hex(16)

    def keep(self, folder: Path, sha256: str, pages: Collection[PageSize]) -> None:
        """Give finished pages their place; if others were faster, theirs stay."""
        sizes = [[p.width, p.height] for p in pages]
        wanted = {page_file(n, size) for n in range(1, len(sizes) + 1) for size in SIZES}
        for path in folder.iterdir():
            if path.name not in wanted:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        (folder / _SIZES_FILE).write_text(json.dumps(sizes), "utf-8")
        try:
            folder.rename(self._home(sha256))
        except OSError:
            if self.known(sha256) is None:
                raise
            self.discard(folder)

    def known(self, sha256: str) -> tuple[PageSize, ...] | None:
        """The pages of a file that were made before; they count as used now."""
        home = self._home(sha256)
        try:
            sizes = json.loads((home / _SIZES_FILE).read_text("utf-8"))
            os.utime(home)
        except (FileNotFoundError, ValueError):
            return None
        return tuple(PageSize(width, height) for width, height in sizes)

    def discard(self, path: Path) -> None:
        """Leave nothing of a file or folder."""
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def picture(self, sha256: str, number: int, size: str) -> Path:
        """Where a page's picture is."""
        return self._home(sha256) / page_file(number, size)

    def sweep(self, hashes: Collection[str]) -> int:
        """Delete pages of files that are none of `hashes`, and what was left half done, once they
        are old enough; how many."""
        known = {self._home(sha256).name for sha256 in hashes}
        gone = 0
        for folder in (self._incoming, self._making, self._pages):
            for path in folder.iterdir() if folder.is_dir() else ():
                with contextlib.suppress(FileNotFoundError):
                    old = time.time() - path.stat().st_mtime > ORPHAN_S
                    if old and (folder is not self._pages or path.name not in known):
                        self.discard(path)
                        gone += 1
        return gone

    def _home(self, sha256: str) -> Path:
        return self._pages / f"{sha256}-{FORMAT}"
