"""The library's folder: uploads that grow piece by piece, and the files of resources.

    uploads/ID.part    what has arrived; its length is the upload's offset
    uploads/ID.json    what was announced: whose it is, its name and its size
    files/NAME         a file of a resource, never changed

Everything here waits for the disk and is called in threads. A process may be killed at any moment:
what was acknowledged is on the disk, and what nobody refers to is swept away.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ..domain.ids import UserId
from ..domain.library import HEAD_BYTES
from . import library_problems as problems

#: An upload that nobody went on with for so long is given up.
UPLOAD_KEPT_S: Final = 7 * 86400
#: Files that no resource names are deleted once they are this old: younger ones may be about to be.
ORPHAN_S: Final = 86400
MAX_OPEN: Final = 20
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way. `offset` bytes of `size` are here."""

    id: str
    by: UserId
    name: str
    size: int
    offset: int = 0

    @property
    def complete(self) -> bool:
        """Whether all of it is here."""
        return self.offset == self.size


class Shelf:
    """One folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._uploads = root / "uploads"
        self._files = root / "files"

    def open(self) -> None:
        """Make the folders. Raises OSError."""
        for folder in (self._uploads, self._files):
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)

    @property
    def free_bytes(self) -> int:
        """What is left on the disk."""
        return shutil.disk_usage(self.root).free

    # ------------------------------------------------------------------ uploads

    def begin(self, by: UserId, name: str, size: int) -> Upload:
        """Announce an upload of `size` bytes. ProblemError `uploads_open` beyond MAX_OPEN."""
        if sum(u.by == by for u in self.uploads()) >= MAX_OPEN:
            raise problems.too_many_uploads(MAX_OPEN)
        upload = Upload(secrets.token_hex(_ID_BYTES), by, name, size)
        (self._uploads / f"{upload.id}.part").touch(mode=0o640)
        announced = asdict(upload)
        del announced["offset"]
        path = self._uploads / f"{upload.id}.json"
        partial = path.with_suffix(".new")
        partial.write_text(json.dumps(announced, ensure_ascii=False), "utf-8")
        partial.replace(path)
        return upload

    def upload(self, ident: str, by: UserId) -> Upload:
        """How far an upload of this person is; ProblemError `upload_unknown`."""
        if len(ident) != 2 * _ID_BYTES or not set(ident) <= set("0123456789abcdef"):
            raise problems.upload_unknown(ident)
        try:
            found = self._read(self._uploads / f"{ident}.json")
        except (OSError, ValueError, TypeError) as error:
            raise problems.upload_unknown(ident) from error
        if found.by != by:
            raise problems.upload_unknown(ident)
        return found

    def uploads(self) -> Iterator[Upload]:
        """Every upload on its way, of whomever; those nobody went on with are given up first."""
        for path in sorted(self._uploads.glob("*.json")):
            with contextlib.suppress(OSError, ValueError, TypeError):
                touched = path.with_suffix(".part").stat().st_mtime
                if time.time() - touched > UPLOAD_KEPT_S:
                    self.cancel(path.stem)
                else:
                    yield self._read(path)

    @contextlib.contextmanager
    def appending(self, upload: Upload, offset: int) -> Iterator[Appending]:
        """Go on with an upload from `offset`.

        ProblemError `upload_busy` while another connection does, `upload_offset` if that is not
        where it stands.
        """
        path = self._uploads / f"{upload.id}.part"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise problems.upload_unknown(upload.id) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise problems.upload_busy(upload.id) from error
            here = os.fstat(descriptor).st_size
            if here != offset:
                raise problems.wrong_offset(offset, here)
            yield Appending(descriptor, here, upload.size)
        finally:
            os.close(descriptor)

    def cancel(self, ident: str) -> None:
        """Forget an upload and what arrived of it."""
        for suffix in (".json", ".part"):
            (self._uploads / f"{ident}{suffix}").unlink(missing_ok=True)

    def part(self, upload: Upload) -> Path:
        """Where an upload's bytes are."""
        return self._uploads / f"{upload.id}.part"

    def _read(self, path: Path) -> Upload:
        announced = json.loads(path.read_text("utf-8"))
        return Upload(**announced, offset=path.with_suffix(".part").stat().st_size)

    # ------------------------------------------------------------------ files

    def new_name(self, suffix: str) -> str:
        """A name for a file, which nobody can guess and nothing has."""
        return f"{secrets.token_hex(_ID_BYTES)}{suffix}"

    def path(self, name: str) -> Path:
        """Where a file is. ValueError for a name that leads elsewhere."""
        if Path(name).name != name or name in ("", ".", ".."):
            raise ValueError(f"{name[:40]!r} is no name of a file here")
        return self._files / name

    def keep(self, part: Path, name: str) -> None:
        """Give a whole file its place; what it was made of stays until `cancel`."""
        os.link(part, self.path(name))
        descriptor = os.open(self._files, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, names: Collection[str]) -> None:
        """Delete files."""
        for name in names:
            self.path(name).unlink(missing_ok=True)

    def sweep(self, known: Collection[str]) -> int:
        """Delete files that none of `known` names and that are old enough; how many."""
        gone = 0
        for path in self._files.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.name not in known and time.time() - path.stat().st_mtime > ORPHAN_S:
                    path.unlink()
                    gone += 1
        return gone


class Appending:
    """An upload that is being written to; nobody else is."""

    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        self._descriptor = descriptor
        self.offset = offset
        self.size = size

    def write(self, data: bytes) -> None:
        """Append; what the disk refuses half-way is taken back: ProblemError `upload_disk`."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            os.ftruncate(self._descriptor, self.offset)
            raise problems.disk(str(error.strerror)) from error
        self.offset += len(data)

    def settle(self) -> None:
        """Have on the disk what will be acknowledged."""
        os.fdatasync(self._descriptor)


def head_of(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
