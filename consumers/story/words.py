"""Says in sentences what a story tells: the same for the command line and for whoever else shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.calendar import RoomAddress, TenantName
from adapters.story import Entry, What
from consumers.broker.queue_names import QueueNames
from consumers.messages.codes import all_codes
from consumers.story.current_state import CurrentState, Holds
from consumers.story.trails import MessageLocation, OpenMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """Where messages may lie. `lanes`: the rooms whose commands the worker on this machine has in hand, if it was
    asked."""

    names: QueueNames
    lanes: frozenset[tuple[TenantName, RoomAddress]] = frozenset()


def instant(at: datetime) -> str:
    """An instant for people: UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def of_entry(entry: Entry) -> str:
    """What befell the booking, without its time and version."""
    return _ENTRIES[entry.what](entry)


def of_code(code: str | None) -> str:
    """The sentence of a code and the code itself; only the code where this version does not know it."""
    known = all_codes().get(code or "")
    return f"{known.sentence.rstrip('.')} ({code})" if known else f"({code})"


def _why(entry: Entry) -> str:
    """Why, in Exchange's own words where it said any."""
    return f"{entry.detail} ({entry.code})" if entry.detail else of_code(entry.code)


def _lasting(wait_s: int | None) -> str:
    seconds = wait_s or 0
    return f"{seconds // 60} min" if seconds >= 120 and seconds % 60 == 0 else f"{seconds} s"


_ENTRIES: dict[What, Callable[[Entry], str]] = {
    What.CREATED: lambda _: "written into the calendar",
    What.CHANGED: lambda _: "overwrote the older event",
    What.REMOVED: lambda _: "removed the event",
    What.UNCHANGED: lambda _: "settled without a write: the calendar already held it",
    What.NOT_THERE: lambda _: "settled without a write: there was no event to remove",
    What.SUPERSEDED: lambda _: "ignored: something newer was settled already",
    What.HELD: lambda entry: f"the worker waited up to {_lasting(entry.wait_s)}: {_why(entry)}",
    What.DEFERRED: lambda entry: f"sent away for {_lasting(entry.wait_s)}: {_why(entry)}",
    What.PARKED: lambda entry: f"parked in the failed queue: {_why(entry)}",
    What.RELEASED: lambda _: "given back to its queue, the worker stopped or could not go on",
    What.LOOK_ORDERED: lambda entry: (
        f"a look at the calendar is to come in {_lasting(entry.wait_s)}"
        + (f": {_why(entry)}" if entry.code else ": nobody knows how a write ended")
    ),
    What.LOOKED: lambda _: "the look at the calendar is over",
    What.GONE: lambda _: "the event was no longer in the calendar: deleted or moved by people, or lost",
    What.COPIES: lambda entry: f"surplus copies of the event were found: {entry.detail}",
    What.FOUND: lambda _: "an event of this booking was found in the calendar and taken over",
    What.MENDED: lambda _: "written again after a look: it was missing or older",
    What.EDITED: lambda entry: f"people changed the event in the calendar: {entry.detail}",
    What.REPLAYED: lambda entry: f"replayed by {entry.actor}",
    What.CORRECTED: lambda entry: f"corrected by {entry.actor}: {entry.detail}",
    What.DISCARDED: lambda entry: f"discarded by {entry.actor}: {entry.detail}",
}


def of_message(message: OpenMessage, queues: Queues) -> str:
    """Where a message lies."""
    last, names = message.last, queues.names
    if message.place is MessageLocation.DEFERRED and message.until is not None:
        return f"waits in {names.deferred(last.wait_s or 0)} until {instant(message.until)}"
    if message.place is MessageLocation.FAILED:
        return f"lies in {names.failed}"
    if (last.key.tenant, last.key.room) in queues.lanes:
        return "waits its turn at the worker, or is being worked on"
    return "lies in its partition's queue, or a worker has it in hand"


def of_standing(
    standing: CurrentState, room: RoomAddress, queues: Queues, *, elsewhere: RoomAddress | None = None
) -> str:
    """The one sentence that answers "why is this room free, or still booked?".

    Args:
        standing: how the booking stands in the room.
        room: which; empty where a message did not even name one.
        queues: where its messages may lie.
        elsewhere: the room that holds the booking now.
    """
    said = f"{room or '(no readable room)'}: {_HOLDS[standing.holds](standing)}"
    if elsewhere is not None and standing.holds is Holds.FREE:
        said += f", it is in {elsewhere}"
    if standing.hindered is not None:
        said += f", although {_hindered(standing.hindered, queues)}"
    return said


def _booked(standing: CurrentState) -> str:
    said = f"booked by version {standing.version} {_since(standing)}"
    if standing.seen_since is not None:
        said += f"; since then {of_entry(standing.seen_since)} (seen {instant(standing.seen_since.at)})"
    return said


def _free(standing: CurrentState) -> str:
    if standing.version == 0:
        return "free: nothing of this booking was ever settled here"
    by = standing.by
    if by is None:
        return f"free: version {standing.version} is settled as removed, before this story begins"
    asked = f" ({by.command})" if by.command else ""
    return f"free: version {standing.version}{asked} removed it at {instant(by.at)}"


def _missing(standing: CurrentState) -> str:
    seen = f" at {instant(standing.seen_since.at)}" if standing.seen_since else ""
    return (
        f"free, and should not be: version {standing.version} is settled, but its event was not in the calendar{seen}; "
        "the booking's next version or `roomsync reconcile --repair` writes it again"
    )


def _writing(standing: CurrentState) -> str:
    return f"being written, or the end of a write is still unknown and the booking rests ({_settled(standing)})"


def _unsure(standing: CurrentState) -> str:
    what = "booked as before" if standing.is_booked else "free"
    return f"{what}, unless a write that ended badly was applied; the next one looks first ({_settled(standing)})"


def _settled(standing: CurrentState) -> str:
    return f"version {standing.version} is settled" if standing.version else "nothing is settled yet"


_HOLDS: dict[Holds, Callable[[CurrentState], str]] = {
    Holds.BOOKED: _booked,
    Holds.FREE: _free,
    Holds.MISSING: _missing,
    Holds.WRITING: _writing,
    Holds.UNSURE: _unsure,
}


def _since(standing: CurrentState) -> str:
    if standing.since is None or standing.by is None:
        return "since before this story begins"
    return f"since {instant(standing.since)}" + (" (found there)" if standing.by.what is What.FOUND else " (synced)")


def _hindered(message: OpenMessage, queues: Queues) -> str:
    last, where = message.last, of_message(message, queues)
    which = "a message" if last.version is None else f"version {last.version}"
    came = f"{which} ({last.command}) came" if last.command else f"{which} came"
    match message.place:
        case MessageLocation.FAILED:
            parked = f"{came}: parked at {instant(last.at)}: {_why(last)}; it {where}. {advice(last.code)}"
            return parked.strip()
        case MessageLocation.DEFERRED:
            return f"{came}: it {where}: {_why(last)}"
        case MessageLocation.QUEUE:
            return f"{came}: it {where} since {instant(last.at)}"


def advice(code: str | None) -> str:
    """What to do about a code; empty where this version does not know it."""
    known = all_codes().get(code or "")
    return known.advice if known else ""
