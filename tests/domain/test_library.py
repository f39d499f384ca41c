"""What a file is by its bytes, what is let in, and who may change it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.accounts import Role, User
from sync_classroom.domain.ids import ResourceId, UserId
from sync_classroom.domain.library import (
    MAX_NAME,
    TYPES,
    Details,
    Limits,
    Resource,
    Version,
    check_details,
    check_marks,
    check_may_change,
    check_size,
    check_type,
    clean_name,
    matches,
    media_type_of,
    suffix_of,
)
from sync_classroom.domain.problems import ProblemError
from tests.support.plans import at

LIMITS = Limits(1000, 3000, 500)
HEADS = {
    "video/mp4": b"\0\0\0\x18ftypisom\0\0\2\0",
    "video/webm": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm\x42\x87",
    "audio/mp4": b"\0\0\0\x18ftypM4A \0\0\2\0",
    "audio/mpeg": b"ID3\x04",
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/webp": b"RIFF\0\0\0\0WEBPVP8 ",
    "application/pdf": b"%PDF-1.7",
}
VERSION = Version(1, "f.mp4", "课.mp4", "video/mp4", 10, "00", at("09:00"), "wang")
RESOURCE = Resource(
    ResourceId("r-1"), Details("古诗 三首", "语文", 3), at("09:00"), "wang", (VERSION,)
)


def user(role: Role, login: str = "wang") -> User:
    return User(UserId(login), login, login, role, "")


@pytest.mark.parametrize("media_type", TYPES)
def test_every_type_is_known_by_its_bytes_and_by_all_its_suffixes(media_type: str) -> None:
    assert media_type_of(HEADS[media_type]) == media_type
    for suffix in TYPES[media_type].suffixes:
        assert check_type(f"课件{suffix.upper()}", HEADS[media_type]).media_type == media_type


@pytest.mark.parametrize(
    "head",
    [
        b"", b"<!doctype html><script>", b"<svg xmlns=", b"PK\x03\x04", b"MZ\x90", b"#!/bin/sh",
        b"\x7fELF", b"\0\0\0\x18ftypheic", b"\0\0\0\x14ftypqt  ", b"RIFF\0\0\0\0WAVE",
        b"\x1a\x45\xdf\xa3\x42\x82\x88matroska", b"GIF89a", b" %PDF-1.4",
    ],
)  # fmt: skip
def test_what_a_classroom_cannot_show_is_refused_whatever_it_is_called(head: bytes) -> None:
    assert media_type_of(head) is None
    with pytest.raises(ProblemError, match="PDF") as refused:
        check_type("课件.mp4", head)
    assert (refused.value.code, refused.value.value) == ("file_type", "课件.mp4")


def test_a_name_that_says_something_else_is_refused_and_told_what_it_is() -> None:
    for name in ("课件.pdf", "课件", ".mp4", "课件.mp4.exe"):
        with pytest.raises(ProblemError, match="video/mp4") as refused:
            check_type(name, HEADS["video/mp4"])
        assert refused.value.code == "file_type_differs"


@given(st.binary(max_size=200))
def test_no_bytes_make_the_judge_fail(head: bytes) -> None:
    assert media_type_of(head) in {None, *TYPES}


@given(st.text(max_size=400))
def test_a_name_is_one_part_printable_and_bounded(text: str) -> None:
    name = clean_name(text)
    assert len(name) <= MAX_NAME
    assert "/" not in name
    assert "\\" not in name
    assert all(c.isprintable() for c in name)
    assert clean_name(name) == name


def test_a_long_name_keeps_its_suffix() -> None:
    assert clean_name("C:\\课\\" + "长" * 300 + ".MP4") == "长" * (MAX_NAME - 4) + ".MP4"
    assert suffix_of("a.b.PDF") == ".pdf"
    assert suffix_of("无") == suffix_of(".pdf") == ""


def test_a_size_is_let_in_up_to_each_limit_and_not_beyond() -> None:
    check_size(1000, LIMITS, used_bytes=2000, free_bytes=1500)
    check_size(1000, replace(LIMITS, total_bytes=0), used_bytes=10**12, free_bytes=1500)
    for size, used, free, code in (
        (0, 0, 9999, "file_empty"),
        (1001, 0, 9999, "file_too_large"),
        (1000, 2001, 9999, "library_full"),
        (1000, 2000, 1499, "library_disk_full"),
    ):
        with pytest.raises(ProblemError) as refused:
            check_size(size, LIMITS, used_bytes=used, free_bytes=free)
        assert (refused.value.code, refused.value.value) == (code, size)


@pytest.mark.parametrize(
    ("details", "field"),
    [
        (Details("  "), "title"),
        (Details("长" * 121), "title"),
        (Details("题", "科" * 41), "subject"),
        (Details("题", note="注" * 501), "note"),
        (Details("题", grade=0), "grade"),
        (Details("题", grade=13), "grade"),
    ],
)
def test_details_name_the_field_that_is_wrong(details: Details, field: str) -> None:
    with pytest.raises(ProblemError) as refused:
        check_details(details)
    assert refused.value.field == field


def test_marks_lie_in_order_within_the_recording() -> None:
    check_marks(0, 60.9, 60)
    for from_s, to_s in ((-1, 5), (5, 5), (6, 5), (0, 61.5), (float("nan"), 5), (0, float("nan"))):
        with pytest.raises(ProblemError) as refused:
            check_marks(from_s, to_s, 60)
        assert refused.value.code == "cut_marks"


def test_a_resource_is_found_by_every_word_and_property() -> None:
    def found(words: str = "", subject: str = "", grade: int | None = None, kind: str = "") -> bool:
        return matches(RESOURCE, words=words.split(), subject=subject, grade=grade, kind=kind)

    assert found()
    assert found("三首 古诗", "语文", 3, "video")
    assert found("课.MP4")
    assert not found("古诗 四首")
    assert not found(subject="数学")
    assert not found(grade=4)
    assert not found(kind="image")


def test_only_its_teacher_and_administrators_change_a_resource() -> None:
    check_may_change(user(Role.ADMIN, "li"), RESOURCE)
    check_may_change(user(Role.TEACHER), RESOURCE)
    for other in (user(Role.TEACHER, "li"), user(Role.REVIEWER), user(Role.OPERATOR)):
        with pytest.raises(ProblemError) as refused:
            check_may_change(other, RESOURCE)
        assert refused.value.code == "resource_forbidden"
    assert (RESOURCE.latest, RESOURCE.bytes, RESOURCE.latest.kind) == (VERSION, 10, "video")
