"""The log of a command: lines for people, or for programs."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from ..config import Settings


def configure_logs(settings: Settings) -> None:
    """Structured lines on standard error, for people or for programs."""
    level = getattr(logging, settings.log.level.upper())
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    if settings.log.format == "json":
        processors.append(structlog.processors.dict_tracebacks)
        processors.append(structlog.processors.JSONRenderer(ensure_ascii=False))
    else:
        processors.append(structlog.dev.ConsoleRenderer())
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
