from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.bundle import plan_to_dict
from sync_classroom.domain.facts import Fact, parse_fact
from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.rules import DEFAULT
from sync_classroom.domain.snapshot import Difference
from sync_classroom.exchange.bundle_files import (
    MAX_BYTES,
    MAX_LINE,
    PLAN,
    RULES,
    BundleWriter,
    open_bundle,
)

PLAN_JSON: dict[str, Any] = {"schema": "sync-classroom/plan/1", "target_classrooms": 7}
FACT: dict[str, Any] = {
    "id": "f:1",
    "kind": "host_media",
    "occurrence": "o1",
    "from": "2026-09-07T09:00:00+08:00",
    "to": "2026-09-07T09:00:10+08:00",
    "packets": 3,
    "bytes": 9,
}


def _folder(path: Path, **files: str | bytes) -> Path:
    path.mkdir()
    named = {"plan.json": json.dumps(PLAN_JSON), "facts.ndjson": json.dumps(FACT) + "\n"}
    for name, content in {**named, **{k.replace("_", "."): v for k, v in files.items()}}.items():
        data = content.encode() if isinstance(content, str) else content
        (path / name).write_bytes(data)
    return path


def _zip(path: Path, folder: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for file in folder.iterdir():
            packed.write(file, inside + file.name)
    return path


def _facts(path: Path) -> list[Fact]:
    with open_bundle(path) as bundle:
        return list(bundle.facts())


@pytest.mark.parametrize("inside", ["", "bundle/"])
def test_folder_and_zip_are_read_alike(tmp_path: Path, inside: str) -> None:
    folder = _folder(tmp_path / "b")
    for path in (folder, _zip(tmp_path / "b.zip", folder, inside)):
        with open_bundle(path) as bundle:
            assert bundle.plan.roster.target_classrooms == 7
            assert bundle.rules == DEFAULT
            assert bundle.snapshot is None
            assert list(bundle.facts()) == [parse_fact(FACT)]
            assert list(bundle.tampered()) == []


def test_what_the_writer_writes_is_read_back_and_its_hashes_hold(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    with open_bundle(_folder(tmp_path / "b")) as source:
        plan = plan_to_dict(source.plan)
    facts = [parse_fact({**FACT, "id": f"f:{n}"}) for n in range(5)]
    writer = BundleWriter(path)
    writer.whole(PLAN, plan)
    writer.whole(RULES, {**DEFAULT.to_dict(), "version": "2"})
    with writer.open_facts() as add:
        assert add(facts[:2]) == 2
        assert add(facts[2:]) == 3
    assert not path.exists()
    writer.close()
    with open_bundle(path) as bundle:
        assert bundle.rules.version == "2"
        assert list(bundle.facts()) == facts
        assert set(bundle.stated) == {"plan.json", "rules.json", "facts.ndjson"}
        assert list(bundle.tampered()) == []
        stated = bundle.stated["facts.ndjson"]
    with zipfile.ZipFile(path) as packed:
        assert hashlib.sha256(packed.read("facts.ndjson")).hexdigest() == stated


def test_a_writer_that_is_discarded_leaves_nothing(tmp_path: Path) -> None:
    writer = BundleWriter(tmp_path / "out.zip")
    writer.whole(PLAN, PLAN_JSON)
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    plan, facts = json.dumps(PLAN_JSON), json.dumps(FACT) + "\n"
    hashes = {
        "plan.json": hashlib.sha256(plan.encode()).hexdigest(),
        "facts.ndjson": "00",
        "lost.txt": "11",
    }
    manifest = {"schema": "sync-classroom/manifest/1", "sha256": hashes}
    folder = _folder(tmp_path / "b", manifest_json=json.dumps(manifest))
    with open_bundle(folder) as bundle:
        list(bundle.facts())
        assert list(bundle.tampered()) == [
            Difference("sha256.facts.ndjson", "00", hashlib.sha256(facts.encode()).hexdigest()),
            Difference("sha256.lost.txt", "11", None),
        ]


def test_hashes_of_a_snapshot_are_checked_too(tmp_path: Path) -> None:
    snapshot = {
        "schema": "sync-classroom/snapshot/1",
        "figures": {"totals": {}},
        "sha256": {"facts.ndjson": "00"},
    }
    with open_bundle(_folder(tmp_path / "b", snapshot_json=json.dumps(snapshot))) as bundle:
        list(bundle.facts())
        assert [d.path for d in bundle.tampered()] == ["snapshot.sha256.facts.ndjson"]


def test_byte_order_mark_and_missing_last_newline_do_no_harm(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path / "b",
        plan_json=b"\xef\xbb\xbf" + json.dumps(PLAN_JSON).encode(),
        facts_ndjson=json.dumps(FACT) + "\r\n\r\n" + json.dumps({**FACT, "id": "f:2"}),
    )
    assert [f.id for f in _facts(folder)] == ["f:1", "f:2"]


def test_malformed_fact_is_named_by_file_and_line(tmp_path: Path) -> None:
    bad = {**FACT, "packets": -1}
    lines = "\n".join(json.dumps(f) for f in (FACT, bad))
    with pytest.raises(MalformedError, match=r"facts\.ndjson, line 2, .*'packets'"):
        _facts(_folder(tmp_path / "b", facts_ndjson=lines))


def test_a_line_without_end_is_refused_before_memory_is(tmp_path: Path) -> None:
    lines = json.dumps(FACT) + "\n" + "x" * (3 * MAX_LINE)
    with pytest.raises(MalformedError, match="line 2 is longer than"):
        _facts(_folder(tmp_path / "b", facts_ndjson=lines))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"plan_json": "{"}, "plan.json is not JSON"),
        ({"plan_json": b"\xff\xfe"}, "plan.json is not JSON"),
        ({"plan_json": "[]"}, "plan must be an object"),
        ({"plan_json": '{"schema": "x"}'}, "plan: field 'schema'"),
        ({"rules_json": '{"helt": 0.5}'}, "rules: field 'helt'"),
        ({"manifest_json": "{}"}, "manifest: field 'schema'"),
        ({"snapshot_json": "{}"}, "snapshot: field 'totals'"),
        ({"plan_json": "[" * 100_000}, "plan.json is not JSON"),
    ],
)
def test_malformed_file_is_named(tmp_path: Path, files: dict[str, Any], said: str) -> None:
    with pytest.raises(MalformedError) as caught, open_bundle(_folder(tmp_path / "b", **files)):
        pass
    assert said in str(caught.value)


def test_missing_files_are_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "b")
    (folder / "facts.ndjson").unlink()
    with pytest.raises(MalformedError, match=r"facts\.ndjson is not in the bundle"):
        _facts(folder)
    (folder / "plan.json").unlink()
    with pytest.raises(MalformedError, match=r"plan\.json is not in the bundle"):
        _facts(folder)


def test_rubbish_is_no_bundle(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    path.write_bytes(b"PK\x03\x04rubbish")
    with pytest.raises(ProblemError) as caught, open_bundle(path):
        pass
    assert caught.value.code == "bundle_unreadable"


def test_damaged_zip_is_malformed_not_a_crash(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path / "b", facts_ndjson="".join(f"{json.dumps(FACT)}\n" for _ in "a" * 99)
    )
    path = _zip(tmp_path / "b.zip", folder)
    data = bytearray(path.read_bytes())
    at = data.find(b'"packets"')
    data[at + 1] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(MalformedError):
        _facts(path)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MAX_BYTES, "rules.json", 1000)
    folder = _folder(tmp_path / "b", rules_json=" " * 1001 + "{}")
    with pytest.raises(MalformedError, match=r"rules\.json is longer than"), open_bundle(folder):
        pass
