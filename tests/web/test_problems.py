"""Refusals in one shape."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from sync_classroom.domain.conflicts import Clash, ClashError, ResourceKind
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.problems import ProblemError, ProblemKind
from sync_classroom.web.api_lessons import LessonIn
from sync_classroom.web.api_people import SignIn
from sync_classroom.web.problems import (
    STATUS_OF,
    by_status,
    from_validation,
    problem_of,
    problem_response,
)
from tests.support.plans import at


def refusal(model: type[LessonIn] | type[SignIn], text: str) -> ProblemError:
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(text)
    return from_validation(caught.value)


def test_every_kind_has_its_status() -> None:
    assert set(STATUS_OF) == set(ProblemKind)
    assert len(set(STATUS_OF.values())) == len(ProblemKind)


def test_a_refusal_as_json() -> None:
    error = ProblemError(
        "x", "中", "en", kind=ProblemKind.TOO_MANY, field="f", value="v", retry_after_s=7
    )
    response = problem_response(error)
    assert response.status == 429
    assert response.content_type == "application/problem+json"
    assert response.headers["Retry-After"] == "7"
    assert response.text is not None
    assert json.loads(response.text) == {
        "code": "x",
        "zh": "中",
        "en": "en",
        "field": "f",
        "value": "v",
        "clashes": None,
    }


def test_clashes_are_listed() -> None:
    clash = Clash(
        ResourceKind.CLASSROOM,
        "far-1-r1",
        (OccurrenceId("a"), OccurrenceId("b")),
        at("09:30"),
        at("09:40"),
    )
    problem = problem_of(ClashError((clash,)))
    assert problem.clashes is not None
    assert problem.clashes[0].model_dump() == {
        "kind": "classroom",
        "resource": "far-1-r1",
        "occurrences": ["a", "b"],
        "from_at": "2026-11-23T09:30:00+08:00",
        "to_at": "2026-11-23T09:40:00+08:00",
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (5, 5),
        (True, True),
        (float("nan"), None),
        ("x" * 500, "x" * 200),
        ("\ud800", "?"),
        (["a"], "['a']"),
    ],
)
def test_a_value_is_shown_short_and_as_json(value: object, shown: object) -> None:
    problem = problem_of(ProblemError("x", "中", "en", value=value))
    assert problem.value == shown
    json.dumps(problem.model_dump(), allow_nan=False).encode()


def test_an_input_is_refused_by_field_and_value() -> None:
    error = refusal(SignIn, '{"login": 5, "password": "x"}')
    assert (error.code, error.field, error.value) == ("invalid_input", "login", 5)
    error = refusal(SignIn, '{"login": "a"}')
    assert (error.field, error.value) == ("password", None)
    assert "缺少此字段" in error.zh
    error = refusal(SignIn, '{"login": "a", "password": 12345}')
    assert (error.field, error.value) == ("password", None), "a secret is not repeated"


@pytest.mark.parametrize("text", ["", "{", "[" * 10_000, '"\\ud800"', "{'a': 1}"])
def test_what_is_no_json_is_malformed(text: str) -> None:
    error = refusal(SignIn, text)
    assert error.code in {"malformed", "invalid_input"}
    assert error.value is None


@pytest.mark.parametrize("status", [400, 401, 404, 418, 500, 502, 503])
def test_every_status_has_its_sentences(status: int) -> None:
    problem = by_status(status)
    assert problem.zh
    assert problem.en
    assert (problem.code == "internal") is (status in (500, 502))
