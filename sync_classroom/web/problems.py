"""Every refusal as one JSON shape, and which HTTP status each sort of refusal deserves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..coordinator.draft_problems import DraftChangedError
from ..domain.conflicts import ClashError
from ..domain.problems import ProblemError, ProblemKind

MEDIA_TYPE: Final = "application/problem+json"  # RFC 9457 section 3

STATUS_OF: Final[Mapping[ProblemKind, int]] = {
    ProblemKind.INVALID: 422,
    ProblemKind.NOT_FOUND: 404,
    ProblemKind.CONFLICT: 409,
    ProblemKind.FORBIDDEN: 403,
    ProblemKind.UNAUTHENTICATED: 401,
    ProblemKind.TOO_MANY: 429,
    ProblemKind.UNAVAILABLE: 503,
}
# An offending value is shown to be recognised, not to be kept.
MAX_VALUE_CHARS: Final = 200


class ClashOut(BaseModel):
    """One resource that is already taken, and by which lessons."""

    kind: str
    resource: str
    occurrences: list[str] = Field(min_length=2, max_length=2)
    from_at: str
    to_at: str


class Problem(BaseModel):
    """What every refusal says: a stable code, what to do in both languages, the value at fault."""

    model_config = ConfigDict(title="Problem")

    code: str = Field(description="stable; for programs")
    zh: str
    en: str
    field: str | None = Field(None, description="the input it belongs to")
    value: Any = Field(None, description="what was given")
    clashes: list[ClashOut] | None = None


# What the server or a library refuses by status alone: code, zh, en.
_BY_STATUS: Final[Mapping[int, tuple[str, str, str]]] = {
    400: (
        "malformed",
        "请求格式不对，请按接口文档发送。",
        "The request is malformed; see the API.",
    ),
    401: ("signed_out", "请先登录。", "Sign in first."),
    403: ("forbidden", "您的角色不能做这件事。", "Your role may not do this."),
    404: ("not_found", "没有这个地址，请检查链接。", "There is nothing here; check the address."),
    405: ("method", "这个地址不支持此方法。", "This address does not take that method."),
    408: ("timeout", "请求太慢，请重试。", "The request took too long; try again."),
    413: (
        "too_large",
        "内容太大，请缩小后再发送。",
        "The content is too large; send less at a time.",
    ),
    415: (
        "media_type",
        "内容须为 application/json（页面上为普通表单）。",
        "The content must be application/json, or a plain form on pages.",
    ),
    500: (
        "internal",
        "服务器出错，已记录。请稍后重试；若再次发生请联系管理员。",
        "Something went wrong here and was logged. Try again; if it happens again, tell an"
        " administrator.",
    ),
    503: ("unavailable", "暂时无法处理，请稍后重试。", "Not possible just now; try again soon."),
}


def shown(value: object) -> object:
    """An offending value as it may go into an answer: JSON-able and short."""
    if value is None or isinstance(value, bool | int | float):
        return value if value == value else None  # NaN is not JSON
    return str(value).encode("utf-8", "replace").decode()[:MAX_VALUE_CHARS]


def problem_of(error: ProblemError) -> Problem:
    """The JSON shape of a refusal."""
    clashes = None
    if isinstance(error, ClashError):
        clashes = [
            ClashOut(
                kind=clash.kind,
                resource=clash.resource,
                occurrences=list(clash.occurrences),
                from_at=clash.from_at.isoformat(),
                to_at=clash.to_at.isoformat(),
            )
            for clash in error.clashes
        ]
    return Problem(
        code=error.code,
        zh=error.zh,
        en=error.en,
        field=error.field,
        # Who was first is no value somebody typed: a list of ours, bounded where it is made.
        value=error.value if isinstance(error, DraftChangedError) else shown(error.value),
        clashes=clashes,
    )


def by_status(status: int) -> ProblemError:
    """What to say when only a status is known."""
    known = status if status in _BY_STATUS else (500 if status >= 500 else 400)
    code, zh, en = _BY_STATUS[known]
    return ProblemError(code, zh, en)


def problem_response(error: ProblemError, status: int | None = None) -> web.Response:
    """The answer to a program."""
    response = web.Response(
        status=status or STATUS_OF[error.kind],
        text=json.dumps(problem_of(error).model_dump(), ensure_ascii=False),
        content_type=MEDIA_TYPE,
    )
    response.headers["Cache-Control"] = "no-store"
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


_ZH_OF: Final = {
    "missing": "缺少此字段",
    "extra_forbidden": "没有这个字段，请删除",
    "json_invalid": "不是有效的 JSON",
    "string_too_short": "太短",
    "string_too_long": "太长",
    "string_pattern_mismatch": "含有不允许的字符",
    "timezone_aware": "须带时区，例如 2026-11-23T09:00:00+08:00",
    "enum": "不是允许的取值",
    "literal_error": "不是允许的取值",
    "greater_than_equal": "太小",
    "less_than_equal": "太大",
    "too_long": "项目太多",
    "too_short": "项目太少",
    "value_error": "不合规则",
}


def from_validation(error: ValidationError) -> ProblemError:
    """The first fault of an input, with its field and value."""
    first = error.errors(include_url=False, include_context=False)[0]
    field = _path(first["loc"])
    # A whole body is no value to point at, and a secret is not repeated.
    hidden = field is None or "password" in field or field in ("old", "new", "token")
    reason = first["msg"].removeprefix("Value error, ")
    zh = _ZH_OF.get(first["type"], "类型或格式不对")
    where = f"字段 {field}" if field else "请求内容"
    return ProblemError(
        "malformed" if first["type"] == "json_invalid" else "invalid_input",
        f"{where}：{zh}。请改正后重新提交。",
        f"{field or 'The request body'}: {reason}. Correct it and send it again.",
        field=field,
        value=None if hidden or isinstance(first["input"], dict | list) else first["input"],
    )


def _path(loc: Sequence[int | str]) -> str | None:
    return ".".join(str(part) for part in loc)[:MAX_VALUE_CHARS] or None
