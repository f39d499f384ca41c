from __future__ import annotations

from dataclasses import replace

import pytest

from sync_classroom.domain.ids import TeacherId
from sync_classroom.domain.roster import Roster
from sync_classroom.exchange import names
from sync_classroom.exchange.names import Match, NameBook, bare
from tests.support.rosters import programme


def _named(name: str) -> Roster:
    roster = programme()
    first = TeacherId("host-1-t1")
    teachers = dict(roster.teachers)
    teachers[first] = replace(teachers[first], name=name)
    return replace(roster, teachers=teachers)


def test_id_is_taken_whatever_its_case() -> None:
    assert NameBook(programme()).find("classroom", " Host-1-R1 ") == Match("host-1-r1")


def test_name_without_spaces_and_signs_is_the_same_name() -> None:
    assert bare("学校 remote-1 １号（直播）教室") == bare("学校remote1 1号直播教室")
    assert NameBook(_named("王 小明")).find("teacher", "王小明") == Match("host-1-t1")


def test_name_several_have_is_ambiguous_until_the_school_is_known() -> None:
    book = NameBook(programme())
    assert len(book.find("teacher", "1老师").candidates) == 10
    assert book.find("teacher", "1老师", ("host-2",)) == Match("host-2-t1")
    assert book.find("teacher", "学校 host-2 1老师") == Match("host-2-t1")
    assert book.find("teacher", "1老师(学校host-2)") == Match("host-2-t1")


def test_name_nobody_has_gets_the_nearest_and_is_never_taken() -> None:
    match = NameBook(_named("王小明")).find("teacher", "王小朋")
    assert (match.ident, match.near) == (None, ("host-1-t1",))
    assert NameBook(programme()).find("term", "没有").near == ()


def test_answer_of_a_person_comes_first() -> None:
    book = NameBook(programme(), {("classroom", "多媒体 教室"): "host-1-r2"})
    assert book.find("classroom", "多媒体教室") == Match("host-1-r2")


def test_label_says_school_name_and_id() -> None:
    book = NameBook(programme())
    assert book.label("classroom", "host-1-r1") == "学校 host-1 1号直播教室 (host-1-r1)"
    assert book.label("school", "host-1") == "学校 host-1 (host-1)"
    assert book.school_of("class", "remote-1-c1") == "remote-1"


def test_comparing_ends_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_COMPARED", 2)
    book = NameBook(_named("王小明"))
    assert [book.find("teacher", f"王小{c}").near for c in "朋月日"] == [
        ("host-1-t1",),
        ("host-1-t1",),
        (),
    ]


def test_empty_and_endless_names_are_nobody() -> None:
    book = NameBook(programme())
    assert book.find("teacher", "") == book.find("teacher", "()") == Match(None)
    assert book.find("teacher", "王" * 100_000) == Match(None)
