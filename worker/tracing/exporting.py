"""Where spans go: OpenTelemetry's SDK, set up as its environment variables say."""

import sys
from collections.abc import Mapping
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

from worker.tracing.spans import Tracing


def tracing_to(exporter: str, environment: Mapping[str, str]) -> Tracing:
    """Tracing with an exporter by its name in OTEL_TRACES_EXPORTER. Raises ValueError for one that is not here.

    Endpoint, headers, sampling and batching are read by the SDK itself.
    """
    provider = TracerProvider(resource=_resource(environment), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_exporter(exporter)))
    return Tracing(provider)


def _exporter(name: str) -> SpanExporter:
    match name:
        case "otlp":
            return OTLPSpanExporter()
        case "console":
            return ConsoleSpanExporter(out=sys.stderr)
        case _:
            raise ValueError("OTEL_TRACES_EXPORTER names an exporter that is not here: otlp, console, none.")


def _resource(environment: Mapping[str, str]) -> Resource:
    ours = {"service.version": version("roomsync")}
    named = environment.get("OTEL_SERVICE_NAME") or "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    # What is given here wins over the variables.
    return Resource.create(ours if named else ours | {"service.name": "roomsync"})
