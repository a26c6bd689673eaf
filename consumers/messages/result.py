"""The result event: what became of one version of a booking, not what the room holds now (docs/contract.md#results)."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from adapters.errors import Scope
from consumers.messages.wire_models import MAX_VERSION

UNKNOWN_TENANT = "-"


class Outcome(StrEnum):
    """What a result event may report; `delayed` is followed by another."""

    SYNCED = "synced"
    REMOVED = "removed"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    DELAYED = "delayed"


def _in_milliseconds(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, PlainSerializer(_in_milliseconds), Field(json_schema_extra={"format": "date-time"})]


class _Part(BaseModel):
    # Every member is always there; more may come (docs/contract.md), so readers are told of no end.
    model_config = ConfigDict(frozen=True, from_attributes=True, json_schema_serialization_defaults_required=True)


class ResultWarning(_Part):
    """What was carried out, but not to the letter; `member` is a JSON Pointer."""

    code: str
    message: str
    member: str | None = None


class ResultError(_Part):
    """Why it failed or waits; `scope` says whose business it is."""

    code: str
    message: str
    member: str | None = None
    scope: Scope


class ResultEvent(_Part):
    """One result event. Of a command that cannot be read, what is unknown is null."""

    schema_version: Literal[1] = 1
    outcome: Outcome
    tenant: str | None = None
    room: str | None = None
    booking_id: str | None = None
    version: Annotated[int, Field(ge=1, le=MAX_VERSION)] | None = None
    command: Literal["create", "update", "move", "end", "cancel"] | None = None
    message_id: str | None = None
    backend: str | None = None
    item_id: str | None = None
    attempts: Annotated[int, Field(ge=0)] = 0
    at: Moment
    took_ms: Annotated[int, Field(ge=0)]
    derived: bool = False
    warnings: tuple[ResultWarning, ...] = ()
    error: ResultError | None = None

    @property
    def routing_key(self) -> str:
        """`<tenant>.<outcome>`; nothing that failed its check is ever in it."""
        return f"{self.tenant or UNKNOWN_TENANT}.{self.outcome}"

    def to_json(self) -> bytes:
        """The body of the message."""
        return self.model_dump_json().encode("utf-8")
