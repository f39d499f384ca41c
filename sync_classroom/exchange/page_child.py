"""A document into pages: `python -m sync_classroom.exchange.page_child KIND SOURCE FOLDER SOFFICE`.

Pictures of every page go into FOLDER, what they are onto stdout as JSON. A process of its own, like
`child`: whatever a hostile file does to a library, it does within these bounds, behind everybody
else in the queue for the processor.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pypdfium2
from PIL import Image, ImageOps

from ..domain.documents import MAX_PAGES, SIZES, document_problem, page_file
from ..domain.problems import ProblemError

#: Address space: a page of 2560 × 1600 with the pictures on it takes a tenth of it.
MEMORY: Final = 2_000_000_000
#: LibreOffice maps more than it uses.
OFFICE_MEMORY: Final = 6_000_000_000
CPU_S: Final = 600
#: Of one file written: a page's picture, or what LibreOffice makes of a file of 100 MB.
FILE_BYTES: Final = 400_000_000
# Pillow only warns of its own bound.
MAX_PIXELS: Final = 100_000_000
Image.MAX_IMAGE_PIXELS = None
#: Hardly to be told from the original on text, and a third of its size on photographs.
QUALITY: Final = 88
#: FPDF_ERR_PASSWORD of fpdfview.h.
_PASSWORD: Final = 4
_DRAWN: Final = ("PNG", "JPEG", "WEBP")

# Documents are foreign: nothing in them runs, and nothing outside of them is fetched. The proxy is
# the discard port of this machine, where nobody answers.
_PROFILE: Final = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
{items}
</oor:items>
"""
_ITEM: Final = (
    '<item oor:path="/org.openoffice.{path}"><prop oor:name="{name}" oor:op="fuse">'
    "<value>{value}</value></prop></item>"
)
_ITEMS: Final = (
    ("Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Office.Common/Security/Scripting", "DisableActiveContent", "true"),
    ("Inet/Settings", "ooInetProxyType", "2"),
    ("Inet/Settings", "ooInetHTTPProxyName", "127.0.0.1"),
    ("Inet/Settings", "ooInetHTTPProxyPort", "9"),
    ("Inet/Settings", "ooInetHTTPSProxyName", "127.0.0.1"),
    ("Inet/Settings", "ooInetHTTPSProxyPort", "9"),
)


def convert(kind: str, source: Path, folder: Path, soffice: str) -> list[tuple[int, int]]:
    """Write every page's pictures; the largest's size of each, pixels. ProblemError for what will
    not do."""
    if kind == "office":
        source = _to_pdf(source, folder, soffice)
    pages = _picture(source) if kind == "image" else _pages(source)
    return [_write(page, folder, n) for n, page in enumerate(pages, 1)]


def _to_pdf(source: Path, folder: Path, soffice: str) -> Path:
    """What LibreOffice makes of a file, with a profile of its own that goes with the folder."""
    profile = folder / "profile"
    (profile / "user").mkdir(parents=True)
    items = "\n".join(_ITEM.format(path=p, name=n, value=v) for p, n, v in _ITEMS)
    settings = profile / "user" / "registrymodifications.xcu"
    settings.write_text(_PROFILE.format(items=items), "utf-8")
    made = folder / "made"
    command = [
        soffice, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--norestore",
        "--nolockcheck", "--nodefault", "--convert-to", "pdf", "--outdir", str(made), str(source),
    ]  # fmt: skip
    _limit(OFFICE_MEMORY)
    # Its exit code is 0 whatever happens; the file is there or not.
    subprocess.run(  # noqa: S603 - our own command line, and a path of our making
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False,
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LANG": "C.UTF-8"},
    )  # fmt: skip
    _limit(MEMORY)
    found = next(iter(made.glob("*.pdf")), None)
    if found is None:
        raise document_problem("document_office_failed")
    return found


def _pages(source: Path) -> Iterator[Image.Image]:
    """The pages of a PDF, each as it fits the largest size."""
    try:
        document = pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError as error:
        locked = error.err_code == _PASSWORD
        raise document_problem("document_encrypted" if locked else "document_damaged") from error
    with closing(document):
        count = len(document)
        if count > MAX_PAGES:
            raise document_problem("document_pages", str(count))
        if count == 0:
            raise document_problem("document_damaged")
        document.init_forms()
        for number in range(count):
            page = document[number]
            width, height = page.get_size()
            # Written so that NaN is refused, too.
            if not (width > 0 and height > 0):
                raise document_problem("document_damaged")
            box = SIZES["large"]
            bitmap = page.render(scale=min(box[0] / width, box[1] / height))
            yield bitmap.to_pil().convert("RGB")
            bitmap.close()
            page.close()


def _picture(source: Path) -> Iterator[Image.Image]:
    """A picture as a document of one page, upright, on white."""
    try:
        with Image.open(source, formats=_DRAWN) as image:
            pixels = image.width * image.height
            if pixels > MAX_PIXELS:
                raise document_problem("document_pixels", str(-(-pixels // 1_000_000)))
            image.draft("RGB", SIZES["large"])
            upright = ImageOps.exif_transpose(image)
            # Smaller first: what follows then costs little of memory.
            upright.thumbnail(SIZES["large"], Image.Resampling.LANCZOS, reducing_gap=3.0)
            seen = upright.convert("RGBA")
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise document_problem("document_damaged") from error
    white = Image.new("RGBA", seen.size, "white")
    yield Image.alpha_composite(white, seen).convert("RGB")


def _write(page: Image.Image, folder: Path, number: int) -> tuple[int, int]:
    """Every size of a page, the largest first: each is made of the one before."""
    page.thumbnail(SIZES["large"], Image.Resampling.LANCZOS)
    largest = page.size
    for size, box in sorted(SIZES.items(), key=lambda item: item[1], reverse=True):
        page.thumbnail(box, Image.Resampling.LANCZOS)
        page.save(folder / page_file(number, size), "WEBP", quality=QUALITY, method=3)
    return largest


def _limit(memory: int) -> None:
    """The hard limit stays, so that LibreOffice can be given more than we take."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, OFFICE_MEMORY))


def answer(kind: str, source: Path, folder: Path, soffice: str) -> dict[str, Any]:
    """Pages, or the code of the refusal and the value at fault."""
    try:
        return {"pages": convert(kind, source, folder, soffice)}
    except ProblemError as problem:
        return {"refused": problem.code, "value": str(problem.value or "")}
    except (MemoryError, pypdfium2.PdfiumError, OSError):
        return {"refused": "document_damaged", "value": ""}


def main() -> None:
    """Bound this process, then convert."""
    kind, source, folder, soffice = sys.argv[1:]
    _limit(MEMORY)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)
    # What a library has to say of a foreign file is for nobody.
    warnings.simplefilter("ignore")
    found = answer(kind, Path(source), Path(folder), soffice)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
