"""Where each message of a booking lies now, by the last thing that the story tells of it: pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from adapters.story import Entry, What


class MessageLocation(StrEnum):
    """Where a message lies that is not done with."""

    DEFERRED = "deferred"
    FAILED = "failed"
    QUEUE = "queue"
    """In its partition's queue or in a worker's hands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMessage:
    """A message that is not done with. `last`: what befell it last; `until`: when it leaves a deferred queue."""

    place: MessageLocation
    last: Entry
    until: datetime | None = None


_LEAVES_QUEUES = frozenset(
    {
        What.CREATED,
        What.CHANGED,
        What.REMOVED,
        What.UNCHANGED,
        What.NOT_THERE,
        What.SUPERSEDED,
        What.DISCARDED,
    }
)
_MOVES = _LEAVES_QUEUES | {What.DEFERRED, What.PARKED, What.RELEASED, What.REPLAYED}


def open_messages(entries: Iterable[Entry], now: datetime) -> list[OpenMessage]:
    """The messages of a room's story that are not done with, in the order of their last entries.

    A command that no worker has met yet is in no story; a look is none of them.
    """
    last: dict[tuple[str | None, int | None], Entry] = {}
    for entry in entries:
        trail = (entry.message_id, entry.version)
        if entry.what not in _MOVES or _is_late(last.get(trail), entry):
            continue
        last.pop(trail, None)
        last[trail] = entry
    return [_placed(entry, now) for entry in last.values() if entry.what not in _LEAVES_QUEUES]


def _is_late(last: Entry | None, entry: Entry) -> bool:
    """Whether a worker was done with the message before its replay was told, or tells an earlier time by its clock."""
    return entry.what is What.REPLAYED and last is not None and last.what in _LEAVES_QUEUES


def _placed(entry: Entry, now: datetime) -> OpenMessage:
    if entry.what is What.PARKED:
        return OpenMessage(place=MessageLocation.FAILED, last=entry)
    if entry.what is What.DEFERRED:
        until = entry.at + timedelta(seconds=entry.wait_s or 0)
        if now < until:
            return OpenMessage(place=MessageLocation.DEFERRED, last=entry, until=until)
    return OpenMessage(place=MessageLocation.QUEUE, last=entry)
