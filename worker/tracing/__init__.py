"""Switches tracing on where OpenTelemetry's own variables ask for it; nothing of it is loaded otherwise."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from worker.tracing.spans import Tracing

log = structlog.get_logger(__name__)

_WHERE_TO = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether somebody says where spans go (OpenTelemetry, "Environment Variable Specification"). Pure."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return any(environment.get(name, "").strip() for name in _WHERE_TO)


def open_tracing(environment: Mapping[str, str]) -> "Tracing | None":
    """Tracing if it is wanted and can be had; a worker without it works all the same."""
    if not is_wanted(environment):
        return None
    try:
        # Loaded only here: it is an extra, and takes a part of a second.
        from worker.tracing.exporting import tracing_to  # noqa: PLC0415
    except ImportError:
        log.warning("tracing.unavailable", why="OTEL_* variables ask for it; install the extra: roomsync[tracing]")
        return None
    try:
        return tracing_to(environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() or "otlp", environment)
    except ValueError as wrong:
        log.warning("tracing.unavailable", why=str(wrong))
        return None
