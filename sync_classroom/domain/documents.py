"""Documents of lessons (课件文档): pages that the host turns and every room is shown as pictures.

A document is turned into pictures once, when it is given to a lesson; what is shown of it is a
page number, so that the poorest line carries a sharp page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from .accounts import Role, User
from .ids import DocumentId, OccurrenceId, TeacherId
from .library import media_type_of, suffix_of
from .message_fields import Fields
from .problems import ProblemError, ProblemKind
from .recordings import schools_of
from .roster import Roster
from .timetable import Occurrence

#: A book of slides with photographs; a film belongs into the library.
MAX_BYTES: Final = 100_000_000
#: A lesson shows some dozen pages; a text-book has this many.
MAX_PAGES: Final = 300
MAX_DOCUMENTS: Final = 20
#: Longer than any conversion may take: what has not come by then was cut off.
CONVERTED_WITHIN: Final = timedelta(minutes=20)

#: What a page is fitted into, pixels, by the name of the size: a strip's picture, a laptop's
#: courseware, a panel of 65 inches. A page keeps its shape; one that is smaller is not blown up.
SIZES: Final[dict[str, tuple[int, int]]] = {
    "thumb": (320, 200),
    "small": (1280, 800),
    "large": (2560, 1600),
}
PAGE_TYPE: Final = "image/webp"

_OFFICE: Final = frozenset({".pptx", ".ppt", ".odp", ".docx", ".doc", ".odt"})
_ZIP: Final = b"PK\x03\x04"
# Compound files (MS-CFB 2.2): what PowerPoint and Word wrote until 2003.
_COMPOUND: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/webp"})


@dataclass(frozen=True, slots=True)
class PageSize:
    """A page's largest picture, pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a lesson: pages when it is ready, or why it is not and will not be.

    `sha256` is that of the file it came as, under which its pictures are kept. `refused` is a code
    of `document_problem` with the value at fault.
    """

    id: DocumentId
    occurrence: OccurrenceId
    name: str
    sha256: str
    bytes: int
    at: datetime
    by: str
    pages: tuple[PageSize, ...] = ()
    refused: tuple[str, str] | None = None

    @property
    def ready(self) -> bool:
        """Whether it can be shown."""
        return bool(self.pages)

    def problem(self, now: datetime) -> ProblemError | None:
        """Why it cannot be shown; None if it can, or is being converted."""
        if self.refused is not None:
            return document_problem(*self.refused)
        if not self.pages and now - self.at > CONVERTED_WITHIN:
            return document_problem("document_interrupted")
        return None


@dataclass(frozen=True, slots=True)
class ShownPage:
    """What all rooms of a lesson see: a page, counted from 1."""

    document: DocumentId
    page: int


@dataclass(frozen=True, slots=True)
class ShowPage:
    """Host: a page to all rooms, or None to put the document away. A command of the protocol."""

    id: str
    lesson: OccurrenceId
    shown: ShownPage | None


def page_file(number: int, size: str) -> str:
    """The name of a page's picture in the folder of its document."""
    return f"{number:04d}-{size}.webp"


def read_shown(fields: Fields) -> ShownPage | None:
    """The page a message names, None where both fields are null; ValueError for anything else."""
    document, page = fields.take("document"), fields.take("page")
    if document is None and page is None:
        return None
    inner = Fields({"document": document, "page": page}, "page")
    return ShownPage(DocumentId(inner.id("document")), inner.whole("page", MAX_PAGES))


def kind_of(name: str, head: bytes) -> str:
    """How a file is converted, `pdf`, `image` or `office`; ProblemError `document_type`.

    The content counts; of office files, which all begin alike, the suffix too.
    """
    found = media_type_of(head)
    if found == "application/pdf":
        return "pdf"
    if found in _IMAGES:
        return "image"
    if head.startswith((_ZIP, _COMPOUND)) and suffix_of(name) in _OFFICE:
        return "office"
    raise document_problem("document_type", name)


def check_bytes(size: int) -> None:
    """ProblemError `document_empty` or `document_too_large`."""
    if size <= 0:
        raise document_problem("document_empty")
    if size > MAX_BYTES:
        raise document_problem("document_too_large", str(-(-size // 1_000_000)))


def check_page(document: Document, page: int) -> None:
    """ProblemError unless the document has this page and it can be shown."""
    if not document.ready:
        raise document_problem("document_not_ready", document.name)
    if not 1 <= page <= len(document.pages):
        raise ProblemError(
            "page_range",
            f"“{document.name}”有 {len(document.pages)} 页，没有第 {page} 页。",
            f"{document.name!r} has {len(document.pages)} pages, and no page {page}.",
            field="page",
            value=page,
        )


def may_give(user: User, host: TeacherId) -> bool:
    """Who gives documents to a lesson and takes them back: administrators, and its teacher."""
    return user.role is Role.ADMIN or (user.teacher is not None and user.teacher == host)


def check_may_give(user: User, lesson: Occurrence) -> None:
    """ProblemError `document_forbidden` unless this person `may_give`."""
    if not may_give(user, lesson.host.teacher):
        raise not_giver(lesson.id)


def may_see(user: User, lesson: Occurrence, roster: Roster) -> bool:
    """Administrators and the bureau all; teachers what their school takes part in."""
    school_of = {c.id: c.school for c in roster.classrooms.values()}
    ours = user.role is Role.TEACHER and user.school in schools_of(lesson, school_of)
    return ours or user.role in (Role.ADMIN, Role.REVIEWER)


# ---------------------------------------------------------------------------- refusals

_SENTENCES: Final = {
    "document_empty": (
        "文件是空的。请重新选择。",
        "The file is empty. Choose another.",
    ),
    "document_too_large": (
        f"文件有 {{value}} MB，超过 {MAX_BYTES // 1_000_000} MB。请压缩图片后另存，或分成几份。",
        f"The file has {{value}} MB, more than {MAX_BYTES // 1_000_000} MB. Save it with smaller"
        " pictures, or in parts.",
    ),
    "document_type": (
        "“{value}”不是能展示的文档。请用 PDF、PPTX、PPT、DOCX、DOC 或 PNG、JPEG、WebP 图片；"
        "别的格式请先另存为 PDF。",
        "{value!r} is no document that can be shown. Use PDF, PPTX, PPT, DOCX, DOC, or a PNG, JPEG"
        " or WebP picture; save anything else as PDF first.",
    ),
    "document_encrypted": (
        "文件设有打开密码。请取消密码后另存，再添加。",
        "The file has a password. Save it without one and add it again.",
    ),
    "document_damaged": (
        "文件打不开，可能已损坏，或太复杂。请在原来的软件里打开，另存为 PDF 再添加。",
        "The file cannot be read: it is damaged, or too complicated. Open it where it was made,"
        " save it as PDF and add that.",
    ),
    "document_pages": (
        f"文档有 {{value}} 页，超过 {MAX_PAGES} 页。请只留下这节课要用的页。",
        f"The document has {{value}} pages, more than {MAX_PAGES}. Keep those this lesson needs.",
    ),
    "document_pixels": (
        "图片有 {value} 百万像素，太大。请缩小到 1 亿像素以内再添加。",
        "The picture has {value} million pixels. Make it smaller than 100 million and add it.",
    ),
    "document_slow": (
        "转换用时太长，已停止。请另存为 PDF，或分成几份再添加。",
        "Converting took too long and was stopped. Save it as PDF, or in parts, and add that.",
    ),
    "document_office_missing": (
        "服务器没有安装 LibreOffice，不能转换 PPT 和 Word 文件。请在 WPS 或 PowerPoint 里另存为"
        " PDF，再添加那个 PDF。",
        "The server has no LibreOffice, so it cannot convert slides and texts. Save the file as"
        " PDF where it was made, and add that.",
    ),
    "document_office_failed": (
        "服务器的 LibreOffice 打不开这个文件：文件有密码或已损坏，或服务器没装 Impress 和 Writer。"
        "请在原来的软件里另存为 PDF，再添加那个 PDF。",
        "The server's LibreOffice cannot open the file: it has a password or is damaged, or the"
        " server lacks Impress or Writer. Save it as PDF where it was made, and add that.",
    ),
    "document_interrupted": (
        "转换被中断。请删除它，再添加一次。",
        "Converting was interrupted. Remove it and add it again.",
    ),
    "document_not_ready": (
        "“{value}”还不能展示：正在转换，或没有转换成功。请换一个文档。",
        "{value!r} cannot be shown: it is being converted, or could not be. Choose another.",
    ),
}


def document_problem(code: str, value: str = "") -> ProblemError:
    """The refusal with this code, in words; KeyError for a code there is not."""
    zh, en = _SENTENCES[code]
    return ProblemError(
        code, zh.format(value=value), en.format(value=value), field="file", value=value or None
    )


def not_giver(lesson: OccurrenceId) -> ProblemError:
    """Somebody who neither gives the lesson nor administers."""
    return ProblemError(
        "document_forbidden",
        "只有管理员、主讲教师和主讲教室可以添加或删除这节课的文档。",
        "Only administrators, the lesson's teacher and the classroom that gives it may add or"
        " remove its documents.",
        kind=ProblemKind.FORBIDDEN,
        field="lesson",
        value=lesson,
    )


def not_viewer(lesson: OccurrenceId) -> ProblemError:
    """Somebody whose classroom or school takes no part."""
    return ProblemError(
        "document_forbidden",
        "这节课的文档只给参加这节课的教室和学校看。",
        "A lesson's documents are for the classrooms and schools that take part in it.",
        kind=ProblemKind.FORBIDDEN,
        field="lesson",
        value=lesson,
    )


def unknown_document(ident: str) -> ProblemError:
    """A document the lesson does not have (any more)."""
    return ProblemError(
        "unknown_document",
        "这节课没有这个文档，可能已被删除。请重新选择。",
        "The lesson has no such document; it may have been removed. Choose again.",
        kind=ProblemKind.NOT_FOUND,
        field="document",
        value=ident[:40],
    )


def too_many_documents() -> ProblemError:
    """A lesson has as many as it may."""
    return ProblemError(
        "too_many_documents",
        f"一节课最多 {MAX_DOCUMENTS} 个文档。请先删除不用的。",
        f"A lesson has at most {MAX_DOCUMENTS} documents. Remove one that is not needed.",
        kind=ProblemKind.CONFLICT,
        field="file",
        value=MAX_DOCUMENTS,
    )
