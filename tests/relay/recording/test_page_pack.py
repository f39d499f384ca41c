"""Pages behind the media of a file: the media as before, and every picture where it is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.relay.recording.cutting import cut
from sync_classroom.relay.recording.page_pack import MAGIC, append
from tests.support.recordings import finished, items


def read_pack(path: Path) -> list[tuple[dict[str, Any], bytes]]:
    """What a reader finds from the file's end, with each page's picture."""
    data = path.read_bytes()
    assert data[-8:] == MAGIC
    length = int.from_bytes(data[-12:-8], "big")
    pages = json.loads(data[-12 - length : -12])["pages"]
    return [(page, data[page["at"] : page["at"] + page["bytes"]]) for page in pages]


def pages(folder: Path, *spans: tuple[float, float, str]) -> list[dict[str, Any]]:
    found = []
    for from_s, to_s, name in spans:
        picture = folder / f"{name}.webp"
        picture.write_bytes(f"RIFF {name}".encode() * 9)
        found.append({
            "from_s": from_s, "to_s": to_s, "name": f"课件 {name}", "page": 1, "pages": 2,
            "width": 9, "height": 5, "type": "image/webp", "picture": str(picture),
        })  # fmt: skip
    return found


@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_the_media_stay_as_they_were_and_every_page_is_found(
    tmp_path: Path, container: str
) -> None:
    source = finished(tmp_path / f"whole.{container}", seconds=6)
    plain, packed = (tmp_path / f"{name}.{container}" for name in ("plain", "packed"))
    cut(source, plain, 2.5, 5.0)
    shown = pages(
        tmp_path, (0, 2.2, "a"), (2.2, 3, "b"), (3, 4, "a"), (4.5, 99, "c"), (99, 100, "d")
    )
    piece = cut(source, packed, 2.5, 5.0, shown)
    assert piece.bytes == packed.stat().st_size
    if container == "mp4":  # a WebM file has an identifier drawn at random
        assert packed.read_bytes().startswith(plain.read_bytes())
    assert [i.data for i in items(packed)] == [i.data for i in items(plain)]
    found = read_pack(packed)
    # The part begins with the keyframe at two seconds, and so do its pages.
    assert [(p["from_s"], p["to_s"]) for p, _ in found] == [
        (pytest.approx(a - piece.from_s if a else 0, abs=0.002),
         pytest.approx(b - piece.from_s if b else piece.duration_s, abs=0.002))
        for a, b in ((0, 2.2), (2.2, 3), (3, 4), (4.5, 0))
    ]  # fmt: skip
    assert [data for _, data in found] == [
        f"RIFF {name}".encode() * 9 for name in ("a", "b", "a", "c")
    ]
    assert found[0][0]["at"] == found[2][0]["at"]  # a picture is there once
    assert found[0][0]["name"] == "课件 a"
    assert "picture" not in found[0][0]  # whose disk it was is nobody's business


def test_a_box_is_as_long_as_it_says(tmp_path: Path) -> None:
    shown = pages(tmp_path, (0, 1, "a"))
    mp4, webm = tmp_path / "a.mp4", tmp_path / "a.webm"
    for path in (mp4, webm):
        path.write_bytes(b"")
        append(path, shown, mp4=path is mp4, from_s=0, to_s=1)
    box, void = mp4.read_bytes(), webm.read_bytes()
    assert box[:8] == b"\0\0\0\1uuid"
    assert int.from_bytes(box[8:16], "big") == len(box)
    assert void[:2] == b"\xec\x01"
    assert int.from_bytes(void[2:9], "big") == len(void) - 9


def test_a_file_without_pages_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"media")
    for shown in ([], pages(tmp_path, (5, 9, "a"))):
        assert append(path, shown, mp4=True, from_s=0, to_s=5) == 0
    assert path.read_bytes() == b"media"


def test_a_picture_that_has_gone_leaves_no_half_file(tmp_path: Path) -> None:
    source, shown = finished(tmp_path / "whole.mp4", seconds=2), pages(tmp_path, (0, 2, "a"))
    (tmp_path / "a.webp").unlink()
    with pytest.raises(FileNotFoundError):
        cut(source, tmp_path / "part.mp4", 0, 2, shown)
    assert [p.name for p in tmp_path.iterdir()] == ["whole.mp4"]
