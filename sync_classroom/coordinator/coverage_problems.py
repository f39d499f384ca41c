"""What may be wrong with what is asked of figures and their rules, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from ..domain.problems import ProblemError


def unknown_rule(name: str, known: Sequence[str]) -> ProblemError:
    """A rule was named that there is not."""
    return ProblemError(
        "unknown_rule",
        f"没有名为“{name[:40]}”的规则。可用的规则：{'、'.join(known)}。",
        f"There is no rule {name[:40]!r}; the rules are {', '.join(known)}.",
        field="changes",
        value=name[:40],
    )
