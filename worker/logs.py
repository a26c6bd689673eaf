"""Logs: events with fields, readable on a terminal, JSON elsewhere; never a subject, a person or a secret."""

import logging
import sys
import traceback
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up_logs(level: str = "info", *, stream: TextIO | None = None) -> None:
    """Send logs to standard error; what libraries complain of comes along, but in our words."""
    out = stream or sys.stderr
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(pad_event_to=28) if out.isatty() else structlog.processors.JSONRenderer()
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _where_it_failed,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(out),
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[_in_our_words, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    # It complains at every try to reach a broker that is away; the intake tells of it, once.
    logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)
    # While a collector of spans is away it complains of every try; the last word on each is enough.
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)


def _where_it_failed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The kind of an exception and where it arose; not its text, which may quote a subject, a person or a url."""
    if not event.pop("exc_info", None):
        return event
    kind, error, _ = sys.exc_info()
    if kind is not None and error is not None:
        frames = traceback.extract_tb(error.__traceback__)[-6:]
        event["error"] = kind.__name__
        event["at"] = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
    return event


def _in_our_words(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Who complained and how badly; a library's own text may quote what must not be logged."""
    return {
        "event": "library.complained",
        "library": event.get("logger", ""),
        "level": event.get("level", "warning"),
        "timestamp": event.get("timestamp"),
    }
