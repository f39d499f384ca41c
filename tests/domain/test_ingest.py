"""Sources as they are written, and what is never shown of them."""

from __future__ import annotations

import pytest

from sync_classroom.domain.ingest import ADVICE, REASONS, IngestError, IngestKind, parse_ingest
from sync_classroom.domain.problems import ProblemError

KEY = "k" * 16


@pytest.mark.parametrize(
    ("text", "kind", "shown", "name"),
    [
        ("rtsp://192.0.2.10/main", IngestKind.RTSP, "rtsp://192.0.2.10/main", ""),
        ("RTSP://admin:s3cret@host:8554/a/b?token=t", IngestKind.RTSP, "rtsp://host:8554/a/b", ""),
        ("rtsps://[2001:db8::1]:322/x", IngestKind.RTSP, "rtsps://[2001:db8::1]:322/x", ""),
        ("rtmp://host/live/s3cret", IngestKind.RTMP, "rtmp://host/live/…", ""),
        ("rtmps://u:s3cret@host/live", IngestKind.RTMP, "rtmps://host/live", ""),
        (f"push:{KEY}", IngestKind.PUSH, "push:…", KEY),
        ("file:语文/第一课.mp4", IngestKind.FILE, "file:语文/第一课.mp4", "语文/第一课.mp4"),
    ],
)
def test_a_source_is_read_and_shown_without_its_secrets(
    text: str, kind: IngestKind, shown: str, name: str
) -> None:
    source = parse_ingest(text)
    assert (source.kind, source.url, source.shown, source.name) == (kind, text, shown, name)
    for secret in ("s3cret", "admin", KEY, "token"):
        assert secret not in f"{source!r} {source.shown}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://host/x",
        "s3cret",
        "rtsp://",
        "rtsp://user:s3cret@/x",
        "rtsp://user:s3cret@host:port/x",
        "rtsp://[user:s3cret@host/x",
        "rtsp://host/a b",
        "rtsp://host/\n",
        "rtsp://host/" + "s3cret" * 400,
        "push:s3cret",
        "push:" + "s3cret!" * 4,
        "file:",
        "file:/etc/passwd",
        "file:../lesson.mp4",
        "file:a/../../b",
    ],
)
def test_what_cannot_be_a_source_is_refused_without_repeating_secrets(text: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_ingest(text, field="ingest.sources.host-1-r1")
    problem = caught.value
    assert (problem.code, problem.field) == ("ingest_invalid", "ingest.sources.host-1-r1")
    assert "host-1-r1" in problem.zh
    assert "host-1-r1" in problem.en
    assert "s3cret!" not in f"{problem.zh}{problem.en}{problem.value}"
    assert "user" not in f"{problem.zh}{problem.en}{problem.value}"


def test_every_reason_and_advice_says_what_to_do_in_both_languages() -> None:
    for zh, en in (*REASONS.values(), *ADVICE.values()):
        assert zh.endswith("。")
        assert en.endswith((".", "again."))
        assert len(en) > 30
    assert IngestError("b_frames").code == "b_frames"
    with pytest.raises(KeyError):
        IngestError("no such reason")
