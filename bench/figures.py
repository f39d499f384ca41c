"""How every bench says its figures: value, unit, aim, ratio, and the command that made them. Pure.

Nothing here passes or fails: a figure beyond its aim is printed like any other.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `aim` is the limit: at most it, or at least it if `at_least`."""

    name: str
    value: float
    unit: str = ""
    aim: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def aimed(self) -> str:
        """The aim as a sentence's end; empty without one."""
        if self.aim is None:
            return ""
        return f"{'≥' if self.at_least else '≤'} {number(self.aim)}{self._unit}"

    @property
    def ratio(self) -> float | None:
        """Value over aim; None without an aim or when it is zero."""
        return self.value / self.aim if self.aim else None

    @property
    def text(self) -> str:
        """The value with its unit."""
        return f"{number(self.value)}{self._unit}"

    @property
    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""


def number(value: float) -> str:
    """Three significant digits, thousands grouped, no exponent: `2,340`, `14.1`, `0.0312`."""
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed.

    Nearest rank: always one of the values. Raises ValueError of no values or no share.
    """
    if not values or not 0 < share <= 1:
        raise ValueError(f"no {share} of {len(values)} values")
    # The product may stand a rounding error above the whole number it is meant to be.
    return sorted(values)[math.ceil(share * len(values) - 1e-9) - 1]


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median over the rounds of each value; of those rounds that have it."""
    names = {name: None for values in rounds for name in values}
    return {
        name: statistics.median([values[name] for values in rounds if name in values])
        for name in names
    }


def ratios(costs: Mapping[str, float], base: str) -> dict[str, float]:
    """Each cost over that of `base`; empty if `base` was not measured or is zero."""
    return {name: cost / costs[base] for name, cost in costs.items()} if costs.get(base) else {}


def lines(figures: Sequence[Figure]) -> list[str]:
    """One printed line per figure, columns aligned."""
    name_width = max((len(figure.name) for figure in figures), default=0)
    text_width = max((len(figure.text) for figure in figures), default=0)
    made = []
    for figure in figures:
        line = f"{figure.name:{name_width}}  {figure.text:>{text_width}}"
        if figure.aim is not None:
            line += f"   aim {figure.aimed}"
        if figure.ratio is not None:
            line += f", ratio {number(figure.ratio)}"
        if figure.note:
            line += f"   ({figure.note})"
        made.append(line)
    return made


def markdown(groups: Sequence[tuple[str, Sequence[Figure]]]) -> str:
    """A table of figures, each group headed by the command that made it."""
    rows = ["| | measured | aim | measured / aim |", "|---|---|---|---|"]
    for command, figures in groups:
        rows.append(f"| `{command}` | | | |")
        for figure in figures:
            ratio = "" if figure.ratio is None else number(figure.ratio)
            name = f"{figure.name} ({figure.note})" if figure.note else figure.name
            rows.append(f"| {name} | {figure.text} | {figure.aimed} | {ratio} |")
    return "\n".join(rows) + "\n"


# ---------------------------------------------------------------------------- every bench's ends


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with what every bench understands."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="shorter and smaller, and so noisier")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser


def report(figures: Sequence[Figure], json_path: Path | None) -> None:
    """Print the figures; write them as JSON if asked to."""
    for line in lines(figures):
        print(line)
    sys.stdout.flush()
    if json_path is not None:
        json_path.write_text(json.dumps([asdict(figure) for figure in figures]), "utf-8")


def read(json_path: Path) -> list[Figure]:
    """What `report` wrote."""
    return [Figure(**values) for values in json.loads(json_path.read_text("utf-8"))]
