"""WCAG 2.2 AA contrast, computed from the colours that tokens.css really has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parent.parent.parent.parent / "sync_classroom" / "web" / "static"
TOKENS = dict(
    re.findall(r"(--[\w-]+):\s*(#[0-9a-f]{6});", (STATIC / "tokens.css").read_text("utf-8"))
)
STATES = ("live", "held", "partial", "missed", "waiting", "unknown", "cancelled")

TEXT = [
    *[(ink, ground) for ink in ("--ink", "--ink-2", "--ink-3", "--accent", "--accent-deep")
      for ground in ("--paper", "--surface")],
    *[("--ink", f"--wash-{state}") for state in STATES],
    ("--ink", "--accent-wash"),
    ("--accent-deep", "--accent-wash"),
    ("--state-missed", "--surface"),
    ("--state-missed", "--wash-missed"),
    ("--state-missed", "--paper"),
    ("--on-accent", "--accent"),
    ("--on-accent", "--accent-deep"),
    ("--surface", "--ink"),
    ("--surface", "--state-held"),
    *[(ink, ground) for ink in ("--on-stage", "--on-stage-2", "--on-stage-live",
                                "--on-stage-held", "--on-stage-partial", "--on-stage-accent")
      for ground in ("--stage", "--stage-2")],
]  # fmt: skip
# Shapes and edges need 3:1 (WCAG 2.2, 1.4.11).
GRAPHICS = [
    *[(f"--state-{state}", ground) for state in STATES
      for ground in ("--surface", "--paper", f"--wash-{state}")],
    ("--edge", "--surface"),
    ("--focus", "--surface"),
    ("--focus", "--paper"),
]  # fmt: skip


def luminance(colour: str) -> float:
    """WCAG 2.2 relative luminance."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """WCAG 2.2 contrast ratio of two tokens."""
    low, high = sorted((luminance(TOKENS[a]), luminance(TOKENS[b])))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_gives_the_known_extremes() -> None:
    TOKENS.update({"--black": "#000000", "--white": "#ffffff"})
    assert contrast("--black", "--white") == pytest.approx(21.0)
    assert contrast("--white", "--white") == pytest.approx(1.0)


@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_is_at_least_4_5_to_1(ink: str, ground: str) -> None:
    assert contrast(ink, ground) >= 4.5


@pytest.mark.parametrize(("shape", "ground"), GRAPHICS)
def test_shapes_and_edges_are_at_least_3_to_1(shape: str, ground: str) -> None:
    assert contrast(shape, ground) >= 3.0


def test_the_look_is_the_designs_table() -> None:
    wanted = {
        "--ink": "#16202a", "--ink-2": "#4a5866", "--ink-3": "#63707d", "--paper": "#f6f7f5",
        "--surface": "#ffffff", "--line": "#dfe3e0", "--accent": "#0b6b5d",
        "--state-live": "#c0392b", "--state-held": "#1e7d4f", "--state-partial": "#b7791f",
        "--state-missed": "#9b2c2c", "--state-waiting": "#5b6b7a", "--state-unknown": "#6b5b95",
        "--stage": "#0e1418", "--on-stage": "#e8edf0",
    }  # fmt: skip
    assert {k: TOKENS[k] for k in wanted} == wanted


@pytest.mark.parametrize("name", ["base.css", "office.css", "timetable/timetable.css"])
def test_every_token_used_exists_and_no_text_colour_is_written_beside_them(name: str) -> None:
    css = (STATIC / name).read_text("utf-8")
    # A subject's two colours are set where they are used; a test compares them with the domain's.
    everything = (STATIC / "tokens.css").read_text("utf-8") + css
    used = set(re.findall(r"var\((--[\w-]+)\)", css))
    assert {t for t in used if f"{t}:" not in everything} == set()
    assert re.findall(r"(?<!-)\bcolor:\s*#", css) == []


def test_motion_stops_for_those_who_ask_for_it() -> None:
    tokens = (STATIC / "tokens.css").read_text("utf-8")
    reduced = tokens[tokens.index("prefers-reduced-motion") :]
    assert "--motion: 0ms" in reduced
    assert "--motion-fast: 0ms" in reduced
    for name in ("base.css", "office.css", "timetable/timetable.css"):
        css = (STATIC / name).read_text("utf-8")
        for transition in re.findall(r"transition:([^;]+);", css):
            assert "var(--motion" in transition
        assert "animation" not in css


def test_figures_can_be_read_on_every_shade_of_the_heat_map() -> None:
    css = (STATIC / "office.css").read_text("utf-8")
    shades = re.findall(r"\.heat-(\d) \{ background: (#[0-9a-f]{6}); \}", css)
    assert [n for n, _ in shades] == ["1", "2", "3"]
    for name, colour in shades:
        TOKENS[f"--heat-{name}"] = colour
        assert contrast("--ink", f"--heat-{name}") >= 4.5
    # The darkest and the empty shade use state tokens, which are tested above.
    assert ".heat-4 { background: var(--state-held); color: var(--surface); }" in css
    assert ".heat-0 { background: var(--wash-missed); }" in css
