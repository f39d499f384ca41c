from __future__ import annotations

import pytest

from sync_classroom.domain.problems import ProblemError
from sync_classroom.exchange.markup import MAX_ELEMENTS, attribute, child_text, parse_xml


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [("UTF-8", "utf-8"), ("GB2312", "gbk"), ("gbk", "gbk"), ("gb18030", "gb18030"),
     ("utf-16", "utf-16"), ("UTF-8", "utf-8-sig")],
)  # fmt: skip
def test_declared_encoding_is_followed(declared: str, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?>\n<t name="三（１）班"><n> 英语 </n></t>'
    root = parse_xml(text.encode(encoding))
    assert (attribute(root, "name"), child_text(root, "m", "n")) == ("三(1)班", "英语")


def test_windows_1251_of_older_programs_is_read() -> None:
    text = '<?xml version="1.0" encoding="windows-1251"?><t name="Класс"/>'
    assert attribute(parse_xml(text.encode("windows-1251")), "name") == "Класс"


def test_bare_doctype_is_nothing_bad() -> None:
    assert parse_xml(b"<!DOCTYPE FET><FET/>").tag == "FET"


def test_missing_values_are_empty() -> None:
    root = parse_xml(b"<t><n/></t>")
    assert (attribute(root, "x"), child_text(root, "n"), child_text(root, "m")) == ("", "", "")


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE t [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{n} "&a{n - 1};&a{n - 1};">' for n in range(1, 30)).replace("a0", "a")
    + "]><t>&a29;</t>"
)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (BOMB.encode(), "file_entities"),
        (b'<!DOCTYPE t [<!ENTITY a SYSTEM "/etc/passwd">]><t>&a;</t>', "file_entities"),
        (b'<!DOCTYPE t [<!ENTITY % a SYSTEM "http://127.0.0.1/x"> %a;]><t/>', "file_entities"),
        (b"<t><a></t>", "file_xml_damaged"),
        (b"<t", "file_xml_damaged"),
        (b"<?xml version='1.0'?>", "file_xml_damaged"),
        (b"<t>" * 200_000, "file_xml_damaged"),
        (b"<t>\x00</t>", "file_xml_damaged"),
        (b'<?xml version="1.0" encoding="utf-7-nonsense"?><t/>', "file_encoding"),
        (b'<?xml version="1.0" encoding="base64"?><t/>', "file_encoding"),
        (b'<?xml version="1.0" encoding="zlib"?><t/>', "file_encoding"),
        (b'<?xml version="1.0" encoding="bz2"?><t/>', "file_encoding"),
        (b'<?xml version="1.0" encoding="ascii"?><t a="\xff"/>', "file_encoding"),
        (b"<t>" + b"<a/>" * (MAX_ELEMENTS + 1) + b"</t>", "file_too_many_rows"),
    ],
)
def test_rubbish_and_bombs_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_xml(data)
    assert caught.value.code == code
