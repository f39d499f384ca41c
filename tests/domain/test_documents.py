"""What is taken for a document, what may be shown of it, and the words of every refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sync_classroom.domain import documents
from sync_classroom.domain.accounts import Role, User
from sync_classroom.domain.documents import (
    CONVERTED_WITHIN,
    MAX_BYTES,
    Document,
    PageSize,
    ShownPage,
    check_bytes,
    check_may_give,
    check_page,
    document_problem,
    kind_of,
    may_see,
    read_shown,
)
from sync_classroom.domain.ids import DocumentId, OccurrenceId, SchoolId, TeacherId, UserId
from sync_classroom.domain.message_fields import Fields
from sync_classroom.domain.problems import ProblemError
from tests.support.coordination import roster
from tests.support.plans import at, lesson

GIVEN = Document(
    DocumentId("d-1"), OccurrenceId("o-1"), "课件.pdf", "0" * 64, 9, at("08:00"), "admin"
)
READY = replace(GIVEN, pages=(PageSize(2560, 1440),) * 3)


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.pdf", b"%PDF-1.7", "pdf"),
        ("a.pptx", b"%PDF-1.7", "pdf"),  # what it is counts, not what it is called
        ("图.PNG", b"\x89PNG\r\n\x1a\n", "image"),
        ("图.jpg", b"\xff\xd8\xff\xe0", "image"),
        ("课.PPTX", b"PK\x03\x04", "office"),
        ("旧.ppt", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office"),
        ("教案.docx", b"PK\x03\x04", "office"),
    ],
)
def test_a_document_is_known_by_its_content(name: str, head: bytes, kind: str) -> None:
    assert kind_of(name, head) == kind


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.zip", b"PK\x03\x04"), ("a.pptx", b"MZ"), ("a.html", b"<html>"), ("", b""),
        ("a.mp4", b"\0\0\0\x18ftypisom"), ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_name(name: str, head: bytes) -> None:
    with pytest.raises(ProblemError) as refused:
        kind_of(name, head)
    assert (refused.value.code, refused.value.value) == ("document_type", name or None)


@pytest.mark.parametrize(
    ("size", "code"), [(0, "document_empty"), (MAX_BYTES + 1, "document_too_large")]
)
def test_a_file_without_bytes_or_with_too_many_is_refused(size: int, code: str) -> None:
    check_bytes(1)
    check_bytes(MAX_BYTES)
    with pytest.raises(ProblemError) as refused:
        check_bytes(size)
    assert refused.value.code == code


def test_only_pages_that_are_there_are_shown() -> None:
    check_page(READY, 1)
    check_page(READY, 3)
    for document, page, code in (
        (READY, 0, "page_range"), (READY, 4, "page_range"), (GIVEN, 1, "document_not_ready"),
    ):  # fmt: skip
        with pytest.raises(ProblemError) as refused:
            check_page(document, page)
        assert refused.value.code == code


def test_what_was_cut_off_while_it_was_converted_says_so() -> None:
    late = GIVEN.at + CONVERTED_WITHIN + timedelta(seconds=1)
    assert GIVEN.problem(GIVEN.at + CONVERTED_WITHIN) is None
    interrupted = GIVEN.problem(late)
    assert interrupted is not None
    assert interrupted.code == "document_interrupted"
    assert READY.problem(late) is None
    refused = replace(GIVEN, refused=("document_pages", "512")).problem(GIVEN.at)
    assert refused is not None
    assert "512" in refused.zh
    assert "512" in refused.en


def test_who_gives_and_who_sees() -> None:
    planned = lesson("o-1", "09:00", "09:40", seats=("far-1-r1",))

    def person(role: Role, school: str = "", teacher: str = "") -> User:
        return User(
            UserId("u"), "u", "U", role, "hash", "zh",
            SchoolId(school) if school else None, TeacherId(teacher) if teacher else None,
        )  # fmt: skip

    known = roster()
    for someone, gives, sees in (
        (person(Role.ADMIN), True, True),
        (person(Role.REVIEWER), False, True),
        (person(Role.OPERATOR), False, False),
        (person(Role.TEACHER, "host-1", planned.host.teacher), True, True),
        (person(Role.TEACHER, "host-1", "host-1-t2"), False, True),
        (person(Role.TEACHER, "far-1", "far-1-t1"), False, True),
        (person(Role.TEACHER, "far-2", "far-2-t1"), False, False),
        (person(Role.TEACHER), False, False),
    ):
        assert may_see(someone, planned, known) is sees, someone
        if gives:
            check_may_give(someone, planned)
        else:
            with pytest.raises(ProblemError, match="Only administrators"):
                check_may_give(someone, planned)


def test_every_refusal_names_a_remedy_in_both_languages() -> None:
    for code in documents._SENTENCES:
        problem = document_problem(code, "7")
        assert "请" in problem.zh, code
        assert "{" not in problem.zh + problem.en, code


def test_a_page_is_named_wholly_or_not_at_all() -> None:
    def read(document: object, page: object) -> ShownPage | None:
        return read_shown(Fields({"document": document, "page": page}, "message"))

    assert read("d-1", 3) == ShownPage(DocumentId("d-1"), 3)
    assert read(None, None) is None
    for document, page in (("d-1", None), (None, 1), ("d-1", 1.5), ("d-1", 999), ("../x", 1)):
        with pytest.raises(ValueError, match="must be"):
            read(document, page)
