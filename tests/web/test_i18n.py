"""Chinese and English in step: nothing untranslated, nothing left over, placeholders kept."""

from __future__ import annotations

import re

import pytest
from babel.messages.pofile import read_po

from sync_classroom.web.i18n import CATALOGUE, mark, negotiate, tongue
from tests.support.catalogue import FOREIGN, WEB, messages, named

PLACEHOLDER = re.compile(r"%\((\w+)\)s")
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")

_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_TRANS = re.compile(r"\{% trans.*?%\}.*?\{% endtrans %\}", re.DOTALL)
_EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def _catalogue() -> dict[object, object]:
    with CATALOGUE.open("rb") as source:
        return {named(m.id, m.context): m.string for m in read_po(source, locale="en") if m.id}


def test_every_message_of_the_pages_has_its_english() -> None:
    english = _catalogue()
    missing = [f"{place}: {m}" for m, place in messages().items() if not english.get(m)]
    assert missing == []


def test_no_translation_is_left_over() -> None:
    assert set(_catalogue()) - set(messages()) == set()


def test_translations_keep_their_placeholders_and_are_english() -> None:
    for message, text in _catalogue().items():
        sources = message if isinstance(message, tuple) else (message,)
        texts = text if isinstance(text, tuple | list) else (text,)
        wanted = set(PLACEHOLDER.findall(str(sources[0])))
        for one in texts:
            assert set(PLACEHOLDER.findall(str(one))) == wanted, message
            assert not CHINESE.search(str(one)), one


def test_english_counts_are_plurals_not_brackets() -> None:
    texts = (
        t for text in _catalogue().values() for t in ((text,) if isinstance(text, str) else text)
    )  # type: ignore[union-attr]
    assert [t for t in texts if "(s)" in str(t)] == []


def test_templates_say_nothing_outside_of_messages() -> None:
    """Chinese text or punctuation between two expressions would stand on English pages too."""
    found = []
    for path in sorted((WEB / "templates").glob("*.html")):
        if path.name in FOREIGN:
            continue
        text = _TRANS.sub("", _COMMENT.sub("", path.read_text("utf-8")))
        bare = _EXPRESSION.sub("", text).replace('<span lang="zh-CN">中文</span>', "")
        found += [f"{path.name}: {c}" for c in CHINESE.findall(bare)]
    assert found == []


def test_the_extraction_sees_python_and_templates() -> None:
    found = messages()
    assert "请填写学科。" in found
    assert "跳到正文" in found
    assert ("%(n)s 节课", "%(n)s 节课") in found
    assert {"学校", "tab\x04学校"} <= set(found)


def test_english_counts_one_and_many() -> None:
    english = tongue("en")
    assert english.ngettext("%(n)s 节课", "%(n)s 节课", 1) == "%(n)s lesson"
    assert english.ngettext("%(n)s 节课", "%(n)s 节课", 2) == "%(n)s lessons"


def test_a_message_in_a_context_has_an_english_of_its_own() -> None:
    assert tongue("en").gettext("学校") == "School"
    assert tongue("en").pgettext("tab", "学校") == "Schools"
    assert tongue("en").pgettext("no context", "学校") == "学校"
    assert tongue("zh").pgettext("tab", "学校") == "学校"


def test_chinese_is_the_source_and_unknown_messages_stay() -> None:
    assert tongue("zh").gettext("登录") == "登录"
    assert tongue("en").gettext("登录") == "Sign in"
    assert tongue("en").gettext("没有翻译过") == "没有翻译过"
    assert tongue("fr").code == "zh"
    assert mark("登录") == "登录"
    assert tongue("en").pick("甲", "a") == "a"
    assert (tongue("zh").html_lang, tongue("en").html_lang) == ("zh-CN", "en")


@pytest.mark.parametrize(
    ("cookie", "user", "accept", "chosen"),
    [
        (None, None, "", "zh"),
        (None, None, "en-GB,en;q=0.9,zh;q=0.8", "en"),
        (None, None, "fr,zh-CN;q=0.5,en;q=0.4", "zh"),
        (None, None, "en;q=rubbish,zh", "zh"),
        ("en", None, "zh", "en"),
        ("rubbish", None, "en", "en"),
        ("en", "zh", "en", "zh"),
    ],
)
def test_the_account_decides_then_the_browser_choice_then_its_own_language(
    cookie: str | None, user: str | None, accept: str, chosen: str
) -> None:
    assert negotiate(cookie=cookie, user=user, accept=accept) == chosen
