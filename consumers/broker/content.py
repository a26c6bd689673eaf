"""A message as it came over a connection of ours: what it says, and what it says about itself."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from aiormq.abc import DeliveredMessage, FieldValue

from consumers.broker.field_table import Table, instant_of, plain_values, text_of
from consumers.broker.frames import HEAD_BYTES, Header
from consumers.broker.properties import Properties
from consumers.broker.queue_names import is_read
from consumers.messages.json_object import MAX_BYTES

_NO_TABLE = Table([], b"")
_NO_HEADERS: Mapping[str, FieldValue] = MappingProxyType({})


class Content:
    """One message. Nothing that a publisher wrote raises here, or when it is looked at.

    `head` is the beginning of a body that is larger than a command may be; `body` is empty where it was not kept.
    `headers` are those that roomsync reads; all of them stand in `properties`.
    """

    __slots__ = (
        "body",
        "delivery_tag",
        "has_too_many_headers",
        "head",
        "headers",
        "message_id",
        "properties",
        "redelivered",
        "routing_key",
        "size_bytes",
        "timestamp",
    )

    def __init__(self, delivered: DeliveredMessage) -> None:
        header = cast(Header, delivered.header)
        self.body = delivered.body
        self.size_bytes = max(header.size_bytes, len(delivered.body))
        self.head = header.head or (delivered.body[:HEAD_BYTES] if self.size_bytes > MAX_BYTES else b"")
        self.properties = cast(Properties, header.properties)
        parts = self.properties.parts()
        table = Table.of(parts["headers"]) if "headers" in parts else _NO_TABLE
        self.has_too_many_headers = table.is_cut
        # Thousands of messages wait, and each may bear a header frame full of what nobody here reads.
        self.headers: Mapping[str, FieldValue] = plain_values(table, is_read) if table.entries else _NO_HEADERS
        self.message_id = text_of(parts["message_id"][1:]) if "message_id" in parts else None
        self.timestamp = instant_of(parts["timestamp"]) if "timestamp" in parts else None
        self.routing_key = delivered.routing_key
        self.redelivered = bool(delivered.redelivered)
        assert delivered.delivery_tag is not None  # noqa: S101 - a message, and no answer that there is none
        self.delivery_tag: int = delivered.delivery_tag
