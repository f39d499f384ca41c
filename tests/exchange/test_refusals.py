from __future__ import annotations

import re

import pytest

from sync_classroom.domain.problems import ProblemKind
from sync_classroom.exchange.refusals import codes, refusal


@pytest.mark.parametrize("code", codes())
def test_every_refusal_has_two_sentences_and_a_remedy(code: str) -> None:
    problem = refusal(code, "x")
    assert (problem.code, problem.field, problem.value) == (code, "file", "x")
    assert problem.zh.endswith("。")
    assert "请" in problem.zh or "可以" in problem.zh
    assert problem.en.endswith(".")
    assert not re.search(r"[\u4e00-\u9fff]", problem.en)


def test_only_a_slow_file_may_be_tried_again() -> None:
    kinds = {code for code in codes() if refusal(code).kind is ProblemKind.TOO_MANY}
    assert kinds == {"file_slow"}
