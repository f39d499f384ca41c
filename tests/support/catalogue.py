"""What the pages say: every message in templates and page modules, read from their source."""

from __future__ import annotations

from pathlib import Path

from babel.messages.extract import extract_from_file

WEB = Path(__file__).parent.parent.parent / "sync_classroom" / "web"
# Functions that name a message in Python; `frame.t` is seen as `t`.
PYTHON_KEYWORDS: dict[str, None] = {"mark": None, "t": None}
TEMPLATE_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
# The terminal page speaks from its own script.
FOREIGN = frozenset({"terminal.html"})

Message = str | tuple[str, str]


def named(message: Message, context: str | None) -> Message:
    """A message as one of its context, which is another message without it; as in `.mo` files."""
    return message if context is None else f"{context}\x04{message}"


def messages() -> dict[Message, str]:
    """Every message with the place it was found first."""
    found: dict[Message, str] = {}
    for path in sorted((WEB / "templates").glob("*.html")):
        if path.name not in FOREIGN:
            _collect(found, path, "jinja2.ext:babel_extract", TEMPLATE_KEYWORDS)
    for path in sorted((WEB / "pages").glob("*.py")):
        _collect(found, path, "python", PYTHON_KEYWORDS)
    return found


def _collect(
    found: dict[Message, str], path: Path, method: str, keywords: dict[str, object]
) -> None:
    options = {"trimmed": "true", "encoding": "utf-8", "newstyle_gettext": "true"}
    for line, message, _, context in extract_from_file(method, path, keywords, (), options):
        key = tuple(message) if isinstance(message, (tuple, list)) else message
        if key:
            found.setdefault(named(key, context), f"{path.relative_to(WEB)}:{line}")
