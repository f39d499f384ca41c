"""XML of other programs: decoded by what it declares, without entities, bounded in size."""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from .refusals import refusal
from .tables import plain
from .texts import decode

MAX_ELEMENTS: Final = 200_000  # the largest school seen has 9000 cards
MAX_VALUE: Final = 2000
_DECLARATION: Final = re.compile(r"\s*<\?xml[^>]{0,200}\?>")
_ENCODING: Final = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")


def parse_xml(data: bytes) -> Element:
    """The root element; ProblemError for what is damaged, endless or clever."""
    text = _DECLARATION.sub("", _text(data), count=1)
    try:
        # A bare DOCTYPE stands in every older FET file; entities stand in none.
        root = defusedxml.ElementTree.fromstring(
            text.encode("utf-8", "replace"),
            forbid_dtd=False,
            forbid_entities=True,
            forbid_external=True,
        )
    except DefusedXmlException:
        raise refusal("file_entities") from None
    except (ParseError, ValueError, RecursionError):
        raise refusal("file_xml_damaged") from None
    for n, _ in enumerate(root.iter()):
        if n > MAX_ELEMENTS:
            raise refusal("file_too_many_rows")
    return root


def _text(data: bytes) -> str:
    if declared := _ENCODING.search(data[:400]):
        name = declared[1].decode("ascii").lower()
        # GB2312 is what programs write who mean all that Windows can type.
        name = "gb18030" if name in ("gb2312", "gbk", "gb_2312-80") else name
        try:
            if not name.startswith("utf-16"):
                # Of `bytes`, not of `codecs`: it refuses what is no encoding of text, such as zlib.
                return data.decode(name).removeprefix("\ufeff")
        except (LookupError, ValueError):
            raise refusal("file_encoding") from None
    return decode(data).removeprefix("\ufeff")


def child_text(element: Element, *names: str) -> str:
    """The text of the first child of one of these names, tidy and bounded."""
    for name in names:
        if (found := element.findtext(name)) is not None and found.strip():
            return plain(found[:MAX_VALUE])
    return ""


def attribute(element: Element, name: str) -> str:
    """An attribute, tidy and bounded; "" if it is not there."""
    return plain(element.get(name, "")[:MAX_VALUE])
