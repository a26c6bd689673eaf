"""The matrix: at which point, in the middle of which command, a worker dies, and who goes on."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any

from consumers.milestones import Milestone
from tests.builders import a_command, an_event

TENANT, DOMAIN = "acme", "acme.example"
SHORTENED = "2026-12-01T09:20:00+01:00"


class Kind(StrEnum):
    """The command in whose middle it happens; a repeated and a superseded one write nothing, and `DERIVED` is the
    removal that a move entails."""

    CREATE = auto()
    UPDATE = auto()
    MOVE = auto()
    END = auto()
    CANCEL = auto()
    REPEATED = auto()
    SUPERSEDED = auto()
    DERIVED = auto()


class Takeover(StrEnum):
    """Who goes on: a new process on the same ledger, another instance that waits already, or that one while the first
    is only cut off from the broker: frozen on the spot, or with its request under way, and awake again later."""

    SAME = auto()
    OTHER = auto()
    ZOMBIE = auto()


class Fate(StrEnum):
    """What becomes of a request that Exchange has got when its worker is lost: never applied, applied before, applied
    while the claim lasts, or once the next worker has done the same, or something newer."""

    NEVER = auto()
    BEFORE = auto()
    RESTING = auto()
    LATE = auto()
    OVERTAKEN = auto()


WRITES = {
    Kind.CREATE: "CreateItem",
    Kind.UPDATE: "UpdateItem",
    Kind.MOVE: "CreateItem",
    Kind.END: "UpdateItem",
    Kind.CANCEL: "DeleteItem",
    Kind.DERIVED: "DeleteItem",
}
"""What Exchange is asked for."""

_ALWAYS = (Milestone.PARSED, Milestone.RESULT_PUBLISHED, Milestone.BEFORE_ACK)
_WRITING = (Milestone.CLAIMED, Milestone.REPLIED, Milestone.COMMITTED)
_IN_TROUBLE = (Milestone.DEFERRED, Milestone.PARKED, Milestone.LOOK_PUBLISHED)
POINTS: dict[Kind, tuple[Milestone | Fate, ...]] = {
    kind: (
        *_ALWAYS,
        *((*_WRITING, *_IN_TROUBLE, *Fate) if kind in WRITES else ()),
        *((Milestone.REMOVAL_PUBLISHED,) if kind is Kind.MOVE else ()),
    )
    for kind in Kind
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One kill. A `Fate` as the point means: when Exchange has got the request, and nobody its answer."""

    point: Milestone | Fate
    kind: Kind
    takeover: Takeover

    @property
    def booking(self) -> str:
        """The booking that it is about; no other cell touches it."""
        request = "requested-" if isinstance(self.point, Fate) else ""
        return f"{self.kind}-{request}{self.point}".replace("_", "-")

    @property
    def room(self) -> str:
        """The room of the command in whose middle the worker dies."""
        return self._place("from" if self.kind is Kind.DERIVED else "in")

    @property
    def operation(self) -> str:
        """What Exchange is asked for by that command."""
        return WRITES[self.kind]

    @property
    def version(self) -> int:
        """The version of that command."""
        return int(self.victim["version"])

    @property
    def before(self) -> list[dict[str, Any]]:
        """What was published, and done, before."""
        match self.kind:
            case Kind.CREATE:
                return []
            case Kind.MOVE | Kind.DERIVED:
                return [self._command("create", 1, room=self._place("from"))]
            case Kind.SUPERSEDED:
                return [self._command("create", 1), self._command("update", 3)]
            case _:
                return [self._command("create", 1)]

    @property
    def victim(self) -> dict[str, Any]:
        """The command that is published to die of."""
        match self.kind:
            case Kind.CREATE | Kind.REPEATED:
                return self._command("create", 1)
            case Kind.UPDATE | Kind.SUPERSEDED:
                return self._command("update", 2)
            case Kind.END:
                return self._command("end", 2, event=an_event(end=SHORTENED))
            case Kind.CANCEL:
                return self._command("cancel", 2)
            case Kind.MOVE | Kind.DERIVED:
                return self._command("move", 2, previous_room=self._place("from"))

    @property
    def after(self) -> list[dict[str, Any]]:
        """What is published once the worker is lost."""
        if self.point is not Fate.OVERTAKEN:
            return []
        opposite = "update" if self.operation == "DeleteItem" else "cancel"
        return [self._command(opposite, self.version + 1, room=self.room)]

    @property
    def commands(self) -> list[dict[str, Any]]:
        """All of them."""
        return [*self.before, self.victim, *self.after]

    def _place(self, which: str) -> str:
        return f"{self.booking}-{which}@{DOMAIN}"

    def _command(self, command: str, version: int, **changes: object) -> dict[str, Any]:
        event = {} if command == "cancel" else {"event": an_event(subject=f"{self.booking}, version {version}")}
        members = {"command": command, "booking_id": self.booking, "version": version, "room": self._place("in")}
        return a_command(**(members | event | changes))


def every_cell() -> Iterator[Cell]:
    """The whole matrix."""
    for kind, points in POINTS.items():
        for point in points:
            for takeover in Takeover:
                yield Cell(point=point, kind=kind, takeover=takeover)


def some_cells() -> Iterator[Cell]:
    """A part of it: every point once with every takeover, the commands taking turns."""
    by_point: dict[Milestone | Fate, list[Kind]] = {}
    for kind, points in POINTS.items():
        for point in points:
            by_point.setdefault(point, []).append(kind)
    for place, (point, kinds) in enumerate(by_point.items()):
        for turn, takeover in enumerate(Takeover):
            yield Cell(point=point, kind=kinds[(place + 3 * turn) % len(kinds)], takeover=takeover)
