"""Two languages: Chinese is what the source says, English comes from `locale/en.po`.

The catalogue is read once at start. A message without translation is shown in Chinese, which is
ugly but true; a test keeps the catalogue complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.pofile import read_po

LANGUAGES: Final = ("zh", "en")
DEFAULT_LANGUAGE: Final = "zh"
CATALOGUE: Final = Path(__file__).parent / "locale" / "en.po"
# What the `lang` attribute and the date wording of each language are called.
HTML_LANG: Final = {"zh": "zh-CN", "en": "en"}


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language. `single` maps a message to its text, `plural` to (one, many), `inside` a
    context and a message to its text there."""

    code: str
    single: Mapping[str, str]
    plural: Mapping[str, tuple[str, str]]
    inside: Mapping[tuple[str, str], str]

    @property
    def html_lang(self) -> str:
        """The value of the page's `lang` attribute."""
        return HTML_LANG[self.code]

    def gettext(self, message: str) -> str:
        """`message` (Chinese) in this language."""
        return self.single.get(message, message)

    def pgettext(self, context: str, message: str) -> str:
        """`message` where it stands in `context`: Chinese says one and many the same way, and a
        tab is headed by many where a column is headed by one."""
        return self.inside.get((context, message), message)

    def ngettext(self, message: str, plural: str, n: int) -> str:
        """`message` for a count of `n`; Chinese says both the same way."""
        forms = self.plural.get(message)
        if forms is None:
            return message if n == 1 else plural
        return forms[0] if n == 1 else forms[1]

    def pick(self, zh: str, en: str) -> str:
        """Whichever of two ready sentences is in this language (errors carry both)."""
        return zh if self.code == "zh" else en


def mark(message: str) -> str:
    """Name a message for the catalogue without translating it yet."""
    return message


@cache
def tongue(code: str) -> Tongue:
    """The language called `code`; anything unknown is Chinese."""
    if code != "en":
        return Tongue(DEFAULT_LANGUAGE, {}, {}, {})
    with CATALOGUE.open("rb") as source:
        catalogue = read_po(source, locale="en", abort_invalid=True)
    single: dict[str, str] = {}
    plural: dict[str, tuple[str, str]] = {}
    inside: dict[tuple[str, str], str] = {}
    for message in catalogue:
        if not message.id:
            continue  # the header
        key, text = message.id, message.string
        if isinstance(key, str) and isinstance(text, str) and text:
            if message.context is None:
                single[key] = text
            else:
                inside[message.context, key] = text
        elif not isinstance(key, str) and isinstance(text, (tuple, list)) and all(text):
            plural[key[0]] = (text[0], text[1])
    return Tongue("en", single, plural, inside)


def negotiate(*, cookie: str | None, user: str | None, accept: str) -> str:
    """The language of a page: the account's, else what was chosen in this browser, else its own.

    `accept` is the Accept-Language header; whoever asks for neither gets Chinese.
    """
    for choice in (user, cookie):
        if choice in LANGUAGES:
            return choice
    wanted: list[tuple[float, str]] = []
    for item in accept.split(",")[:8]:
        tag, _, rest = item.strip().partition(";")
        try:
            weight = float(rest.partition("q=")[2] or 1)
        except ValueError:
            continue
        code = tag.strip().lower().partition("-")[0]
        if code in LANGUAGES:
            wanted.append((weight, code))
    # max() keeps the first of equal weights, which is the order the browser prefers.
    return max(wanted, key=lambda w: w[0])[1] if wanted else DEFAULT_LANGUAGE
