"""Asks Exchange one thing for one room: once, within a deadline; every way it can end is one of ours."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from adapters.calendar import RoomAddress
from adapters.errors import CalendarError, Misconfigured, Transient, Unknown
from adapters.ews import answers
from adapters.ews.answers import Complaint, Part
from adapters.ews.names import Element
from adapters.ews.ntlm_transport import SessionHttp
from adapters.ews.queries import Mailbox, envelope
from adapters.ews.sessions import EwsProtocol
from adapters.ews.settings import BasicAuth, EwsSettings
from adapters.ews.statuses import BASIC, NTLM, error_of_status
from adapters.ews.translate import error_of, undecided
from adapters.ews.xml_text import Unreadable
from adapters.exchange.aiohttp_transport import AiohttpTransport, HttpSettings
from adapters.exchange.authorizer import BasicAuthorizer
from adapters.exchange.http import ENDPOINT_AT_SECOND, READ_LIMIT_BYTES, WRITE_LIMIT_BYTES, Answer, Http, ReplyLost

T = TypeVar("T")

Request = Callable[[Mailbox], Element]
Messages = list[Part]

_LEAST_TIME = 0.25
"""The share of `request_timeout_s` that must be left for a request to be sent: a write cut short is `Unknown`."""

_LONG_BYTES = 64 * 1024
"""A longer answer, such as a page of a room's events, is read beside the event loop, which it would hold up."""


class Exchange:
    """One tenant's server."""

    def __init__(self, settings: EwsSettings) -> None:
        self._settings = settings
        self._http = _http(settings)
        self._schemes = BASIC if isinstance(settings.auth, BasicAuth) else NTLM

    @property
    def is_delegate(self) -> bool:
        """Whether requests spend the service account's own rights and budget."""
        return self._settings.access == "delegate"

    def deadline(self) -> float:
        """When a call that begins now must have ended, by `time.monotonic()`."""
        return time.monotonic() + self._settings.request_timeout_s

    async def ask(
        self, room: RoomAddress, request: Request, read: Callable[[Messages], T], *, is_write: bool, deadline: float
    ) -> T:
        """Send the request once and read its response messages.

        Raises:
            CalendarError: what covers the request as a whole; `Unknown` only for a write.
        """
        if deadline - time.monotonic() < _LEAST_TIME * self._settings.request_timeout_s:
            raise Transient("unreachable", detail="not sent, too little time left")
        mailbox = Mailbox(room, self._settings.access)
        try:
            answer = await self._http.post(
                envelope(mailbox, request(mailbox)),
                anchor=room,
                deadline=deadline,
                limit_bytes=WRITE_LIMIT_BYTES if is_write else READ_LIMIT_BYTES,
            )
        except ReplyLost as lost:
            raise undecided(str(lost), is_write=is_write, code=lost.code, doubt=lost.doubt) from lost
        if len(answer.content) > _LONG_BYTES:
            return await asyncio.to_thread(self._read, answer, read, is_write)
        return self._read(answer, read, is_write)

    async def close(self) -> None:
        """Give back connections and threads."""
        await self._http.close()

    def _read(self, answer: Answer, read: Callable[[Messages], T], is_write: bool) -> T:
        if answer.status != 200:
            raise error_of_status(answer, is_write=is_write, whole_tenant=self.is_delegate, schemes=self._schemes)
        try:
            found = answers.messages(answer.content)
            if isinstance(found, Complaint):
                raise error_of(found, is_write=is_write, whole_tenant=self.is_delegate)
            return read(found)
        except Unreadable as odd:
            if _is_page(answer):
                # It may stand in front of a write that was carried out: nothing proves otherwise.
                raise _error_of_page(is_write=is_write) from odd
            doubt = None if answers.begins_like_exchanges(answer.content) else ENDPOINT_AT_SECOND
            raise undecided(str(odd), is_write=is_write, code="answer_unreadable", doubt=doubt) from odd


def _http(settings: EwsSettings) -> Http:
    if not isinstance(settings.auth, BasicAuth):
        return SessionHttp(settings)
    endpoint = HttpSettings(
        url=settings.service_url,
        ca_file=settings.ca_file,
        concurrency=settings.concurrency,
        headers=EwsProtocol(settings).fixed_headers(),
    )
    return AiohttpTransport(endpoint, BasicAuthorizer(settings.auth.username, settings.auth.password))


def _error_of_page(*, is_write: bool) -> CalendarError:
    detail = "a page instead of an answer"
    if is_write:
        return Unknown(detail=detail, doubt=ENDPOINT_AT_SECOND)
    return Misconfigured("endpoint_wrong", detail=detail)


def _is_page(answer: Answer) -> bool:
    return "html" in answer.headers.get("Content-Type", "").lower()
