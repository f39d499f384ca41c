"""The resource library (资源库): what may be pushed, what a file really is, and who may touch it.

A file is judged by its first bytes, and its name must not say otherwise. What is let in is what a
classroom's browser shows by itself with the server away: nothing is converted, nothing can run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .accounts import Role, User
from .ids import OccurrenceId, ResourceId, TeacherId
from .problems import ProblemError, ProblemKind

MAX_TITLE: Final = 120
MAX_NOTE: Final = 500
MAX_NAME: Final = 200
MAX_GRADE: Final = 12
#: Versions of one resource; whoever needs more has another resource in mind.
MAX_VERSIONS: Final = 50
#: Enough to tell every type below from every other.
HEAD_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file: `kind` is how it is shown: video, audio, image or document."""

    media_type: str
    kind: str
    suffixes: tuple[str, ...]


TYPES: Final[Mapping[str, FileType]] = {
    t.media_type: t
    for t in (
        FileType("video/mp4", "video", (".mp4", ".m4v")),
        FileType("video/webm", "video", (".webm",)),
        FileType("audio/mp4", "audio", (".m4a",)),
        FileType("audio/mpeg", "audio", (".mp3",)),
        FileType("image/jpeg", "image", (".jpg", ".jpeg")),
        FileType("image/png", "image", (".png",)),
        FileType("image/webp", "image", (".webp",)),
        FileType("application/pdf", "document", (".pdf",)),
    )
}
#: Major brands of ISO base media files (14496-12 4.3) that browsers play as video.
_VIDEO_BRANDS: Final = frozenset(
    {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"dash", b"M4V ",
     b"M4VH", b"M4VP", b"MSNV", b"mmp4", b"f4v "}
)  # fmt: skip
_AUDIO_BRANDS: Final = frozenset({b"M4A ", b"M4B "})


@dataclass(frozen=True, slots=True)
class Details:
    """What people say of a resource. `lesson` and `teacher` are whose it is, if anybody's."""

    title: str
    subject: str = ""
    grade: int | None = None
    lesson: OccurrenceId | None = None
    teacher: TeacherId | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of a lesson's recorded file: seconds from the file's first picture."""

    lesson: OccurrenceId
    file: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Version:
    """One file of a resource, for ever. `file` is where it lies in the library's folder.

    `name` is as its owner called it. `duration_s` is known of what was cut here.
    """

    no: int
    file: str
    name: str
    media_type: str
    bytes: int
    sha256: str
    at: datetime
    by: str
    duration_s: float | None = None
    cut: Cut | None = None

    @property
    def kind(self) -> str:
        """How it is shown: video, audio, image or document."""
        return TYPES[self.media_type].kind


@dataclass(frozen=True, slots=True)
class Deletion:
    """Who took a resource away, when and why."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource with its versions, the first one first; of a deleted one only this is left."""

    id: ResourceId
    details: Details
    at: datetime
    by: str
    versions: tuple[Version, ...]
    deleted: Deletion | None = None

    @property
    def latest(self) -> Version:
        """The version that is shown and pushed."""
        return self.versions[-1]

    @property
    def bytes(self) -> int:
        """What all its files take."""
        return sum(v.bytes for v in self.versions)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the library takes: bytes of a file, of all files (0: any), and left on the disk."""

    file_bytes: int
    total_bytes: int
    min_free_bytes: int


# ---------------------------------------------------------------------------- what a file is


def media_type_of(head: bytes) -> str | None:
    """The type of a file that begins with `head`; None for whatever is not let in."""
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return (
            "video/mp4" if brand in _VIDEO_BRANDS
            else "audio/mp4" if brand in _AUDIO_BRANDS
            else None
        )  # fmt: skip
    # RFC 8794 11.1; the DocType (0x4282) of WebM, with its length of four in one byte or eight.
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        webm = b"\x42\x82\x84webm" in head[:64] or b"\x42\x82\x01\0\0\0\0\0\0\x04webm" in head[:96]
        return "video/webm" if webm else None
    if head.startswith(b"ID3") or (
        head[:1] == b"\xff" and head[1:2] in (b"\xfb", b"\xf3", b"\xf2")
    ):
        return "audio/mpeg"
    return None


def suffix_of(name: str) -> str:
    """The suffix of a file's name with its dot, in lower case; empty without one."""
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if dot and stem and suffix.isascii() else ""


def check_type(name: str, head: bytes) -> FileType:
    """What a file is; ProblemError if that is not let in, or its name says something else."""
    found = media_type_of(head)
    if found is None:
        raise bad_type(name)
    suffix = suffix_of(name)
    if suffix not in TYPES[found].suffixes:
        raise ProblemError(
            "file_type_differs",
            f"文件“{name}”的内容是 {found}，与扩展名“{suffix or '（无）'}”不符。"
            f"请把扩展名改为 {TYPES[found].suffixes[0]}，或选对文件。",
            f"The content of {name!r} is {found}, which is not what its suffix {suffix!r} says."
            f" Rename it to {TYPES[found].suffixes[0]}, or choose the right file.",
            field="file",
            value=name,
        )
    return TYPES[found]


def bad_type(name: str) -> ProblemError:
    """A file of a type that classrooms cannot show."""
    return ProblemError(
        "file_type",
        f"文件“{name}”不是教室终端能直接播放的类型。请上传 MP4、WebM、MP3、M4A、JPEG、PNG、WebP"
        " 或 PDF；课件请先在 WPS 或 PowerPoint 里另存为 PDF。",
        f"{name!r} is of no type that a classroom can show by itself. Upload MP4, WebM, MP3, M4A,"
        " JPEG, PNG, WebP or PDF; save slides as PDF first.",
        field="file",
        value=name,
    )


def clean_name(text: str) -> str:
    """The last part of a path, printable and no longer than MAX_NAME with its suffix kept."""
    name = text.replace("\\", "/").rpartition("/")[2]
    name = "".join(c for c in name if c.isprintable()).strip()
    suffix = suffix_of(name)
    if len(name) > MAX_NAME and len(suffix) < 10:
        return name[: MAX_NAME - len(suffix)] + name[len(name) - len(suffix) :]
    return name[:MAX_NAME]


# ---------------------------------------------------------------------------- what is let in


def check_size(size: int, limits: Limits, *, used_bytes: int, free_bytes: int) -> None:
    """ProblemError `file_empty`, `file_too_large`, `library_full` or `library_disk_full`.

    `used_bytes` is what is there and promised, `free_bytes` what is left on the disk.
    """
    if size <= 0:
        raise ProblemError(
            "file_empty", "文件是空的，请重新选择。", "The file is empty; choose another.",
            field="file", value=size,
        )  # fmt: skip
    if size > limits.file_bytes:
        raise ProblemError(
            "file_too_large",
            f"文件有 {_mb(size)} MB，超过单个文件上限 {_mb(limits.file_bytes)} MB。请压缩或分段，"
            "或请管理员调大 library.max_file_mb。",
            f"The file has {_mb(size)} MB, more than the {_mb(limits.file_bytes)} MB a file may"
            " have. Make it smaller, or ask the administrator for a larger library.max_file_mb.",
            field="file",
            value=size,
        )
    if limits.total_bytes and used_bytes + size > limits.total_bytes:
        raise ProblemError(
            "library_full",
            f"资源库已用 {_mb(used_bytes)} MB，再加 {_mb(size)} MB 就超过总额"
            f" {_mb(limits.total_bytes)} MB。请先删除不用的资源。",
            f"The library holds {_mb(used_bytes)} MB; {_mb(size)} MB more would exceed its"
            f" {_mb(limits.total_bytes)} MB. Delete resources that are not needed first.",
            kind=ProblemKind.CONFLICT,
            field="file",
            value=size,
        )
    if size + limits.min_free_bytes > free_bytes:
        raise ProblemError(
            "library_disk_full",
            f"服务器磁盘只剩 {_mb(free_bytes)} MB，放不下这个 {_mb(size)} MB 的文件。"
            "请联系管理员清理磁盘。",
            f"Only {_mb(free_bytes)} MB are left on the server's disk, too little for {_mb(size)}"
            " MB. Ask the administrator to make room.",
            kind=ProblemKind.UNAVAILABLE,
            field="file",
            value=size,
        )


def _mb(octets: int) -> int:
    return -(-octets // 1_000_000)


def check_details(details: Details) -> Details:
    """ProblemError naming the field that is empty or too long."""
    title = details.title.strip()
    for field, text, most in (
        ("title", title, MAX_TITLE),
        ("subject", details.subject, 40),
        ("note", details.note, MAX_NOTE),
    ):
        if len(text) > most:
            raise ProblemError(
                "too_long",
                f"最多 {most} 个字，现在有 {len(text)} 个，请缩短。",
                f"At most {most} characters, not {len(text)}; shorten it.",
                field=field,
                value=text[:40],
            )
    if not title:
        raise ProblemError(
            "title_missing", "请填写标题，接收的教室看到的就是它。",
            "Give it a title: that is what classrooms see.", field="title", value="",
        )  # fmt: skip
    if details.grade is not None and not 1 <= details.grade <= MAX_GRADE:
        raise ProblemError(
            "grade_range", f"年级须为 1 到 {MAX_GRADE}，或留空。",
            f"A grade is 1 to {MAX_GRADE}, or nothing.", field="grade", value=details.grade,
        )  # fmt: skip
    return details


def check_marks(from_s: float, to_s: float, duration_s: float) -> None:
    """Start and end marks of a cut; ProblemError unless `0 ≤ from_s < to_s ≤ duration_s`.

    The end may lie a second beyond: what a player shows as the end is rounded.
    """
    if 0 <= from_s < to_s <= duration_s + 1:
        return
    raise ProblemError(
        "cut_marks",
        f"起点须早于终点，且都在录像的 {duration_s:.0f} 秒之内；现在是 {from_s:.0f} 到"
        f" {to_s:.0f} 秒。请重新标记。",
        f"The start must be before the end, both within the {duration_s:.0f} seconds of the"
        f" recording, not {from_s:.0f} to {to_s:.0f}. Set the marks again.",
        field="from" if from_s < 0 or from_s >= to_s else "to",
        value=f"{from_s:.3f}-{to_s:.3f}",
    )


def matches(
    resource: Resource, *, words: Sequence[str], subject: str, grade: int | None, kind: str
) -> bool:
    """Whether a resource has every word in title, note or a file's name, and these properties."""
    details = resource.details
    text = " ".join((details.title, details.note, resource.latest.name)).casefold()
    return (
        all(word.casefold() in text for word in words)
        and subject in ("", details.subject)
        and grade in (None, details.grade)
        and kind in ("", resource.latest.kind)
    )


# ---------------------------------------------------------------------------- who may


def may_change(user: User, resource: Resource) -> bool:
    """Administrators everything, teachers what they brought in."""
    own = user.role is Role.TEACHER and resource.by == user.login
    return user.role is Role.ADMIN or own


def check_may_change(user: User, resource: Resource) -> None:
    """ProblemError `resource_forbidden` unless this person may change or delete it."""
    if not may_change(user, resource):
        raise ProblemError(
            "resource_forbidden",
            "只有管理员和添加这个资源的教师可以修改或删除它。",
            "Only administrators and the teacher who added this resource may change or delete it.",
            kind=ProblemKind.FORBIDDEN,
            value=resource.id,
        )
