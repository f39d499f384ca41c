"""The fuzz targets in small: their seeds, what they once found, and mutations by hypothesis."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import COMMANDS, Command, main, read_result, run
from tests.fuzz.targets import FOUND, TARGETS, Run, found

KEPT = [(name, path) for name in TARGETS for path in found(name)]


@pytest.fixture(scope="module", params=TARGETS)
def target(request: pytest.FixtureRequest) -> Iterator[tuple[str, Run]]:
    """One target, set up once for all its tests."""
    name = request.param
    made = TARGETS[name].make()
    yield name, made
    getattr(made, "close", lambda: None)()


def test_a_target_takes_its_seeds_and_nothing_at_all(target: tuple[str, Run]) -> None:
    name, takes = target
    seeds = TARGETS[name].seeds()
    assert len(set(seeds)) == len(seeds) >= 4
    assert max(map(len, seeds)) <= TARGETS[name].max_bytes
    for seed in (b"", *seeds):
        takes(seed)


def test_a_target_takes_what_once_made_it_fail(target: tuple[str, Run]) -> None:
    name, takes = target
    for path in found(name):
        takes(path.read_bytes())


def mutated(name: str) -> st.SearchStrategy[bytes]:
    """Seeds of the target with some places overwritten, cut out or doubled; and anything."""
    edit = st.tuples(
        st.integers(0, 3), st.integers(0, 4000), st.integers(0, 12), st.binary(max_size=12)
    )

    def apply(seed: bytes, edits: list[tuple[int, int, int, bytes]]) -> bytes:
        for kind, place, size, new in edits:
            at = place % (len(seed) + 1)
            old = seed[at : at + size]
            seed = seed[:at] + (new, old + new, old * 2, b"")[kind] + seed[at + size :]
        return seed[: TARGETS[name].max_bytes]

    seeds = st.sampled_from(TARGETS[name].seeds())
    return st.builds(apply, seeds, st.lists(edit, max_size=6)) | st.binary(max_size=64)


def test_a_target_takes_mutations_of_its_seeds(target: tuple[str, Run]) -> None:
    name, takes = target

    @settings(
        max_examples=150,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(mutated(name))
    def takes_anything(data: bytes) -> None:
        takes(data)

    takes_anything()


def test_every_kept_input_belongs_to_a_target() -> None:
    kept = {path for path in FOUND.rglob("*") if path.is_file()}
    assert kept == {path for _, path in KEPT}


# ---------------------------------------------------------------------------- make fuzz


def test_every_target_is_run_by_make_fuzz() -> None:
    assert set(TARGETS) <= {command.name for command in COMMANDS}


DONE = """\
#2\tINITED cov: 120 ft: 200 corp: 4/90b exec/s: 0 rss: 99Mb
#4096\tpulse  cov: 131 ft: 240 corp: 9/99b exec/s: 2048 rss: 99Mb
#9001\tDONE   cov: 131 ft: 240 corp: 9/99b exec/s: 2000 rss: 99Mb
Done 9001 runs in 5 second(s)
"""
FAILED = """\
#2\tINITED cov: 120 ft: 200 corp: 4/90b exec/s: 0 rss: 99Mb
#77\tNEW    cov: 121 ft: 201 corp: 5/91b exec/s: 0 rss: 99Mb
 === Uncaught Python exception: ===
AssertionError: acknowledged more than was sent
==12== ERROR: libFuzzer: fuzz target exited
artifact_prefix='var/fuzz/rtp/'; Test unit written to var/fuzz/rtp/crash-0a1b
"""


def test_figures_are_read_from_the_log() -> None:
    result = read_result("rtp", 0, DONE)
    assert (result.executions, result.coverage, result.seconds) == (9001, 131, 5)
    assert result.failed == ""
    assert result.row() == "rtp              9,001       131       5 s  ok"


def test_a_failure_names_its_error_and_its_input() -> None:
    result = read_result("rtp", 77, FAILED)
    assert (result.executions, result.coverage) == (77, 121)
    assert result.failed == (
        "FAILED (77): AssertionError: acknowledged more than was sent -> var/fuzz/rtp/crash-0a1b"
    )


def test_a_target_that_ends_without_a_word_has_failed() -> None:
    assert read_result("rtp", 0, "").failed.startswith("FAILED (0)")


def test_a_command_in_another_language_is_run_and_its_log_kept(tmp_path: Path) -> None:
    script = "import sys; print(f'#5 cov: 3\\nDone 5 runs in {sys.argv[1]} second(s)')"
    command = Command("other", (sys.executable, "-c", script, "{seconds}", "{folder}"))
    result = run(command, 7, tmp_path)
    assert (result.executions, result.coverage, result.seconds, result.failed) == (5, 3, 7, "")
    assert "Done 5 runs" in (tmp_path / "other.log").read_text()


def test_the_kernel_is_built_with_sanitizers_and_attacked(tmp_path: Path) -> None:
    (kernel,) = [command for command in COMMANDS if command.name == "kernel"]
    result = run(kernel, 1, tmp_path)
    assert result.failed == "", (tmp_path / "kernel.log").read_text()
    assert (result.executions > 100, result.seconds) == (True, 1)


def test_an_unknown_target_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["smtp"])
    assert "no target smtp; there are" in capsys.readouterr().err
