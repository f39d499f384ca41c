"""What the relay says no to, as HTTP: status, stable code, a sentence in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .session import Direction, Offer, SessionRefusedError
from .tokens import Grant

#: A refused caller that is not told otherwise comes back after this long.
RETRY_S: Final = 2
#: While a recording host is the camera, the terminal's own asks this often whether it still is.
INGEST_RETRY_S: Final = 3


class HttpProblem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """A refusal: status, stable code, sentence in both languages, extra headers."""

    def __init__(
        self, status: int, code: str, zh: str, en: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(en)
        self.status = status
        self.code = code
        self.zh = zh
        self.en = en
        self.headers = dict(headers or {})


def check_whole(offer: Offer, grant: Grant) -> None:
    """RFC 9725 4.4.2, 4.4.3: a publisher of whom a part would be lost is refused, not misled.

    What its token does not allow it knows already; lines it disabled itself it does not miss.
    """
    if grant.direction is not Direction.PUBLISH:
        return
    left = [
        line
        for line in offer.lines
        if line.asked and not line.accepted and line.kind in grant.kinds
    ]
    if left:
        kinds = ", ".join(line.kind for line in left)
        raise HttpProblem(
            422,
            "offer_partly_acceptable",
            f"媒体请求中有无法接收的部分({kinds}):每种媒体只能有一路,视频须为 H.264"
            "(packetization-mode=1)或 VP8,音频须为 Opus,并使用 BUNDLE 与 rtcp-mux。",
            f"A part of the offer could not be received ({kinds}): one track of each kind, H.264"
            " (packetization-mode=1) or VP8, Opus, all in one BUNDLE with rtcp-mux.",
        )


def bad_sdp(error: Exception) -> HttpProblem:
    """400: it is not SDP."""
    return HttpProblem(
        400, "sdp_malformed", f"SDP 格式不正确:{error}。", f"The SDP is malformed: {error}."
    )


def host_is_ingested() -> HttpProblem:
    """409: a recording host has the camera's place."""
    return HttpProblem(
        409,
        "ingest_live",
        "这间课堂的画面来自录播主机。录播中断时可用本机摄像头。",
        "This room's picture comes from a recording host. When that fails, this camera may.",
        {"Retry-After": str(INGEST_RETRY_S)},
    )


def key_unknown() -> HttpProblem:
    """401: a stream key of no room that is open."""
    return HttpProblem(
        401,
        "stream_key_unknown",
        "推流码不正确,或使用它的课堂尚未开放。请核对推流码,在候课开始后再推流。",
        "The stream key is wrong, or no lesson of its classroom is open. Check the key, and push"
        " once the lesson is open.",
        {"WWW-Authenticate": 'Bearer realm="sync-classroom", error="invalid_token"'},
    )


def not_found() -> HttpProblem:
    """404, the same for what is not there and what is somebody else's."""
    return HttpProblem(
        404, "not_found", "没有这个会话或地址。", "There is no such session or address."
    )


def refusal(error: SessionRefusedError, direction: Direction) -> HttpProblem:
    """The endpoint's refusals as HTTP; a subscriber too early is told when to come again."""
    retry = {"Retry-After": str(error.retry_after_s or RETRY_S)}
    match error.code, direction:
        case ("nothing_live", _) | ("room_unknown", Direction.SUBSCRIBE):
            return HttpProblem(
                409,
                "nothing_live",
                "这间课堂还没有画面,请稍后自动重试。",
                "Nothing is published in this room yet; try again.",
                retry,
            )
        case "room_unknown", _:
            return HttpProblem(
                404,
                "room_unknown",
                "这间课堂尚未开放。",
                "This room is not open (yet).",
                retry,
            )
        case "full", _:
            return HttpProblem(
                503,
                "relay_full",
                "媒体服务已满。请联系管理员提高 relay.max_sessions 或增加一台。",
                "The relay is full. An administrator can raise relay.max_sessions or add a relay.",
                retry,
            )
        case "busy", _:
            return HttpProblem(
                503,
                "relay_busy",
                "媒体服务正忙,会自动重试。若经常如此,请增加一台,或提高 relay.max_load。",
                "The relay is busy; try again. If it often is, add a relay or raise"
                " relay.max_load.",
                retry,
            )
        case "draining", _:
            return HttpProblem(
                503,
                "relay_draining",
                "媒体服务即将重新启动,请稍后重试。",
                "The relay is about to restart; try again.",
                retry,
            )
    return HttpProblem(503, error.code, f"暂时无法接入:{error}。", f"Refused: {error}.", retry)
