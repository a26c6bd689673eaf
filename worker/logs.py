"""Logs: events with fields, readable on a terminal, JSON elsewhere; never a subject, a person or a secret."""

import logging
import os
import sys
import traceback
from collections.abc import Hashable
from contextlib import suppress
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from worker.repeats import Repeats
from worker.terminal import visible

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
SAME_MAX = 600
"""Lines of one event, code and tenant in a minute."""
LIBRARY_SAME_MAX = 1
"""Complaints of one place of a library in a minute."""
VALUE_MAX = 500
ITEMS_MAX = 20


def set_up_logs(level: str = "info", *, stream: TextIO | None = None, repeats: Repeats | None = None) -> None:
    """Send logs to standard error; what libraries complain of comes along, but in our words."""
    out = _Stream(stream or sys.stderr)
    seldom = _Seldom(repeats or Repeats())
    renderer: list[Processor] = [structlog.processors.JSONRenderer()]
    if out.isatty():
        renderer = [_visible, structlog.dev.ConsoleRenderer(pad_event_to=28)]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _where_it_failed,
    ]
    structlog.configure(
        processors=[seldom.process, *shared, _cut, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(out),  # type: ignore[arg-type]  # as much of a file as it needs
    )
    handler = logging.StreamHandler(out)
    handler.addFilter(seldom.passes)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[_in_our_words, _cut, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    # It complains at every try to reach a broker that is away; the intake tells of it, once.
    logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)
    # While a collector of spans is away it complains of every try; the last word on each is enough.
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)


class _Stream:
    """Where the lines go. That nobody can write them (a full disk, a closed pipe) must not stop the work."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._out.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._out.flush()

    def isatty(self) -> bool:
        return self._out.isatty()


class _Seldom:
    """Leaves out what repeats itself, and tells how often it did once the minute is over."""

    def __init__(self, repeats: Repeats) -> None:
        self._repeats = repeats

    def process(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """Of ours. What was asked for by `--log-level debug` is told whole."""
        self._tell_left_out(event["event"])
        key = (event["event"], event.get("code"), event.get("tenant"))
        if method != "debug" and self._repeats.is_enough(key, SAME_MAX):
            raise structlog.DropEvent
        return event

    def passes(self, record: logging.LogRecord) -> bool:
        """Of libraries."""
        self._tell_left_out("")
        return not self._repeats.is_enough((record.name, _place(record)), LIBRARY_SAME_MAX)

    def _tell_left_out(self, event: str) -> None:
        if event == _LEFT_OUT:
            return
        for key, count in self._repeats.left_out(_most).items():
            match key:
                case (str() as name, code, tenant):
                    structlog.get_logger().warning(_LEFT_OUT, of=name, code=code, tenant=tenant, lines=count)
                case (library, place):
                    told = "library.complained"
                    structlog.get_logger().warning(_LEFT_OUT, of=told, library=library, at=place, lines=count)
                case _:
                    structlog.get_logger().warning(_LEFT_OUT, of="many other lines", lines=count)


_LEFT_OUT = "log.left_out"


def _most(key: Hashable) -> int:
    return LIBRARY_SAME_MAX if isinstance(key, tuple) and len(key) == 2 else SAME_MAX


def _cut(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: _shortened(value) for name, value in event.items()}


def _shortened(value: object) -> object:
    if isinstance(value, str) and len(value) > VALUE_MAX:
        return f"{value[:VALUE_MAX]}… ({len(value)} characters)"
    if isinstance(value, list | tuple):
        rest = [f"… and {len(value) - ITEMS_MAX} more"] if len(value) > ITEMS_MAX else []
        return [_shortened(each) for each in value[:ITEMS_MAX]] + rest
    return value if isinstance(value, str | int | float | None) else _shortened(str(value))


def _visible(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A terminal obeys what JSON would have quoted."""
    return {name: visible(value) if isinstance(value, str) else value for name, value in event.items()}


def _where_it_failed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The kind of an exception and where it arose; not its text, which may quote a subject, a person or a url."""
    given = event.pop("exc_info", None)
    if not given:
        return event
    if isinstance(given, BaseException):
        given = type(given), given, given.__traceback__
    kind, error, trace = given if isinstance(given, tuple) else sys.exc_info()
    if kind is not None and error is not None:
        frames = traceback.extract_tb(trace)[-6:]
        event["error"] = kind.__name__
        event["at"] = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
        if isinstance(error, OSError) and error.errno is not None:
            event["errno"], event["errno_means"] = error.errno, os.strerror(error.errno)
    return event


def _in_our_words(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Who complained, how badly, of what kind of error and where; its own text may quote what must not be logged."""
    told = {
        "event": "library.complained",
        "library": event.get("logger", ""),
        "level": event.get("level", "warning"),
        "timestamp": event.get("timestamp"),
        "at": event.get("at") or _place(event["_record"]),
    }
    return told | {name: event[name] for name in ("error", "errno", "errno_means") if name in event}


def _place(record: logging.LogRecord) -> str:
    """Where in a library: the line that raised, else the one that complained."""
    trace = record.exc_info[2] if record.exc_info else None
    if trace is not None:
        frame = traceback.extract_tb(trace)[-1]
        return f"{_file(frame.filename)}:{frame.lineno}"
    return f"{_file(record.pathname)}:{record.lineno}"


def _file(path: str) -> str:
    """A file with its folder, which tells the library."""
    return "/".join(path.split("/")[-2:])
