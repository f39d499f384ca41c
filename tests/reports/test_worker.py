"""Whatever a drawing child does, the coordinator goes on."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from sync_classroom.domain.problems import ProblemError
from sync_classroom.reports.worker import Renderer
from tests.support.reports import content

pytestmark = pytest.mark.asyncio


async def unheard(step: str) -> None:
    del step


def python(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", text)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_steps_are_told_and_files_are_as_said(tmp_path: Path) -> None:
    steps: list[str] = []

    async def heard(step: str) -> None:
        steps.append(step)

    made = await Renderer().render(content(), ("pdf", "xlsx", "csv"), tmp_path, heard)
    assert steps == ["charts", "pdf", "xlsx", "csv"]
    assert {f.path.name for f in made.values()} == {"report.pdf", "report.xlsx", "tables.zip"}
    assert all(f.path.stat().st_size == f.bytes for f in made.values())


async def test_a_child_that_hangs_is_killed_in_time(tmp_path: Path) -> None:
    hung = ("sh", "-c", 'echo $$ >"$0/pid"; exec sleep 99')  # begins sooner than any Python
    with pytest.raises(ProblemError) as caught:
        await Renderer(command=hung, timeout_s=2.0).render({}, ("pdf",), tmp_path, unheard)
    assert caught.value.code == "report_slow"
    assert gone(int((tmp_path / "pid").read_text()))


async def test_a_child_that_dies_or_lies_is_a_failure(tmp_path: Path) -> None:
    for text in ("raise SystemExit(3)", "import os; os.abort()", "print('{}')", "print('what?')"):
        with pytest.raises(ProblemError) as caught:
            await Renderer(command=python(text)).render({}, ("pdf",), tmp_path, unheard)
        assert caught.value.code == "report_failed"


async def test_a_child_dies_with_its_caller(tmp_path: Path) -> None:
    hung = python(
        "import os,sys,time; open(sys.argv[1]+'/pid','w').write(str(os.getpid()))\n"
        'print(\'{"step": "pdf"}\', flush=True); time.sleep(99)'
    )
    begun = asyncio.Event()

    async def heard(step: str) -> None:
        begun.set()

    task = asyncio.create_task(Renderer(command=hung).render({}, ("pdf",), tmp_path, heard))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("told", [ProblemError("report_gone", "没有", "gone"), OSError("full")])
async def test_what_the_listener_raises_passes_as_it_is_and_ends_the_child(
    tmp_path: Path, told: Exception
) -> None:
    """Not as a group of one: a ProblemError has its sentence, whoever raised it beside others."""
    hung = python(
        "import os,sys,time; open(sys.argv[1]+'/pid','w').write(str(os.getpid()))\n"
        'print(\'{"step": "pdf"}\', flush=True); time.sleep(99)'
    )

    async def refuses(step: str) -> None:
        raise told

    with pytest.raises(type(told)) as caught:
        await Renderer(command=hung).render({}, ("pdf",), tmp_path, refuses)
    assert caught.value is told
    assert gone(int((tmp_path / "pid").read_text()))


async def test_memory_beyond_the_bound_ends_the_child_alone(tmp_path: Path) -> None:
    greedy = python(
        "import sys; from sync_classroom.reports import child\n"
        "child.MEMORY = 400_000_000; child.draw = lambda *a: bytearray(1_000_000_000)\n"
        "from pathlib import Path; child.main(sys.stdin.buffer, Path(sys.argv[1]))"
    )
    with pytest.raises(ProblemError) as caught:
        await Renderer(command=greedy).render({}, ("pdf",), tmp_path, unheard)
    assert caught.value.code == "report_failed"
