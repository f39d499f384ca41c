"""What the processes share: they end with their parent, and read files to where they are whole."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import av

from sync_classroom.relay.recording.child import sha256_of, whole_packets
from tests.support.recordings import finished

_CHILD = """
import time
from sync_classroom.relay.recording.child import end_with_parent
end_with_parent()
print("begun", flush=True)
time.sleep(600)
"""


def test_a_child_ends_when_its_parent_lets_go() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == b"begun\n"
    child.stdin.close()
    assert child.wait(timeout=30) == 1
    child.stdout.close()


def test_a_file_is_read_to_where_it_is_damaged(tmp_path: Path) -> None:
    path = finished(tmp_path / "whole.mp4", seconds=4)
    with av.open(str(path)) as container:
        whole = [packet.size for packet in whole_packets(container)]
    cut = tmp_path / "cut.mp4"
    data = path.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    with av.open(str(cut)) as container:
        read = [packet.size for packet in whole_packets(container)]
    assert 0 < len(read) < len(whole)
    assert read == whole[: len(read)]


def test_the_digest_is_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"x" * 3_000_001)
    assert sha256_of(path) == hashlib.sha256(b"x" * 3_000_001).hexdigest()
