"""Failed messages as JSON Lines: bytes, properties, headers; `publish` and `replay --from` take them back."""

import base64
import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pamqp import commands as spec

from consumers.broker.field_table import AsSent, Table, text_of
from consumers.broker.frames import HEAD_BYTES
from consumers.broker.headers import plausible
from consumers.broker.message_copy import Copy
from consumers.broker.properties import Properties
from consumers.failed.message import Queued, id_of
from consumers.messages.json_object import MAX_BYTES

FORMAT = 1
_PIECE_BYTES = 3 * 65_536
"""Of a body; divisible by three, so that the pieces of base64 fit together."""
_MARK = "roomsync_failed"
_AMQP_YEAR_FIRST = 1971
"""Before 1970 AMQP has no instants (and a zone may reach back a day)."""
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

    raw_properties: bytes | None = field(default=None, repr=False, compare=False)
    """All that it says about itself as it came, where the other members cannot say it to the letter."""

    @property
    def size_bytes(self) -> int:
        """How large its body is."""
        return len(self.body)

    @property
    def has_too_many_headers(self) -> bool:
        """Whether they are more than are read."""
        return Table.of(self.properties.parts().get("headers", b"")).is_cut

    @property
    def head(self) -> bytes:
        """The beginning of its body."""
        return self.body[:HEAD_BYTES]

    @property
    def properties(self) -> Properties:
        """What it says about itself, as it is published again."""
        if self.raw_properties is not None:
            return Properties(self.raw_properties)
        told = spec.Basic.Properties(
            headers=dict(self.headers),
            timestamp=self.timestamp,
            user_id=self.user_id,
            message_type=self.type,
            **{name: getattr(self, name) for name in _PROPERTIES if name != "type"},
        )
        return Properties.of(told)


def line_of(message: Queued) -> str:
    """A message as a line, without its end."""
    return "".join(pieces_of_line(message))


def pieces_of_line(message: Queued) -> Iterator[str]:
    """The line in pieces, since a body may have 100 MiB. What is no UTF-8, or large, stands in `body_base64`."""
    told = message.properties if isinstance(message.properties, Properties) else Properties.of(message.properties)
    properties = {name: getattr(told, "message_type" if name == "type" else name) for name in _PROPERTIES}
    line: dict[str, object] = {
        _MARK: FORMAT,
        "id": id_of(message),
        "routing_key": message.routing_key,
        "properties": {name: value for name, value in properties.items() if value is not None},
        "headers": {name: _plain(value) for name, value in (told.headers or {}).items()},
    }
    if told.user_id is not None:
        line["user_id"] = told.user_id
    if message.timestamp is not None:
        line["timestamp"] = message.timestamp.isoformat()
    if isinstance(message.routing_key, AsSent):
        line["routing_key_base64"] = _base64(message.routing_key.raw)
    if _as_published(_message_of(json.loads(json.dumps(line)), b"").properties) != _as_published(told):
        line["properties_base64"] = _base64(told.raw)
    yield from _with_body(line, message.body)


def _with_body(line: dict[str, object], body: bytes) -> Iterator[str]:
    if len(body) <= MAX_BYTES:
        try:
            yield json.dumps(line | {"body": body.decode("utf-8")})
        except UnicodeDecodeError:
            yield json.dumps(line | {"body_base64": _base64(body)})
        return
    yield json.dumps(line | {"body_base64": ""}).removesuffix('"}')
    for start in range(0, len(body), _PIECE_BYTES):
        yield _base64(body[start : start + _PIECE_BYTES])
    yield '"}'


def _as_published(properties: Properties) -> bytes:
    return Copy(b"", properties, {}).properties.raw


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


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
        return _message_of(members, body)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as wrong:
        raise WrongLine(f"not a line of an export ({type(wrong).__name__})") from None


def _message_of(members: Mapping[str, Any], body: bytes) -> FileMessage:
    timestamp = members.get("timestamp")
    raw = base64.b64decode(members["properties_base64"], validate=True) if "properties_base64" in members else None
    headers = {name: _typed(value) for name, value in members["headers"].items()}
    routing_key = members.get("routing_key")
    if "routing_key_base64" in members:
        routing_key = text_of(base64.b64decode(members["routing_key_base64"], validate=True))
    return FileMessage(
        body=body,
        headers=headers if raw is None else Properties(raw).headers,
        routing_key=routing_key,
        user_id=members.get("user_id"),
        timestamp=None if timestamp is None else plausible(datetime.fromisoformat(timestamp)),
        raw_properties=raw,
        **{name: members["properties"].get(name) for name in _PROPERTIES},
    )


@dataclass(slots=True, kw_only=True)
class FileHand:
    """Messages of a file in hand; nothing is taken out of a file."""

    messages: dict[str, list[Queued]] = field(default_factory=dict)
    is_full: bool = False

    async def remove(self, message: Queued) -> None:
        """Nothing: what was published stays in the file."""


class FileSource:
    """A source of messages that were exported; the failed queue is not touched."""

    def __init__(self, messages: Iterable[FileMessage]) -> None:
        self._messages = list(messages)

    async def look_through(self, see: Callable[[Queued], None]) -> int:
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
            return value if not isinstance(value, float) or math.isfinite(value) else str(value)
        case bytes() | bytearray():
            return {"$bytes": _base64(bytes(value))}
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
            at = datetime.fromisoformat(text)
            if at.year < _AMQP_YEAR_FIRST:
                raise ValueError(text)
            return at
        case {"$table": members}:
            return {name: _typed(each) for name, each in members.items()}
        case list():
            return [_typed(each) for each in value]
        case _:
            return value
