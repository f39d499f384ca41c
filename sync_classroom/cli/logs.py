"""The log of a command: lines for people, or for programs."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from ..setting_tables import LogSettings


def configure_logs(log: LogSettings) -> None:
    """Structured lines on standard error, for people or for programs."""
    level = getattr(logging, log.level.upper())
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    if log.format == "json":
        processors.append(structlog.processors.format_exc_info)
        processors.append(structlog.processors.JSONRenderer(ensure_ascii=False))
    else:
        # The prettier formatters print local variables, and one of them may be a password.
        plain = structlog.dev.plain_traceback
        colours = sys.stderr.isatty()  # a log kept in a file is read without them
        processors.append(structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Standard output belongs to what a command was asked for.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
