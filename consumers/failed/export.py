"""Failed messages as JSON Lines: bytes, properties, headers; `publish` and `replay --from` take them back."""

import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from aio_pika.abc import AbstractIncomingMessage
from pamqp import commands as spec

from consumers.failed.message import id_of

FORMAT = 1
_MARK = "roomsync_failed"
_PROPERTIES = ("message_id", "content_type", "content_encoding", "correlation_id", "reply_to", "type", "app_id")


class WrongLine(Exception):
    """A line is none of an export; the text says what is wrong, without repeating it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMessage:
    """A message out of a file, in the form of one that came from the broker."""

    body: bytes
    headers: Mapping[str, Any]
    routing_key: str | None = None
    message_id: str | None = None
    content_type: str | None = None
    content_encoding: str | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    type: str | None = None
    app_id: str | None = None
    user_id: str | None = None
    priority: int | None = None
    timestamp: datetime | None = None

    @property
    def properties(self) -> spec.Basic.Properties:
        """What it says about itself, as it is published again."""
        return spec.Basic.Properties(
            headers=dict(self.headers),
            timestamp=self.timestamp,
            user_id=self.user_id,
            message_type=self.type,
            **{name: getattr(self, name) for name in _PROPERTIES if name != "type"},
        )


def line_of(message: AbstractIncomingMessage) -> str:
    """A message as a line, without its end. What is no UTF-8 stands in `body_base64`."""
    line: dict[str, object] = {
        _MARK: FORMAT,
        "id": id_of(message),
        "routing_key": message.routing_key,
        "properties": {name: getattr(message, name) for name in _PROPERTIES if getattr(message, name) is not None},
        "headers": {name: _plain(value) for name, value in message.headers.items()},
    }
    if message.user_id is not None:
        line["user_id"] = message.user_id
    if message.timestamp is not None:
        line["timestamp"] = message.timestamp.isoformat()
    try:
        line["body"] = message.body.decode("utf-8")
    except UnicodeDecodeError:
        line["body_base64"] = base64.b64encode(message.body).decode("ascii")
    return json.dumps(line)


def is_exported(line: bytes) -> bool:
    """Whether a line of a file looks like one of an export."""
    return f'"{_MARK}"'.encode() in line[:64]


def read_line(line: bytes) -> FileMessage:
    """Take a line back. Raises `WrongLine`."""
    try:
        members = json.loads(line)
        if members[_MARK] != FORMAT:
            raise WrongLine(f"expected an export of format {FORMAT}")
        body = (
            members["body"].encode() if "body" in members else base64.b64decode(members["body_base64"], validate=True)
        )
        timestamp = members.get("timestamp")
        return FileMessage(
            body=body,
            headers={name: _typed(value) for name, value in members["headers"].items()},
            routing_key=members.get("routing_key"),
            user_id=members.get("user_id"),
            timestamp=None if timestamp is None else datetime.fromisoformat(timestamp),
            **{name: members["properties"].get(name) for name in _PROPERTIES},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as wrong:
        raise WrongLine(f"not a line of an export ({type(wrong).__name__})") from None


@dataclass(slots=True, kw_only=True)
class FileHand:
    """Messages of a file in hand; nothing is taken out of a file."""

    messages: dict[str, list[AbstractIncomingMessage]] = field(default_factory=dict)
    is_full: bool = False

    async def remove(self, message: AbstractIncomingMessage) -> None:
        """Nothing: what was published stays in the file."""


class FileSource:
    """A source of messages that were exported; the failed queue is not touched."""

    def __init__(self, messages: Iterable[FileMessage]) -> None:
        # A message of the broker in all that anybody looks at.
        self._messages = cast("Sequence[AbstractIncomingMessage]", list(messages))

    async def look_through(self, see: Callable[[AbstractIncomingMessage], None]) -> int:
        """Show each message; returns how many there are."""
        for message in self._messages:
            see(message)
        return len(self._messages)

    @asynccontextmanager
    async def taken(self, wanted: Counter[str]) -> AsyncIterator[FileHand]:
        """The messages with these ids."""
        hand = FileHand()
        for message in self._messages:
            failed_id = id_of(message)
            if failed_id in wanted:
                hand.messages.setdefault(failed_id, []).append(message)
        yield hand


def _plain(value: object) -> object:
    """A header's value in JSON; what JSON has no type for is named."""
    match value:
        case bool() | int() | float() | str() | None:
            return value
        case bytes() | bytearray():
            return {"$bytes": base64.b64encode(bytes(value)).decode("ascii")}
        case datetime():
            return {"$time": (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()}
        case Mapping():
            return {"$table": {str(name): _plain(each) for name, each in value.items()}}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return str(value)


def _typed(value: Any) -> Any:  # noqa: ANN401 - what JSON holds
    match value:
        case {"$bytes": text}:
            return base64.b64decode(text, validate=True)
        case {"$time": text}:
            return datetime.fromisoformat(text)
        case {"$table": members}:
            return {name: _typed(each) for name, each in members.items()}
        case list():
            return [_typed(each) for each in value]
        case _:
            return value
