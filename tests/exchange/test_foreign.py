from __future__ import annotations

import pytest

from sync_classroom.domain.import_rows import FileKind
from sync_classroom.domain.problems import ProblemError
from sync_classroom.exchange.foreign import read_foreign
from sync_classroom.exchange.markup import parse_xml
from tests.support.timetable_files import ASC, FET


def _asc(text: str) -> list[dict[str, str]]:
    foreign = read_foreign(parse_xml(text.encode()))
    assert foreign.kind is FileKind.ASC
    return [dict(r) for r in foreign.records]


def test_asc_double_lesson_with_a_card_for_each_period_is_one_lesson() -> None:
    rows = _asc(ASC)
    assert rows[0] == {
        "name": "L1", "subject": "英语", "teacher": "host-1-t1",
        "rooms": "host-1-r1、remote-1-r1、remote-2-r1",
        "classes": "host-1-c3、remote-1-c3、remote-2-c3",
        "weekday": "1", "period": "1", "span": "2", "weeks": "",
    }  # fmt: skip
    assert [(r["name"], r.get("weekday"), r.get("period"), r.get("weeks")) for r in rows[1:]] == [
        ("L1", "3", "1", "双"), ("L2", "2", "1", ""), ("L3", None, None, None),
    ]  # fmt: skip
    assert rows[2]["teacher"] == "王二"


@pytest.mark.parametrize(
    ("mask", "weeks"),
    [("1", ""), ("11", ""), ("10", "单"), ("01", "双"), ("0100", "2/4"), ("1010", "1/4 3/4"),
     ("00", ""), ("", "")],
)  # fmt: skip
def test_asc_week_masks_become_our_words(mask: str, weeks: str) -> None:
    text = ASC.replace('weeks="01"', f'weeks="{mask}"')
    assert [r["weeks"] for r in _asc(text) if r.get("weekday") == "3"] == [weeks]


@pytest.mark.parametrize(("options", "day"), [("daynumbering1", "3"), ("", "4")])
def test_asc_of_2008_numbers_its_days(options: str, day: str) -> None:
    text = (
        f'<timetable options="{options}"><subjects><subject id="*1" name="数学"/></subjects>'
        '<lessons><lesson id="*1" subjectid="*1" teacherid="*7" classids="*2"/></lessons>'
        '<cards><card lessonid="*1" day="3" period="4" classroomid="R"/></cards></timetable>'
    )
    assert _asc(text) == [
        {"name": "1", "subject": "数学", "teacher": "*7", "rooms": "R", "classes": "*2",
         "weekday": day, "period": "4", "span": "1", "weeks": ""}
    ]  # fmt: skip


def test_asc_cards_that_point_nowhere_are_passed_over() -> None:
    text = ASC.replace('card lessonid="L1"', 'card lessonid="L0"')
    assert [r.get("weekday") for r in _asc(text)] == ["2", None, None]


def test_fet_places_come_from_its_constraints() -> None:
    foreign = read_foreign(parse_xml(FET.encode()))
    assert foreign.kind is FileKind.FET
    assert [dict(r) for r in foreign.records] == [
        {"name": "7", "subject": "英语", "teacher": "host-1-t1",
         "classes": "host-1-c3、remote-1-c3",
         "rooms": "host-1-r1、remote-1-r1", "span": "1", "weekday": "1", "period": "2"},
        {"name": "8", "subject": "英语", "teacher": "host-1-t1",
         "classes": "host-1-c3",
         "rooms": "host-1-r1", "span": "2", "weekday": "2", "period": "1"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<Activities_Timetable><Activity/></Activities_Timetable>", "file_fet_places"),
        ("<timetable/>", "file_xml_unknown"),
        ("<html><body/></html>", "file_xml_unknown"),
    ],
)
def test_other_xml_is_refused(text: str, code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read_foreign(parse_xml(text.encode()))
    assert caught.value.code == code
