"""The promises, checked where nothing is under way: once with parked messages still parked, once after their replay."""

from collections import Counter, defaultdict

from adapters.calendar import BookingId, RoomAddress
from adapters.ledger import BookingKey, LedgerRow, State
from consumers.messages.result import Outcome
from tests.fakes import KeptEvent
from tests.properties.exchange import Violation
from tests.properties.history_harness import TENANT, HistoryHarness, Place
from tests.properties.ledgers import show

Wanted = dict[int, str | None]
"""What a room shall hold for a booking as of each version: a subject, or None."""


def wanted(history: HistoryHarness) -> dict[Place, Wanted]:
    """What was published so far, derived removals included."""
    places: defaultdict[Place, Wanted] = defaultdict(dict)
    for command in (told.command for told in history.published):
        subject = command.event.subject if command.event else None
        places[command.room, command.booking_id][command.version] = subject
        if command.previous_room:
            places[command.previous_room, command.booking_id][command.version] = None
    return places


def check_settled(history: HistoryHarness) -> None:
    """Nothing doubled, nothing unanswered, nothing come back, whatever is parked."""
    _check_results(history)
    parked_looks = {stored.place for stored in history.broker.failed if stored.is_look}
    for place in wanted(history):
        if place in parked_looks:
            continue  # a person has to see to it
        _check_single(history, place)
        if not history.ledger_changed and not _made_by_people(history, place):
            _check_not_back(history, place)
    if not history.ledger_changed:
        _check_left_by_moves(history)


def check_exact(history: HistoryHarness) -> None:
    """After the replay of everything: exactly what the highest version says, and a ledger that knows it."""
    for place, versions in wanted(history).items():
        _check_single(history, place)
        version = max(versions)
        events = history.exchange.events(*place)
        if versions[version] is None:
            _check_empty(history, place, version, events)
        else:
            _check_holds(history, place, versions, events)
        if not history.hands[place] and not history.ledger_changed:
            _check_row(history, place, versions, events)


def _made_by_people(history: HistoryHarness, place: Place) -> int:
    return sum(what in ("copy", "restore") for what, _ in history.hands[place])


def _check_results(history: HistoryHarness) -> None:
    final = [result for result in history.broker.results if result.outcome != Outcome.DELAYED]
    told = Counter(result.message_id for result in final if not result.derived)
    for message_id, sent in history.chains.items():
        if told[message_id] == 0:
            raise Violation(f"NO RESULT for {message_id}")
        if history.broker.mishaps == 0 and told[message_id] != sent:
            raise Violation(f"{told[message_id]} RESULTS for {message_id}, which was sent {sent} times")


def _check_single(history: HistoryHarness, place: Place) -> None:
    events = history.exchange.events(*place)
    if len(events) > 1 + _made_by_people(history, place):
        raise Violation(f"DOUBLED: {_list(events)} in {place}")


def _check_not_back(history: HistoryHarness, place: Place) -> None:
    """No event as of a version that a settled removal ended, nor one made after a newer removal was parked."""
    room, booking = place
    removals = [
        result.version or 0
        for result in history.broker.results
        if (result.room, result.booking_id, result.outcome) == (room, booking, Outcome.REMOVED)
    ]
    for event in history.exchange.events(*place):
        version = event.mark.version if event.mark else 0
        if version < max(removals, default=0):
            raise Violation(f"CAME BACK: v{version} in {place}, removed as of v{max(removals)}")
        made = history.exchange.made
        number = made.index(event.ref.item_id) if event.ref.item_id in made else -1
        for (parked_place, parked_version), after in history.parked_after.items():
            if parked_place == place and version < parked_version and number >= after:
                raise Violation(f"CAME BACK: v{version} in {place}, past the parked removal v{parked_version}")


def _check_left_by_moves(history: HistoryHarness) -> None:
    """A parked move has left its room all the same (docs/contract.md#meaning)."""
    places = wanted(history)
    by_id = {f"m{number}": told.command for number, told in enumerate(history.published, 1)}
    parked = [(by_id[stored.message_id], stored) for stored in history.broker.failed if not stored.is_look]
    barred = {
        (command.previous_room if stored.is_derived else command.room, command.booking_id)
        for command, stored in parked
        if stored.is_derived or command.is_removal
    }
    for command, stored in parked:
        if command.previous_room is None or stored.is_derived:
            continue
        place = (command.previous_room, command.booking_id)
        if max(places[place]) > command.version:
            continue  # it is wanted there again
        older = [
            event for event in history.exchange.events(*place) if event.mark and event.mark.version < command.version
        ]
        if older and place not in barred and not _made_by_people(history, place):
            raise Violation(f"LEFT BEHIND: {_list(older)} in {place}; the move v{command.version} is parked")


def _check_empty(history: HistoryHarness, place: Place, version: int, events: list[KeptEvent]) -> None:
    if _made_by_people(history, place):
        # A copy, or what was brought back, stays until a look; what we made ourselves does not.
        events = [event for event in events if event.ref.item_id in history.exchange.made]
    if not events:
        return
    held = max(event.mark.version for event in events if event.mark)
    if history.ledger_changed and held > history.trashed_before.get(place, 0):
        return  # as far as Deleted Items tell
    if history.ledger_changed and (*place, held) in history.exchange.far_created:
        return  # a version in both places was brought back by a person, or came after its claim: nobody can tell
    raise Violation(f"NOT EMPTY: v{held} in {place}, to be empty as of v{version}")


def _check_holds(history: HistoryHarness, place: Place, versions: Wanted, events: list[KeptEvent]) -> None:
    version = max(versions)
    subject = versions[version]
    hands = history.hands[place]
    # What people did to the highest version stays; what they did to a lower one does not, whatever the content.
    touched_last = {what for what, event in hands if event.mark and event.mark.version >= version}
    if touched_last & {"delete", "move away"} and not events:
        return
    if history.ledger_changed and "move away" in touched_last:
        return  # a scan reads the calendar and Deleted Items: nothing tells of a version that lies elsewhere
    if not events:
        if history.ledger_changed and history.trashed_before.get(place, 0) >= version:
            return  # as far as Deleted Items tell
        raise Violation(f"MISSING: v{version} in {place}")
    newest = [event for event in events if event.mark and event.mark.version == version]
    if any(event.event.subject == subject for event in newest) or (newest and "edit" in touched_last):
        return
    if any(event.mark and event.mark.version > version for event in events) or newest:
        raise Violation(f"STALE: {_list(events)} in {place}, not v{version} {subject}")
    raise Violation(f"WRONG MARK: {_list(events)} in {place}, not v{version}")


def _check_row(history: HistoryHarness, place: Place, versions: Wanted, events: list[KeptEvent]) -> None:
    version = max(versions)
    row = row_of(history, place)
    if row is None:
        raise Violation(f"NO ROW for {place}")
    if versions[version] is None:
        fits = row.state is State.ABSENT and row.removed_version >= version
    else:
        fits = row.state is State.PRESENT and row.version == version and row.item is not None
        fits = fits and row.item is not None and row.item.item_id == events[0].ref.item_id
    if not fits or row.claim is not None:
        raise Violation(f"THE LEDGER LIES about {place}: {show(row)}; the calendar holds {_list(events)}")


def row_of(history: HistoryHarness, place: Place) -> LedgerRow | None:
    """What the ledger knows."""
    room, booking = place
    record = history.store.records.get(BookingKey(tenant=TENANT, room=RoomAddress(room), booking_id=BookingId(booking)))
    return record.row if record else None


def _list(events: list[KeptEvent]) -> str:
    return (
        ", ".join(f"{e.ref.item_id} v{e.mark.version if e.mark else '-'} {e.event.subject}" for e in events)
        or "nothing"
    )
