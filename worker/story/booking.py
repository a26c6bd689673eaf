"""Gathers what `roomsync status --booking` tells: the story from the ledger, and where its messages lie."""

import json
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode

from adapters.calendar import BookingId, RoomAddress, TenantName
from consumers.story.reading import RoomStory, read_story
from consumers.story.trails import MessageLocation
from consumers.story.words import Queues
from worker import wiring
from worker.settings import HttpSettings, Settings

HTTP_TIMEOUT_S = 3.0
STATUS_MAX_BYTES = 16 * 1024 * 1024
_NEEDED = {"ready", "obstacles", "lanes", "tenants"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingStory:
    """A booking in every room that it touched."""

    booking_id: BookingId
    rooms: tuple[RoomStory, ...]
    queues: Queues


async def booking_story(settings: Settings, tenant: TenantName | None, booking: BookingId) -> BookingStory:
    """All that is known of a booking. Raises `LedgerError`.

    The worker on this machine is asked only where a message may be in its hands, and need not answer.
    """
    ledger = await wiring.ledger(settings)
    try:
        stories = await read_story(ledger, tenant, booking, wiring.clocks().now())
    finally:
        await ledger.close()
    rooms = {story.room for story in stories if any(each.place is MessageLocation.QUEUE for each in story.messages)}
    queues = Queues(names=wiring.names(settings), lanes=_lanes(settings.http, rooms))
    return BookingStory(booking_id=booking, rooms=tuple(stories), queues=queues)


def _lanes(http: HttpSettings, rooms: Iterable[RoomAddress]) -> frozenset[tuple[TenantName, RoomAddress]]:
    told = [worker_status(http, room) or {} for room in rooms]
    lanes = [lane for each in told for lane in each.get("lanes", [])]
    return frozenset((TenantName(lane["tenant"]), RoomAddress(lane["room"])) for lane in lanes)


def worker_status(http: HttpSettings, room: RoomAddress | None = None) -> dict[str, Any] | None:
    """What the worker on this machine says of itself, with `room` of its lanes alone; None where none answers."""
    only = "" if room is None else f"?{urlencode({'room': room})}"
    try:
        # The address comes from our own configuration, and its scheme from here.
        with urllib.request.urlopen(f"http://{http.bind}/status{only}", timeout=HTTP_TIMEOUT_S) as answer:
            told = json.loads(answer.read(STATUS_MAX_BYTES))
    except (OSError, ValueError, HTTPException):
        return None
    # Something else may listen there.
    return told if isinstance(told, dict) and told.keys() >= _NEEDED else None
