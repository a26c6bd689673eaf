"""Gathers what `roomsync status --booking` tells: the story from the ledger, and where its messages lie."""

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from adapters.calendar import BookingId, RoomAddress, TenantName
from consumers.story.reading import RoomStory, read_story
from consumers.story.trails import Place
from consumers.story.words import Queues
from worker import wiring
from worker.settings import HttpSettings, Settings

HTTP_TIMEOUT_S = 3.0


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
    places = {message.place for story in stories for message in story.messages}
    queues = Queues(
        names=wiring.names(settings),
        lanes=_lanes(settings.http) if Place.QUEUE in places else frozenset(),
    )
    return BookingStory(booking_id=booking, rooms=tuple(stories), queues=queues)


def _lanes(http: HttpSettings) -> frozenset[tuple[TenantName, RoomAddress]]:
    lanes = (worker_status(http) or {}).get("lanes", [])
    return frozenset((TenantName(lane["tenant"]), RoomAddress(lane["room"])) for lane in lanes)


def worker_status(http: HttpSettings) -> dict[str, Any] | None:
    """What the worker on this machine says of itself, or None where none answers."""
    try:
        # The address comes from our own configuration, and its scheme from here.
        with urllib.request.urlopen(f"http://{http.bind}/status", timeout=HTTP_TIMEOUT_S) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
    except (OSError, ValueError):
        return None
