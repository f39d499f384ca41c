"""The one error people see: a stable code, a sentence in both languages, the offending value."""

from __future__ import annotations

from enum import StrEnum


class ProblemKind(StrEnum):
    """What sort of answer it deserves at a border; the web maps these to HTTP status codes."""

    INVALID = "invalid"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    FORBIDDEN = "forbidden"
    UNAUTHENTICATED = "unauthenticated"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"


class ProblemError(Exception):
    """Something a person can put right. `zh` and `en` say what is wrong and what to do.

    `field` names the input it belongs to, `value` is what was given, `retry_after_s` is set when
    waiting helps.
    """

    def __init__(
        self,
        code: str,
        zh: str,
        en: str,
        *,
        kind: ProblemKind = ProblemKind.INVALID,
        field: str | None = None,
        value: object = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(en)
        self.code = code
        self.zh = zh
        self.en = en
        self.kind = kind
        self.field = field
        self.value = value
        self.retry_after_s = retry_after_s
