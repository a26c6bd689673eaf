"""What every face needs of HTTP: answers put on the wire, connections reset, and the record of what was said."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from adapters.simulator.troubles import Answer

_RECORDED = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """An authenticated request and its answer; `status` 0: the connection was reset, and `response` is empty."""

    operation: str
    room: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    response: bytes
    at: datetime


class Record:
    """The last requests with their answers, oldest first; credentials are left out."""

    def __init__(self, *, is_on: bool) -> None:
        self._is_on = is_on
        self.requests: deque[RecordedRequest] = deque(maxlen=_RECORDED)

    def keep(self, headers: Mapping[str, str], body: bytes, operation: str, room: str, answer: Answer) -> None:
        """Keep a request, if requests are kept."""
        if not self._is_on:
            return
        self.requests.append(
            RecordedRequest(
                operation=operation,
                room=room,
                headers={name: value for name, value in headers.items() if name != "Authorization"},
                body=body,
                status=0 if answer.reset else answer.status,
                response=answer.body,
                at=datetime.now(UTC),
            )
        )


def respond(transport: asyncio.BaseTransport, answer: Answer) -> web.Response:
    """Put an answer on the wire, or reset the connection, after which the response reaches nobody."""
    if answer.reset:
        _reset(transport)
    return web.Response(
        status=answer.status,
        body=answer.body,
        content_type=answer.content_type,
        charset="utf-8",
        headers=dict(answer.headers),
    )


def _reset(transport: asyncio.BaseTransport) -> None:
    """Close a connection with RST, as a failing load balancer does, and not with the FIN of an orderly end."""
    if transport.is_closing():
        return  # the client has hung up meanwhile
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
