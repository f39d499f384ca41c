"""The relay's policies as its code has them: every named number, and the reason beside it.

A reason is the string below a constant, the `#:` or `#` comment above it, or the comment at the end
of its line. Constants that stand together above one string share it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

RELAY: Final = Path(__file__).parents[2] / "sync_classroom" / "relay"
#: Numbers that a protocol decided, not we: their names say which, their value is no policy.
WIRE: Final = {
    ("kernel", "VERSION"), ("fanout", "HEADER_LENGTH"),
    ("rtcp", "SR"), ("rtcp", "RR"), ("rtcp", "SDES"),
    ("rtcp", "BYE"), ("rtcp", "RTPFB"), ("rtcp", "PSFB"), ("rtp", "HEADER_LENGTH"),
    ("rtp", "ONE_BYTE_PROFILE"), ("forwarding", "VIDEO_CLOCK"), ("journal_files", "FILE_MODE"),
    ("stun", "HEADER_LENGTH"), ("stun", "MAGIC_COOKIE"), ("srtp", "OK"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Policy:
    """One or more constants of a module that share a reason, with their values."""

    module: str
    values: tuple[tuple[str, Any], ...]
    reason: str


def policies(folder: Path = RELAY) -> list[Policy]:
    """Every policy, module by module, in the order they are written."""
    return [policy for path in sorted(folder.glob("*.py")) for policy in _of_module(path)]


def _of_module(path: Path) -> Iterator[Policy]:
    text = path.read_text("utf-8")
    lines = text.splitlines()
    body = ast.parse(text).body
    module = import_module(f"sync_classroom.relay.{path.stem}") if _has_numbers(body) else None
    together: list[tuple[str, Any]] = []
    for node, after in zip(body, [*body[1:], None], strict=True):
        names = [name for name in _names(node) if (path.stem, name) not in WIRE]
        found = [(name, getattr(module, name)) for name in names]
        found = [(name, value) for name, value in found if _is_number(value)]
        if not found:
            if together:
                yield Policy(path.stem, tuple(together), "")
                together = []
            continue
        reason = _below(after) or _beside(lines, node)
        together += found
        if reason or not (after is not None and _names(after)):
            yield Policy(path.stem, tuple(together), reason)
            together = []


def _has_numbers(body: list[ast.stmt]) -> bool:
    return any(_names(node) for node in body)


def _names(node: ast.stmt) -> list[str]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        targets = [node.target]
    elif isinstance(node, ast.Assign):
        targets = node.targets
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in names if re.fullmatch(r"[A-Z][A-Z0-9_]*", name)]


def _is_number(value: object) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(map(_is_number, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _below(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        value = node.value.value
        return _flat(value) if isinstance(value, str) else ""
    return ""


def _beside(lines: list[str], node: ast.stmt) -> str:
    """The comment at the end of the line, else the block above."""
    assert node.end_lineno is not None
    _, mark, comment = lines[node.end_lineno - 1].partition("  # ")
    if mark and not comment.startswith(("noqa", "type:")):
        return _flat(comment.partition("  # noqa")[0])
    block: list[str] = []
    at = node.lineno - 2
    while at >= 0 and lines[at].startswith("#"):
        block.insert(0, lines[at].lstrip("#: "))
        at -= 1
    return _flat(" ".join(block))


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def table() -> str:
    """Every policy as Markdown: a heading for each module, a row for each reason."""
    lines: list[str] = []
    module = ""
    for policy in policies():
        if policy.module != module:
            module = policy.module
            doc = ast.get_docstring(ast.parse((RELAY / f"{module}.py").read_text("utf-8"))) or ""
            title = _flat(doc.partition("\n\n")[0]).rstrip(".")
            lines += ["", f"### `{module}.py`: {title}", "", "| constant | reason |", "|---|---|"]
        names = ", ".join(f"`{name}` = {_value(value)}" for name, value in policy.values)
        reason = policy.reason.replace("|", "\\|")
        lines.append(f"| {names} | {reason[:1].upper() + reason[1:]} |")
    return "\n".join(lines).strip() + "\n"


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_value, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
