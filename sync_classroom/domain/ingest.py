"""Where a recording host's (录播主机) picture comes from, and why it may not come. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import SplitResult, urlsplit

from .problems import ProblemError

MAX_URL: Final = 2048
#: A stream key is all that keeps strangers from speaking to every classroom: 16 characters of 64
#: are 96 bits when they are random.
MIN_KEY: Final = 16
_KEY: Final = re.compile(rf"[A-Za-z0-9_-]{{{MIN_KEY},128}}")


class IngestKind(StrEnum):
    """How a source is reached: two are fetched from a server, one is sent to us, one is a file."""

    RTSP = "rtsp"
    RTMP = "rtmp"
    PUSH = "push"
    FILE = "file"


_SCHEMES: Final = {
    "rtsp": IngestKind.RTSP,
    "rtsps": IngestKind.RTSP,
    "rtmp": IngestKind.RTMP,
    "rtmps": IngestKind.RTMP,
    "push": IngestKind.PUSH,
    "file": IngestKind.FILE,
}


@dataclass(frozen=True, slots=True, repr=False)
class IngestSource:
    """A checked source. `url` may hold a password or key: log and show `shown` only.

    `name` is the stream key of a push, the path below the configured folder of a file, else empty.
    """

    kind: IngestKind
    url: str
    shown: str
    name: str = ""

    def __repr__(self) -> str:
        return f"IngestSource({self.shown!r})"


def parse_ingest(text: str, *, field: str = "ingest") -> IngestSource:
    """A source from what was configured; ProblemError naming `field`, without any secret in it.

    `rtsp://`, `rtsps://`, `rtmp://`, `rtmps://` are fetched; `push:KEY` is an RTMP push to our own
    port under that stream key; `file:NAME` is a file below the configured folder, played in a loop.
    """
    scheme = text.partition(":")[0].lower()
    kind = _SCHEMES.get(scheme)
    if kind is None or len(text) > MAX_URL or not text.isprintable() or " " in text:
        raise _wrong(
            field,
            "须以 rtsp://、rtsps://、rtmp://、rtmps://、push: 或 file: 开头，且不含空格",
            "must begin with rtsp://, rtsps://, rtmp://, rtmps://, push: or file:, without spaces",
            scheme[:16] if kind is None else kind.value,
        )
    if kind is IngestKind.PUSH:
        return _push(text, field)
    if kind is IngestKind.FILE:
        return _file(text, field)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, SplitResult(scheme, "", "", "", "")
    if not host:
        raise _wrong(
            field,
            "须写明主机，如 rtsp://192.0.2.10/main",
            "must name a host, such as rtsp://192.0.2.10/main",
            scheme,
        )
    where = f"[{host}]" if ":" in host else host
    where += "" if port is None else f":{port}"
    path = parts.path
    if kind is IngestKind.RTMP and path.count("/") > 1:
        path = path.rpartition("/")[0] + "/…"  # the last part is a stream key
    return IngestSource(kind, text, f"{scheme}://{where}{path}")


def _push(text: str, field: str) -> IngestSource:
    key = text.partition(":")[2]
    if not _KEY.fullmatch(key):
        raise _wrong(
            field,
            f"推流码须为 {MIN_KEY} 到 128 个字母、数字、- 或 _，如 push: 后接随机字符",
            f"needs a stream key of {MIN_KEY} to 128 letters, digits, - or _ after push:",
            "push",
        )
    return IngestSource(IngestKind.PUSH, text, "push:…", key)


def _file(text: str, field: str) -> IngestSource:
    name = text.partition(":")[2]
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise _wrong(
            field,
            "须为 ingest.folder 下的相对路径，不含 ..，如 file:lesson.mp4",
            "must be a path below ingest.folder without .., such as file:lesson.mp4",
            name[:96],
        )
    return IngestSource(IngestKind.FILE, text, f"file:{name}", str(path))


def _wrong(field: str, zh: str, en: str, value: str) -> ProblemError:
    return ProblemError(
        "ingest_invalid",
        f"录播来源 {field} {zh}。",
        f"The ingest source {field} {en}.",
        field=field,
        value=value,
    )


# ---------------------------------------------------------------------------- why there is none

#: Code → (Chinese, English): what stands in the way, and what to do about it.
REASONS: Final = {
    "unreachable": (
        "连不上录播主机。请检查地址、端口、电源和网线。",
        "The recording host cannot be reached. Check address, port, power and cable.",
    ),
    "denied": (
        "录播主机拒绝了用户名或密码。请在设置里改正。",
        "The recording host refused user name or password. Correct them in the settings.",
    ),
    "not_found": (
        "录播主机上没有这个流或文件。请检查路径。",
        "There is no such stream or file. Check the path.",
    ),
    "not_media": (
        "收到的不是能识别的音视频流。请检查录播主机的编码设置。",
        "What came is no stream that can be read. Check the recording host's encoder.",
    ),
    "no_video": (
        "流中没有视频。请在录播主机上打开视频编码。",
        "The stream has no video. Turn video on in the recording host.",
    ),
    "video_codec": (
        "视频不是 H.264。请把录播主机的视频编码改为 H.264。",
        "The video is not H.264. Set the recording host's video encoder to H.264.",
    ),
    "b_frames": (
        "视频含 B 帧，浏览器无法实时播放。请把录播主机设为 Baseline 档次，或把 B 帧数设为 0。",
        "The video has B-frames, which browsers cannot show live. Set the recording host to"
        " Baseline profile, or its B-frames to 0.",
    ),
    "no_keyframe": (
        "长时间没有关键帧。请把录播主机的关键帧间隔设为 2 秒。",
        "No keyframe came for a long time. Set the recording host's keyframe interval to 2 s.",
    ),
    "stalled": (
        "录播主机的流中断，正在重连。",
        "The recording host's stream stopped; connecting again.",
    ),
    "ended": (
        "录播主机结束了流，正在重连。",
        "The recording host ended the stream; connecting again.",
    ),
    "waiting": (
        "等待录播主机推流。请在主机上填写推流地址和推流码并开始推流。",
        "Waiting for the recording host to push. Enter address and stream key there and start.",
    ),
    "relay": (
        "媒体服务没有接收这路流，稍后重试。",
        "The relay did not take the stream; trying again.",
    ),
    "crashed": (
        "读取这路流的程序异常退出，正在重新启动。",
        "The program that reads this stream failed and is started again.",
    ),
}

#: What a source can be used with, but better not.
ADVICE: Final = {
    "no_audio": (
        "流中没有声音。请在录播主机上打开音频编码。",
        "The stream has no sound. Turn audio on in the recording host.",
    ),
    "audio_codec": (
        "声音的编码无法识别，只转发画面。请把录播主机的音频编码改为 AAC。",
        "The sound's codec cannot be read, so the picture is used alone. Set the audio encoder to"
        " AAC.",
    ),
    "long_gop": (
        "关键帧间隔超过 4 秒，新加入的教室要等很久才有画面。请把它设为 2 秒。",
        "Keyframes are over 4 s apart, so a room that joins waits long for its picture. Set the"
        " interval to 2 s.",
    ),
    "profile": (
        "视频不是 Baseline 档次，部分设备可能用软件解码。建议设为 Baseline。",
        "The video is not Baseline profile, which some devices decode in software. Baseline is"
        " better.",
    ),
}


class IngestError(Exception):
    """A source that gives nothing; `code` is one of `REASONS`."""

    def __init__(self, code: str) -> None:
        super().__init__(REASONS[code][1])
        self.code = code
