"""What the server refuses, in its own words or by its number."""

from __future__ import annotations

import pytest

from sync_classroom.simulator.answers import RequestRefusedError


@pytest.mark.parametrize(
    ("answer", "zh", "en"),
    [
        ('{"code": "x", "zh": "不行", "en": "no"}', "不行", "no"),
        ("<html>gateway</html>", "HTTP 502 <html>gateway</html>", "HTTP 502 <html>gateway</html>"),
        ("[1]", "HTTP 502 [1]", "HTTP 502 [1]"),
    ],
)
def test_a_refusal_is_told_in_both_languages(answer: str, zh: str, en: str) -> None:
    refused = RequestRefusedError(502, answer)
    assert (refused.status, refused.zh, refused.en, str(refused)) == (502, zh, en, en)
