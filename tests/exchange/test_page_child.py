"""A foreign document becomes pages, or a code that says what is wrong with it."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

import pypdf
import pytest
import xlsxwriter
from PIL import Image

from sync_classroom.domain.documents import SIZES, page_file
from sync_classroom.exchange import page_child
from sync_classroom.exchange.page_child import answer
from tests.support.documents import BLUE, GREEN, RED, colour_of, near, pdf, png
from tests.support.programs import program


@pytest.fixture(autouse=True)
def unbounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits are of a process of its own; `test_pages` has one."""
    monkeypatch.setattr(page_child, "_limit", lambda memory: None)


def converted(folder: Path, kind: str, data: bytes, name: str = "source") -> dict[str, object]:
    source, into = folder / name, folder / "pages"
    source.write_bytes(data)
    into.mkdir()
    return answer(kind, source, into, program("soffice") if kind == "office" else "")


def test_every_page_of_a_pdf_comes_in_three_sizes_of_its_own_shape(tmp_path: Path) -> None:
    found = converted(tmp_path, "pdf", pdf(RED, GREEN, BLUE))
    assert found == {"pages": [(2560, 1440)] * 3}
    for number, colour in enumerate((RED, GREEN, BLUE), 1):
        for size, box in SIZES.items():
            path = tmp_path / "pages" / page_file(number, size)
            assert near(colour_of(path), colour), (number, size)
            with Image.open(path) as image:
                assert image.format == "WEBP"
                # Width decides: pages of slides are broader than the box.
                assert image.size == (box[0], box[0] * 9 // 16), size


def test_a_page_upright_fits_the_height(tmp_path: Path) -> None:
    found = converted(tmp_path, "pdf", pdf(RED, size="width: 21cm, height: 29.7cm"))
    assert found == {"pages": [(1132, 1600)]}


def test_a_page_of_absurd_shape_stays_within_the_box(tmp_path: Path) -> None:
    found = converted(tmp_path, "pdf", pdf(RED, size="width: 500cm, height: 3cm"))
    [(width, height)] = found["pages"]  # type: ignore[misc]
    assert (width, height > 0) == (2560, True)


def locked() -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(RED)))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def many_pages(count: int) -> bytes:
    writer = pypdf.PdfWriter()
    for _ in range(count):
        writer.add_blank_page(100, 100)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_pdf_that_will_not_do_says_why(tmp_path: Path) -> None:
    for number, (data, code, value) in enumerate(
        (
            (locked(), "document_encrypted", ""),
            (b"%PDF-1.7\n" + bytes(5000), "document_damaged", ""),
            (pdf(RED)[:400], "document_damaged", ""),
            (many_pages(301), "document_pages", "301"),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert converted(folder, "pdf", data) == {"refused": code, "value": value}


def test_a_picture_is_a_page_upright_and_on_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (4000, 3000), (0, 0, 0, 0))
    image.paste(BLUE, (0, 1500, 4000, 3000))
    out = io.BytesIO()
    image.save(out, "PNG")
    assert converted(tmp_path, "image", out.getvalue()) == {"pages": [(2133, 1600)]}
    with Image.open(tmp_path / "pages" / page_file(1, "large")) as page:
        assert near(page.getpixel((1000, 100)), (255, 255, 255))  # type: ignore[arg-type]
    assert near(colour_of(tmp_path / "pages" / page_file(1, "large")), BLUE)


def test_a_photograph_is_turned_as_its_camera_says_and_never_blown_up(tmp_path: Path) -> None:
    photo = Image.new("RGB", (600, 400), GREEN)
    exif = photo.getexif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees (EXIF 2.3, 4.6.4)
    out = io.BytesIO()
    photo.save(out, "JPEG", exif=exif)
    assert converted(tmp_path, "image", out.getvalue()) == {"pages": [(400, 600)]}


@pytest.mark.parametrize(
    ("data", "code", "value"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "document_damaged", ""),
        (png((300, 300), RED)[:200], "document_damaged", ""),
        # Some kilobytes that would become 400 megabytes.
        (png((20_000, 5_001), RED), "document_pixels", "101"),
    ],
    ids=["rubbish", "cut", "bomb"],
)
def test_a_picture_that_will_not_do_says_why(
    tmp_path: Path, data: bytes, code: str, value: str
) -> None:
    assert converted(tmp_path, "image", data) == {"refused": code, "value": value}


def test_libreoffice_makes_pages_of_an_office_file_and_leaves_nothing(tmp_path: Path) -> None:
    book = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(book) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write(0, 0, "课件 Unit 6")
    found = converted(tmp_path, "office", book.read_bytes(), "source.xlsx")
    assert len(found["pages"]) == 1  # type: ignore[arg-type]
    assert (tmp_path / "pages" / page_file(1, "small")).exists()


def test_an_office_file_that_libreoffice_cannot_read_says_so(tmp_path: Path) -> None:
    found = converted(tmp_path, "office", b"PK\x03\x04" + bytes(500), "source.pptx")
    assert found == {"refused": "document_office_failed", "value": ""}


_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_ODP = "application/vnd.oasis.opendocument.presentation"


def slides(folder: Path, count: int) -> bytes:
    """A PPTX as LibreOffice itself writes it."""
    pages = "".join(
        f'<draw:page draw:name="p{n}"><draw:frame svg:x="2cm" svg:y="2cm" svg:width="20cm"'
        f' svg:height="5cm"><draw:text-box><text:p>第 {n} 页</text:p></draw:text-box></draw:frame>'
        "</draw:page>"
        for n in range(count)
    )
    spaces = " ".join(
        f'xmlns:{prefix}="{_ODF}:{name}:1.0"'
        for prefix, name in (
            ("office", "office"), ("draw", "drawing"), ("text", "text"), ("svg", "svg-compatible"),
        )
    )  # fmt: skip
    content = (
        f'<office:document-content {spaces} office:version="1.2"><office:body>'
        f"<office:presentation>{pages}</office:presentation></office:body>"
        "</office:document-content>"
    )
    entries = "".join(
        f'<manifest:file-entry manifest:full-path="{path}" manifest:media-type="{kind}"/>'
        for path, kind in (("/", _ODP), ("content.xml", "text/xml"))
    )
    manifest = (
        f'<manifest:manifest xmlns:manifest="{_ODF}:manifest:1.0">{entries}</manifest:manifest>'
    )
    with zipfile.ZipFile(folder / "slides.odp", "w") as odp:
        odp.writestr("mimetype", _ODP)
        odp.writestr("content.xml", content)
        odp.writestr("META-INF/manifest.xml", manifest)
    command = [
        program("soffice"), f"-env:UserInstallation={(folder / 'own').as_uri()}", "--headless",
        "--convert-to", "pptx", "--outdir", str(folder), str(folder / "slides.odp"),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return (folder / "slides.pptx").read_bytes()


def test_slides_become_a_page_each(tmp_path: Path) -> None:
    found = converted(tmp_path, "office", slides(tmp_path, 2), "source.pptx")
    assert len(found["pages"]) == 2  # type: ignore[arg-type]
