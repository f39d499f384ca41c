"""Minutes of a research session: paragraphs with revisions, so that nobody overwrites anybody.

Whoever adds a paragraph is in nobody's way. Whoever changes one says which revision they saw: if
another is there by then, theirs is refused and shown beside it, and nothing is lost. A paragraph
that is emptied is taken out of the minutes; its revisions stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .ids import OccurrenceId
from .problems import ProblemError

MAX_PARAGRAPH: Final = 2000
#: A morning's minutes are some dozens of paragraphs.
MAX_PARAGRAPHS: Final = 200
MAX_REVISIONS: Final = 200


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph as it was written at `at`; `number` is its place, `revision` counts from 1."""

    session: OccurrenceId
    number: int
    revision: int
    text: str
    at: datetime
    by: str


def paragraph_text(text: str, *, empty: bool) -> str:
    """A paragraph without blanks around it; ProblemError if too long, or empty where it may not."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if len(lines) > MAX_PARAGRAPH or (not lines and not empty):
        raise ProblemError(
            "paragraph_invalid",
            f"一段纪要须为 1 到 {MAX_PARAGRAPH} 字，现在有 {len(lines)} 字。长的请分成几段。",
            f"A paragraph is 1 to {MAX_PARAGRAPH} characters and has {len(lines)}. Make several of"
            " a long one.",
            field="text",
            value=len(lines),
        )
    return lines


def shown(paragraphs: Iterable[Paragraph]) -> tuple[Paragraph, ...]:
    """Those that are not taken out, in order."""
    return tuple(sorted((p for p in paragraphs if p.text), key=lambda p: p.number))


def as_markdown(
    title: str,
    facts: Sequence[tuple[str, str]],
    paragraphs: Iterable[Paragraph],
    names: Mapping[str, str],
    sections: Sequence[tuple[str, Sequence[str]]] = (),
) -> str:
    """The minutes as a Markdown document: title, what is known of the session, paragraphs; then
    `sections`, each a heading and lines.

    Every paragraph stands as it was typed, but for signs that Markdown would read as its own.
    """
    lines = [f"# {_plain(title)}", ""]
    lines += [f"- **{_plain(name)}** {_plain(value)}" for name, value in facts]
    for paragraph in shown(paragraphs):
        text = "  \n".join(_plain(line) for line in paragraph.text.splitlines())
        author = _plain(names.get(paragraph.by, paragraph.by))
        lines += ["", text, "", f"<sub>{author}</sub>"]
    for heading, items in sections:
        lines += ["", f"## {_plain(heading)}", ""]
        lines += [f"- {_plain(item)}" for item in items]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text in which Markdown sees nothing of its own."""
    for sign in "\\`*_{}[]<>#|":
        text = text.replace(sign, "\\" + sign)
    head, dot, rest = text.partition(".")
    if dot and head.isascii() and head.isdigit():  # not a numbered list
        text = f"{head}\\.{rest}"
    return "\\" + text if text[:1] in "+-" else text
