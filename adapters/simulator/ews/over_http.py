"""EWS over HTTP: who is on a connection, then the face's answer."""

import asyncio
from weakref import WeakKeyDictionary

from aiohttp import web

from adapters.simulator.counters import Counters
from adapters.simulator.ews.face import EwsFace
from adapters.simulator.passwords import Connection, Passwords, Verdict
from adapters.simulator.wire import Record, respond


class EwsOverHttp:
    """The handler of /EWS/Exchange.asmx."""

    def __init__(self, face: EwsFace, passwords: Passwords, counts: Counters, record: Record) -> None:
        self._face = face
        self._passwords = passwords
        self._counts = counts
        self._record = record
        self._connections: WeakKeyDictionary[asyncio.BaseTransport, Connection] = WeakKeyDictionary()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a POST."""
        transport = request.transport
        if transport is None:
            return web.Response(status=400)
        body = await request.read()
        known = self._connections.setdefault(transport, Connection())
        verdict = self._passwords.check(request.headers.get("Authorization"), known)
        if verdict.account is None:
            return self._unauthorized(verdict)
        operation, room, answer = await self._face.answer(verdict.account, body, id(transport))
        self._record.keep(request.headers, body, operation, room, answer)
        return respond(transport, answer)

    async def hang_up(self) -> None:
        """Cut the connections that clients still hold: a TLS goodbye that nobody answers would outlive the server."""
        for transport in list(self._connections):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        await asyncio.sleep(0)  # the loop closes them in its next turn

    def _unauthorized(self, verdict: Verdict) -> web.Response:
        if not verdict.handshake:
            self._counts.rejected += 1
        response = web.Response(status=401)
        for challenge in verdict.challenges:
            response.headers.add("WWW-Authenticate", challenge)
        return response
