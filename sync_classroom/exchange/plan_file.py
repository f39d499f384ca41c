"""A `plan.json` read one occurrence at a time, alone, in a folder, or in a bundle.

The plan of a province is half a gigabyte and ten times that as Python objects. Here never more than
one occurrence and the roster are held. What is read, and what is refused, is as in
`domain.bundle.parse_plan`.
"""

from __future__ import annotations

import codecs
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final

from ..domain.bundle import parse_plan_roster, read_occurrences, read_pushes
from ..domain.fields import Fields, MalformedError, shown
from ..domain.problems import ProblemError
from ..domain.roster import Roster
from ..domain.roster_file import TABLES
from ..domain.timetable import Occurrence

PLAN_NAME: Final = "plan.json"
CHUNK_BYTES: Final = 1 << 18
# The largest single value: the classrooms of a country. A value that does not end is refused here,
# not when memory is used up.
MAX_VALUE_CHARS: Final = 1 << 28

# What an occurrence may refer to. Where it all stands before the occurrences, as we write it, the
# file is read once; else it is gone through for the roster first.
_HEAD: Final = frozenset({"schema", "timezone", "target_classrooms", *TABLES})
_BLANK: Final = re.compile(r"[ \t\n\r]*")
# As far before the end of what was read a value may be cut off: at most within `-Infinity`.
_CUT: Final = 10
_ENCRYPTED: Final = 1  # a zip member's general purpose bit 0

Opened = Callable[[], AbstractContextManager[IO[bytes]]]


class PlanFile:
    """A plan to be gone through, as often as needed. `roster` is read at once.

    `opened` opens the file anew. Raises MalformedError (a ValueError) naming record and field.
    """

    def __init__(self, opened: Opened, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._opened = opened
        self._chunk = chunk_bytes
        head: dict[str, Any] = {}
        with opened() as stream:
            text = _Text(stream, chunk_bytes)
            for key in text.members():
                if key != "occurrences":
                    head[key] = text.value()
                elif head.keys() >= _HEAD:
                    break
                else:
                    for _ in text.items(key):
                        pass
        self.roster: Roster = parse_plan_roster(head)

    def occurrences(self) -> Iterator[Occurrence]:
        """Every occurrence in the order of the file; what stands behind them is checked, too."""
        with self._opened() as stream:
            text = _Text(stream, self._chunk)
            for key in text.members():
                if key == "occurrences":
                    yield from read_occurrences(text.items(key), self.roster)
                elif key == "pushes":
                    for _ in read_pushes(text.items(key), self.roster):
                        pass
                else:
                    text.value()


def open_plan(path: Path) -> PlanFile:
    """The plan in a JSON file, in a folder with a `plan.json`, or in a bundle (zip).

    Raises ProblemError, here and while it is read, if there is none that can be read.
    """
    return PlanFile(lambda: _opened(path / PLAN_NAME if path.is_dir() else path))


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with ExitStack() as stack:
            if not zipfile.is_zipfile(path):
                yield stack.enter_context(path.open("rb"))
                return
            bundle = stack.enter_context(zipfile.ZipFile(path))
            if PLAN_NAME not in bundle.namelist():
                raise FileNotFoundError(f"no {PLAN_NAME} in it")
            if bundle.getinfo(PLAN_NAME).flag_bits & _ENCRYPTED:
                raise PermissionError("encrypted")
            yield stack.enter_context(bundle.open(PLAN_NAME))
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ProblemError:
    return ProblemError(
        "plan_unreadable",
        f"{path} 中没有可读的课程计划（{PLAN_NAME}）：{error}。请检查路径。",
        f"There is no readable plan ({PLAN_NAME}) at {path}: {error}. Check the path.",
        field="plan",
        value=str(path),
    )


class _Text:
    """JSON text read in pieces: the members of one object, and the items of its lists."""

    def __init__(self, stream: IO[bytes], chunk_bytes: int) -> None:
        self._stream = stream
        self._chunk = chunk_bytes
        # A byte order mark is no part of JSON, and Windows programs write it all the same.
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")()
        self._decode = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self._line = 1
        self._ended = False

    def members(self) -> Iterator[str]:
        """The keys of the object the text is; the value of each must be read before the next."""
        if self._peek() != "{":
            Fields(self.value(), "plan")
            raise AssertionError("an object begins with a brace")
        self._at += 1
        seen: set[str] = set()
        if not self._closes("}"):
            while True:
                key = self.value() if self._peek() == '"' else None
                if key is None or self._peek() != ":":
                    raise self._broken()
                self._at += 1
                if key in seen:
                    raise MalformedError("plan", key, "写了两次", "is written twice", value=key)
                seen.add(key)
                yield key
                if self._ends("}"):
                    break
        if self._peek():
            raise self._broken()

    def items(self, field: str) -> Iterator[Any]:
        """The items of the list that comes next; null is an empty one."""
        if self._peek() != "[":
            yield from Fields({field: self.value()}, "plan").items(field)
            return
        self._at += 1
        if self._closes("]"):
            return
        while True:
            self._peek()
            yield self.value()
            if self._ends("]"):
                return

    def value(self) -> Any:
        """The value that comes next, whole."""
        self._peek()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos + _CUT >= len(self._text)
                if self._ended or not cut:
                    raise self._broken(error) from None
            except (RecursionError, ValueError) as error:
                # Too deep, or a number of more digits than Python reads.
                raise self._broken(error) from None
            else:
                # A number may go on behind what was read.
                if end < len(self._text) or self._ended:
                    self._at = end
                    return value
            # As much again as there is: a long value is tried a few times only.
            self._more(len(self._text) - self._at)

    def _closes(self, bracket: str) -> bool:
        if self._peek() != bracket:
            return False
        self._at += 1
        return True

    def _ends(self, bracket: str) -> bool:
        """Whether the object or list ends here; else a comma was passed over."""
        if self._closes(bracket):
            return True
        if self._peek() != ",":
            raise self._broken()
        self._at += 1
        return False

    def _peek(self) -> str:
        """The next character that is not blank, not taken; empty at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            assert blank is not None, "the pattern matches nothing, too"
            self._at = blank.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._more(0)

    def _more(self, least: int) -> None:
        """Read on; what was taken is let go."""
        if least > MAX_VALUE_CHARS:
            raise self._broken()
        data = self._stream.read(max(self._chunk, least))
        self._ended = not data
        try:
            more = self._utf8.decode(data, final=self._ended)
        except UnicodeDecodeError as error:
            raise self._broken(error) from None
        self._line += self._text.count("\n", 0, self._at)
        self._text, self._at = self._text[self._at :] + more, 0

    def _broken(self, error: Exception | None = None) -> MalformedError:
        at = error.pos if isinstance(error, json.JSONDecodeError) else self._at
        line = self._line + self._text.count("\n", 0, at)
        near = shown(self._text[at : at + 40])
        return MalformedError(
            f"plan, line {line}", None, f"不是 JSON：{near}", f"is not JSON: {near}", value=near
        )
