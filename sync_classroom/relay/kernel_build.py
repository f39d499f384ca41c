"""Builds the packet kernel with the package, where there is a C compiler (cffi, API mode).

Named in `pyproject.toml`; nothing of the running program imports it. Without a compiler the package
is installed all the same, and the relay forwards in Python.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cffi
from setuptools import Extension
from setuptools.command.build_ext import build_ext

HERE: Final = Path(__file__).parent
MODULE: Final = "sync_classroom.relay._kernel"
SOURCES: Final = ("kernel.c", "kernel_receive.c")
"""The first says which C library the others need."""


def binding() -> cffi.FFI:
    """The binding of `kernel.h` to the code in C, not yet compiled."""
    ffi = cffi.FFI()
    ffi.cdef((HERE / "kernel.h").read_text("utf-8"))
    source = "".join(f'#include "{name}"\n' for name in SOURCES)
    ffi.set_source(MODULE, source, include_dirs=[str(HERE)])
    return ffi


class BuildKernel(build_ext):
    """setuptools' own command, with cffi's part of the source written first."""

    def build_extension(self, ext: Extension) -> None:
        """Write the binding's C and compile it; a failure is forgiven (`optional`)."""
        folder = Path(self.build_temp)
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / "kernel_binding.c"
        binding().emit_c_code(str(source))
        ext.sources = [str(source)]
        ext.include_dirs = [*ext.include_dirs, str(HERE)]
        super().build_extension(ext)
