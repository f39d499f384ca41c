from __future__ import annotations

from bench.relay.compare import FLOOR_SEGMENTS, JANUS, KERNEL, PYTHON
from bench.relay.pattern import LOW
from bench.relay.sending import FLOOR_LOW, KERNEL_LOW, SEGMENTING, found


def _costs(us: float) -> dict[str, float]:
    return {"us_per_packet": us, "us_user": us / 4, "us_system": us / 2, "forwarded": 1000.0}


def test_found_names_every_figure_as_sending_alone_and_has_the_aims() -> None:
    costs = {
        FLOOR_SEGMENTS: _costs(2.0),
        FLOOR_LOW: _costs(2.0),
        PYTHON: _costs(4.0),
        KERNEL: _costs(2.5),
        KERNEL_LOW: _costs(2.5),
        FLOOR_SEGMENTS + SEGMENTING: _costs(1.0),
        KERNEL + SEGMENTING: _costs(2.0),
        FLOOR_LOW + SEGMENTING: _costs(1.0),
        KERNEL_LOW + SEGMENTING: _costs(2.0),
        JANUS: _costs(20.0),
    }
    made = found(costs)
    assert all(figure.name.startswith("sending alone: ") for figure in made)
    ratios = [(f.name.rpartition(": ")[2], f.value, f.aim) for f in made if f.unit == "×"]
    assert ratios == [
        (f"{KERNEL} / {JANUS}", 0.125, 0.12),
        (f"{PYTHON} / {JANUS}", 0.2, 0.30),
        (f"{FLOOR_SEGMENTS} / {JANUS}", 0.1, None),
        (f"{KERNEL} / {FLOOR_SEGMENTS}", 1.25, None),
        (f"{KERNEL}{SEGMENTING} / {JANUS}", 0.1, 0.12),
        (f"{FLOOR_SEGMENTS}{SEGMENTING} / {JANUS}", 0.05, None),
    ]
    carried = [(round(f.value * LOW.packets_per_s), f.aim) for f in made if f.unit == ""]
    assert carried == [(400_000, 4000), (500_000, None), (500_000, 4000), (1_000_000, None)]


def test_found_without_janus_or_kernel_says_what_is_left() -> None:
    assert [figure.unit for figure in found({PYTHON: _costs(4.0)})] == ["µs"]
