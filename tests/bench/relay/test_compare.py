from __future__ import annotations

from bench.relay.compare import FLOOR, JANUS, KERNEL, KERNEL_PLAIN, PYTHON, found, table


def _costs(us: float, **more: float) -> dict[str, float]:
    return {"us_per_packet": us, "arrived_percent": 100.0} | more


SERVER = {"kb_per_subscriber": 120.0, "ms_cpu_per_join": 4.0, "joins_per_s": 100.0}


def test_found_has_the_aims_of_the_relay_against_janus_and_the_floor() -> None:
    costs = {
        FLOOR: _costs(5.0),
        PYTHON: _costs(10.0, **SERVER),
        KERNEL: _costs(3.0, **SERVER),
        KERNEL_PLAIN: _costs(6.0, **SERVER),
        JANUS: _costs(40.0, **SERVER),
    }
    ratios = [(f.value, f.aim) for f in found(costs) if f.unit == "×"]
    assert ratios == [(0.075, 0.12), (0.25, 0.30), (1.2, 1.3), (0.6, 1.0), (2.0, None)]
    assert [f.aim for f in found(costs) if f.unit == "kB"] == [150, 150, None]


def test_found_without_janus_or_compiler_says_what_is_left() -> None:
    names = [figure.name for figure in found({PYTHON: _costs(10.0, **SERVER)})]
    assert names == [f"memory per receiver: {PYTHON}", f"CPU per join: {PYTHON}"]


def test_table_has_a_line_for_each_and_blanks_where_nothing_is_known() -> None:
    lines = table({FLOOR: _costs(5.0), JANUS: _costs(40.0, **SERVER)})
    assert lines[0].split()[:5] == ["µs/packet", "×", "Janus", "×", "floor"]
    assert lines[1].split() == ["floor", "5", "0.125", "1", "100"]
    assert lines[2].split() == ["Janus", "40", "1", "8", "120", "4", "100", "100"]
