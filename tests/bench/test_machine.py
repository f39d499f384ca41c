from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bench.machine import Cpu, CpuMeter, NoCompilerError, compile_shared, machine, rss_bytes


def test_machine_names_its_kernel_and_python() -> None:
    assert "Linux" in machine()
    assert "Python 3." in machine()


def test_cpu_meter_counts_what_this_process_used_and_no_more() -> None:
    meter, own = CpuMeter(os.getpid()), time.process_time()
    while time.process_time() < own + 0.05:
        pass
    first, used = meter.lap(), time.process_time() - own
    assert 0.05 <= first.total <= used + 0.05
    assert meter.lap().total < first.total  # a lap begins where the last one ended


def test_cpu_is_the_sum_of_its_parts() -> None:
    assert Cpu(1.5, 0.5).total == 2.0


def test_rss_bytes_sees_memory_that_is_used() -> None:
    before = rss_bytes(os.getpid())
    used = bytearray(os.urandom(1)) * (32 << 20)
    assert rss_bytes(os.getpid()) - before > 16 << 20
    del used


def test_compile_shared_says_what_the_compiler_did_not_like(tmp_path: Path) -> None:
    source = tmp_path / "wrong.c"
    source.write_text("this is not C")
    with pytest.raises(NoCompilerError):
        compile_shared(source, tmp_path)


def test_compile_shared_without_a_compiler_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoCompilerError, match="no C compiler"):
        compile_shared(tmp_path / "any.c", tmp_path)
