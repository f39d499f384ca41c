"""The evidence bundle as a `.zip` or a folder: read with nothing but itself, hashes checked.

The facts of a year are gigabytes; they are read once, line by line, and hashed on the way.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, Final, Protocol, TypeVar

from ..domain.bundle import (
    FACTS,
    PLAN,
    RULES,
    SNAPSHOT,
    TERMINALS,
    parse_plan,
    parse_rules,
    read_facts,
    read_samples,
)
from ..domain.facts import Fact, fact_to_dict
from ..domain.fields import Fields, MalformedError, shown
from ..domain.problems import ProblemError
from ..domain.rules import DEFAULT, Rules
from ..domain.snapshot import Difference, Snapshot, parse_snapshot
from ..domain.terminal_journal import TerminalSample, sample_to_dict
from ..domain.timetable import Plan

T = TypeVar("T")

MANIFEST: Final = "manifest.json"
MANIFEST_SCHEMA: Final = "sync-classroom/manifest/1"

# Files that are read whole. A province's plan of a year is about a gigabyte; nothing honest is
# longer, and a bomb in a .zip ends here.
MAX_BYTES: Final[Mapping[str, int]] = {
    PLAN: 2 << 30,
    RULES: 1 << 20,
    SNAPSHOT: 512 << 20,
    MANIFEST: 1 << 20,
}
# The longest honest fact is a vouched credit with its reason, under 4 KiB.
MAX_LINE: Final = 64 << 10
_BLOCK: Final = 1 << 20


class _Place(Protocol):
    """Where the files are."""

    def open(self, name: str) -> IO[bytes] | None:
        """The file, or None if there is none of this name."""
        ...


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str) -> IO[bytes] | None:
        path = self._folder / name
        return path.open("rb") if path.is_file() else None

    def close(self) -> None:
        """Nothing is held open."""


class _Zip:
    """A .zip whose files lie at its top, or all in one folder, as some programs pack them."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise _unreadable(path, error) from error
        plans = [n for n in self._zip.namelist() if n.split("/")[-1] == PLAN and n.count("/") <= 1]
        self._prefix = plans[0].removesuffix(PLAN) if len(plans) == 1 else ""

    def open(self, name: str) -> IO[bytes] | None:
        try:
            return self._zip.open(self._prefix + name)
        except KeyError:
            return None
        except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
            raise MalformedError(
                name, None, f"无法解压：{error}", f"cannot be unpacked: {error}"
            ) from error

    def close(self) -> None:
        self._zip.close()


class Bundle:
    """An open bundle. `plan`, `rules` and `snapshot` are read at once, `facts` when asked for.

    `hashes` holds the SHA-256 of every file read so far; `stated` those of the manifest, empty if
    there is none.
    """

    def __init__(self, place: _Place) -> None:
        self._place = place
        self.hashes: dict[str, str] = {}
        self.stated: Mapping[str, str] = {}
        manifest = self._whole(MANIFEST)
        if manifest is not None:
            self.stated = _parse_manifest(manifest)
        plan = self._whole(PLAN)
        if plan is None:
            raise MalformedError(
                PLAN,
                None,
                "不在证据包中。请选择含 plan.json 和 facts.ndjson 的压缩包或文件夹",
                "is not in the bundle; choose a .zip or folder with plan.json and facts.ndjson",
            )
        self.plan: Plan = parse_plan(plan)
        rules = self._whole(RULES)
        self.rules: Rules = DEFAULT if rules is None else parse_rules(rules)
        snapshot = self._whole(SNAPSHOT)
        self.snapshot: Snapshot | None = None if snapshot is None else parse_snapshot(snapshot)

    def facts(self) -> Iterator[Fact]:
        """Every fact in the order of the file; MalformedError names the line."""
        file = self._place.open(FACTS)
        if file is None:
            raise MalformedError(FACTS, None, "不在证据包中", "is not in the bundle")
        return self._lines(FACTS, file, read_facts)

    def samples(self) -> Iterator[TerminalSample] | None:
        """Every sample of terminals in the order of the file; None if the bundle has none."""
        file = self._place.open(TERMINALS)
        return None if file is None else self._lines(TERMINALS, file, read_samples)

    def _lines(
        self, name: str, file: IO[bytes], read: Callable[[Iterable[bytes]], Iterator[T]]
    ) -> Iterator[T]:
        digest = hashlib.sha256()
        with file:
            try:
                yield from read(_lines(file, digest))
            except (zipfile.BadZipFile, EOFError, OSError) as error:
                raise MalformedError(
                    name, None, f"中途损坏：{error}", f"is damaged: {error}"
                ) from error
            except MalformedError as error:
                raise error.within(name) from None
        self.hashes[name] = digest.hexdigest()

    def tampered(self) -> Iterator[Difference]:
        """Files that are not what the manifest or the snapshot says; ask when all was read."""
        for name, stated in sorted(self.stated.items()):
            found = self.hashes.get(name) or self._hash(name)
            if found != stated:
                yield Difference(f"sha256.{name}", stated, found)
        for name, stated in sorted((self.snapshot.sha256 if self.snapshot else {}).items()):
            found = self.hashes.get(name) or self._hash(name)
            if found != stated:
                yield Difference(f"snapshot.sha256.{name}", stated, found)

    def _whole(self, name: str) -> Any:
        file = self._place.open(name)
        if file is None:
            return None
        with file:
            try:
                data = file.read(MAX_BYTES[name] + 1)
            except (zipfile.BadZipFile, EOFError, OSError) as error:
                raise MalformedError(
                    name, None, f"损坏：{error}", f"is damaged: {error}"
                ) from error
        if len(data) > MAX_BYTES[name]:
            raise MalformedError(
                name,
                None,
                f"超过 {MAX_BYTES[name] >> 20} MiB，不予读取",
                f"is longer than {MAX_BYTES[name] >> 20} MiB and is not read",
            )
        self.hashes[name] = hashlib.sha256(data).hexdigest()
        try:
            return json.loads(data.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            where = shown(str(error))
            raise MalformedError(
                name, None, f"不是 JSON：{where}", f"is not JSON: {where}"
            ) from None

    def _hash(self, name: str) -> str | None:
        """The hash of a file nobody read; None if it is not there."""
        file = self._place.open(name)
        if file is None:
            return None
        digest = hashlib.sha256()
        with file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()


@contextmanager
def open_bundle(path: Path) -> Iterator[Bundle]:
    """Open a bundle; MalformedError or ProblemError `bundle_unreadable` if it is none."""
    with closing(_Folder(path) if path.is_dir() else _Zip(path)) as place:
        yield Bundle(place)


class BundleWriter:
    """Writes a bundle's `.zip` file by file, never holding all facts; `close` adds the manifest.

    The file appears under its name when it is whole: until then it is called `….part`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._zip = zipfile.ZipFile(self._part, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self._hashes: dict[str, str] = {}

    @property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 of every file written so far."""
        return dict(self._hashes)

    def whole(self, name: str, value: Mapping[str, Any]) -> None:
        """Write one of the JSON files."""
        data = json.dumps(value, ensure_ascii=False, indent=1).encode()
        self._hashes[name] = hashlib.sha256(data).hexdigest()
        self._zip.writestr(name, data)

    @contextmanager
    def open_facts(self) -> Iterator[Callable[[Iterable[Fact]], int]]:
        """Write facts batch by batch: the function takes a batch and returns its length."""
        with self._open(FACTS) as add:
            yield lambda batch: add(map(fact_to_dict, batch))

    @contextmanager
    def open_terminals(self) -> Iterator[Callable[[Iterable[TerminalSample]], int]]:
        """Write terminals' samples batch by batch, those of a journal together."""
        with self._open(TERMINALS) as add:
            yield lambda batch: add(map(sample_to_dict, batch))

    @contextmanager
    def _open(self, name: str) -> Iterator[Callable[[Iterable[Mapping[str, Any]]], int]]:
        digest = hashlib.sha256()
        with self._zip.open(name, "w", force_zip64=True) as file:

            def add(batch: Iterable[Mapping[str, Any]]) -> int:
                lines = [json.dumps(f, ensure_ascii=False, separators=(",", ":")) for f in batch]
                data = "".join(f"{line}\n" for line in lines).encode()
                digest.update(data)
                file.write(data)
                return len(lines)

            yield add
        self._hashes[name] = digest.hexdigest()

    def close(self) -> None:
        """Write the manifest and give the file its name."""
        manifest = {"schema": MANIFEST_SCHEMA, "sha256": dict(sorted(self._hashes.items()))}
        self._zip.writestr(MANIFEST, json.dumps(manifest, indent=1))
        self._zip.close()
        self._part.replace(self._path)

    def discard(self) -> None:
        """Leave nothing behind."""
        self._zip.close()
        self._part.unlink(missing_ok=True)


def _parse_manifest(values: Any) -> Mapping[str, str]:
    """`{"schema", "sha256": {file: hex}}`."""
    root = Fields(values, "manifest")
    if root.values.get("schema") != MANIFEST_SCHEMA:
        raise root.wrong("schema", f" {MANIFEST_SCHEMA}", repr(MANIFEST_SCHEMA))
    hashes = Fields(root.values.get("sha256"), "manifest, sha256")
    return {str(name): hashes.text(name).lower() for name in hashes.values}


def _lines(file: IO[bytes], digest: Any) -> Iterator[bytes]:
    """The lines of a file, hashed block by block; one far beyond `MAX_LINE` ends the reading."""
    number, rest = 1, b""
    while block := file.read(_BLOCK):
        digest.update(block)
        *lines, rest = (rest + block).split(b"\n")
        number += len(lines)
        if len(rest) > MAX_LINE:
            raise MalformedError(
                f"line {number}",
                None,
                f"超过 {MAX_LINE} 字节",
                f"is longer than {MAX_LINE} bytes",
                value=rest[:80],
            )
        yield from lines
    if rest:
        yield rest


def _unreadable(path: Path, error: Exception) -> ProblemError:
    return ProblemError(
        "bundle_unreadable",
        f"无法读取证据包 {path.name}：{error}。请选择导出的 .zip，或解压后的文件夹。",
        f"The bundle {path.name} cannot be read: {error}. Choose the exported .zip, or the folder"
        " it was unpacked to.",
        field="bundle",
        value=path.name,
    )
