"""Office and bureau pages: one module per group, every address listed here."""

from __future__ import annotations

from .route import PageRoute

__all__ = ["PageRoute", "page_routes"]


def page_routes() -> tuple[PageRoute, ...]:
    """Every page address with its handler and roles, in no particular order."""
    return ()
