"""The kernel is built where there is a compiler, and nothing fails where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sync_classroom.relay.kernel_build import MODULE, SOURCES, binding

ROOT = Path(__file__).parent.parent.parent


def test_the_binding_names_every_function_of_the_header() -> None:
    header = (ROOT / "sync_classroom/relay/kernel.h").read_text("utf-8")
    ffi = binding()
    for name in (
        "kernel_new", "kernel_free", "kernel_state", "kernel_memory", "kernel_forward",
        "kernel_reader_new", "kernel_reader_free", "kernel_arrivals", "kernel_learn",
        "kernel_forget", "kernel_read",
    ):  # fmt: skip
        assert f"{name}(" in header
    assert ffi.sizeof("struct kernel_job") == 48
    assert MODULE == "sync_classroom.relay._kernel"


@pytest.mark.parametrize(("compiler", "built"), [("cc", True), ("/no/compiler/here", False)])
def test_a_wheel_is_built_with_and_without_a_compiler(
    tmp_path: Path, compiler: str, built: bool
) -> None:
    source = tmp_path / "source"
    shutil.copytree(
        ROOT / "sync_classroom",
        source / "sync_classroom",
        ignore=shutil.ignore_patterns("*.so", "__pycache__"),
    )
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source / name)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(tmp_path), "."],
        cwd=source, env={**os.environ, "CC": compiler}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert any("relay/_kernel" in name and name.endswith(".so") for name in names) is built
    assert {f"sync_classroom/relay/{name}" for name in (*SOURCES, "kernel.h")} <= set(names)
