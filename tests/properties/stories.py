"""Stories of bookings: what a publisher says about each of them, version by version, gaps and repetitions included."""

import json

from hypothesis import strategies as st

from adapters.calendar import RoomAddress
from consumers.messages.command import BookingCommand, parse_command
from tests.builders import START, Tenants, a_command, a_tenant, an_event

ROOMS = tuple(RoomAddress(f"{name}@acme.example") for name in ("attic", "board", "cellar"))
TENANTS = Tenants(a_tenant())


class Told:
    """A command as it is published. No dataclass: Hypothesis would print every member of those."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.command: BookingCommand = parse_command(body, TENANTS)

    def __repr__(self) -> str:
        command = self.command
        what = f" {command.event.subject}" if command.event else ""
        left = f" from {short(command.previous_room)}" if command.previous_room else ""
        return f"{command.kind} {command.booking_id} v{command.version} {short(command.room)}{left}{what}"


def short(room: str) -> str:
    """A room's name in a history."""
    return room.partition("@")[0]


def told(**members: object) -> Told:
    """A command from its members."""
    return Told(json.dumps(a_command(**members)).encode("ascii"))


_SUBJECTS = (("tea",), ("tea", "milk"), ("tea", "milk", "rum", "tea"))
"""What a booking's versions hold: always the same, the one or the other, or much else."""

_KINDS = ("update", "update", "update", "end", "move", "move", "cancel", "cancel", "ended_before", "return")


@st.composite
def stories(draw: st.DrawFn, booking: str) -> list[Told]:
    """One booking's commands in the order of their versions; it is mostly where the story says it is."""
    commands: list[Told] = []
    subjects = draw(st.sampled_from(_SUBJECTS))
    version = 0
    room: RoomAddress | None = None
    for _ in range(draw(st.integers(2, 8))):
        version += draw(st.sampled_from((1, 1, 1, 2)))
        members: dict[str, object] = {"booking_id": booking, "version": version}
        kind = draw(st.sampled_from(_KINDS))
        if room is None or kind == "return":
            room = draw(st.sampled_from((ROOMS[0], *ROOMS)))
            commands.append(told(command="create", room=room, event=_event(draw, subjects), **members))
        elif kind == "cancel":
            commands.append(told(command="cancel", room=room, **members))
            room = draw(st.sampled_from((None, room)))
        elif kind == "move":
            previous, room = room, draw(st.sampled_from(ROOMS))
            commands.append(
                told(command="move", room=room, previous_room=previous, event=_event(draw, subjects), **members)
            )
        elif kind == "ended_before":
            commands.append(told(command="end", room=room, event=an_event(end=START), **members))
        else:
            commands.append(told(command=kind, room=room, event=_event(draw, subjects), **members))
    return commands


def _event(draw: st.DrawFn, subjects: tuple[str, ...]) -> dict[str, object]:
    return an_event(subject=draw(st.sampled_from(subjects)))
