"""The story as data: rooms, meetings, and the acts in which SpaceIQ books, changes, moves, ends and cancels them."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from adapters.simulator import Fault, LoseReply, Throttle
from consumers.messages.result import Outcome

TENANT = "acme"
REST_S = 8
"""For how long Exchange wants the attic to be left alone."""


@dataclass(frozen=True, slots=True)
class Room:
    """A room mailbox; `exchange_zone` is what Exchange calls its time zone (windowsZones.xml of the Unicode CLDR)."""

    address: str
    name: str
    zone: str = "Europe/Brussels"
    exchange_zone: str = "Romance Standard Time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """A booking as it should stand in its room; `starts` and `ends` are the clock on that room's wall."""

    booking_id: str
    subject: str
    room: Room
    starts: str
    ends: str
    location: str = ""
    categories: tuple[str, ...] = ("SpaceIQ",)
    sensitivity: Literal["normal", "private"] = "normal"

    def starts_at(self, day: date) -> datetime:
        """The instant it starts."""
        return self._instant(day, self.starts)

    def ends_at(self, day: date) -> datetime:
        """The instant it ends."""
        return self._instant(day, self.ends)

    def _instant(self, day: date, clock: str) -> datetime:
        return datetime.combine(day, time.fromisoformat(clock), ZoneInfo(self.room.zone))


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What SpaceIQ publishes, and the outcome that it must be told."""

    kind: Literal["create", "update", "move", "end", "cancel"]
    version: int
    meeting: Meeting
    previous_room: Room | None = None
    outcome: Outcome = Outcome.SYNCED
    remark: str = ""
    """What there is to say when its result comes, maybe some acts later."""

    @property
    def message_id(self) -> str:
        """The same whenever the same message is sent again."""
        return f"{self.meeting.booking_id}-v{self.version}"

    def body(self, day: date) -> dict[str, object]:
        """The message (docs/contract.md#commands)."""
        meeting = self.meeting
        body: dict[str, object] = {
            "schema_version": 1,
            "command": self.kind,
            "tenant": TENANT,
            "booking_id": meeting.booking_id,
            "version": self.version,
            "room": meeting.room.address,
            "issued_at": datetime.now(UTC).isoformat(),
        }
        if self.previous_room is not None:
            body["previous_room"] = self.previous_room.address
        if self.kind != "cancel":
            body["event"] = {
                "subject": meeting.subject,
                "start": meeting.starts_at(day).isoformat(),
                "end": meeting.ends_at(day).isoformat(),
                "time_zone": meeting.room.zone,
                "location": meeting.location,
                "categories": list(meeting.categories),
                "sensitivity": meeting.sensitivity,
            }
        return body


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the next request to a room meets; `operation`: only one of that name."""

    fault: Fault
    room: Room
    operation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A moment of the day. With `trouble` the act is over once the trouble was met, else once its results are in."""

    clock: str
    sentence: str
    commands: tuple[Command, ...]
    trouble: Trouble | None = None
    then: str = ""


BOARD = Room("board@acme.example", "board room")
LOBBY = Room("lobby@acme.example", "lobby")
ATTIC = Room("attic@acme.example", "attic")
HARBOUR = Room("harbour@acme.example", "harbour room", "Europe/Lisbon", "GMT Standard Time")
ROOMS = (BOARD, LOBBY, ATTIC, HARBOUR)

REVIEW = Meeting(booking_id="B-1001", subject="Design review", room=BOARD, starts="09:00", ends="10:00")
BUDGET = Meeting(
    booking_id="B-1002", subject="Budget round", room=BOARD, starts="10:30", ends="11:30", sensitivity="private"
)
HIRING = Meeting(
    booking_id="B-1003", subject="Hiring panel", room=BOARD, starts="14:00", ends="15:00", location="Chairs in a circle"
)
WELCOME = Meeting(booking_id="B-2001", subject="Visitors' welcome", room=LOBBY, starts="09:00", ends="09:30")
PRESS = Meeting(
    booking_id="B-2002", subject="Press briefing", room=LOBBY, starts="11:00", ends="12:00", categories=("Press", "TV")
)
LUNCH = Meeting(booking_id="B-2003", subject="Lunch talk", room=LOBBY, starts="12:30", ends="13:30")
COFFEE = Meeting(booking_id="B-2004", subject="Coffee tasting", room=LOBBY, starts="15:00", ends="16:00")
QUIET = Meeting(booking_id="B-3001", subject="Quiet work", room=ATTIC, starts="09:00", ends="12:00")
YOGA = Meeting(booking_id="B-3002", subject="Yoga", room=ATTIC, starts="13:00", ends="14:00", location="Bring a mat")
STANDUP = Meeting(booking_id="B-4001", subject="Lisbon stand-up", room=HARBOUR, starts="09:00", ends="09:15")
SUPPLIER = Meeting(booking_id="B-4002", subject="Supplier call", room=HARBOUR, starts="15:00", ends="16:00")
FADO = Meeting(booking_id="B-4003", subject="Fado evening", room=HARBOUR, starts="18:00", ends="20:00")

_BOOKED = (REVIEW, BUDGET, HIRING, WELCOME, PRESS, QUIET, YOGA, STANDUP, SUPPLIER, FADO)
_LONGER_FADO = Command(kind="update", version=2, meeting=replace(FADO, ends="21:00"))
LOST_REPLY = Command(
    kind="create",
    version=1,
    meeting=LUNCH,
    remark="The lost reply: the worker looked, found its event there, and wrote nothing.",
)
_RESTING = Command(
    kind="update",
    version=2,
    meeting=replace(YOGA, starts="13:30", ends="14:30"),
    remark=f"The {REST_S} s are over: only now was Exchange asked again.",
)

ACTS = (
    Act(
        clock="08:50",
        sentence="SpaceIQ books ten meetings in four rooms.",
        commands=tuple(Command(kind="create", version=1, meeting=meeting) for meeting in _BOOKED),
    ),
    Act(
        clock="08:55",
        sentence="The lobby gets a lunch talk. Exchange writes it, but the reply is lost on the way.",
        commands=(LOST_REPLY,),
        trouble=Trouble(LoseReply(), LOBBY, "CreateItem"),
        then="The worker cannot know whether it was written. Writing again could double it, so it will wait and look.",
    ),
    Act(
        clock="09:00",
        sentence=f"Yoga is put off by half an hour, but Exchange asks to leave the attic alone for {REST_S} s.",
        commands=(_RESTING,),
        trouble=Trouble(Throttle(back_off_ms=REST_S * 1000, enforce=True), ATTIC),
    ),
    Act(
        clock="09:01",
        sentence="The other rooms go on: the budget round is changed, coffee booked, the stand-up put off.",
        commands=(
            # Version 2 is still on its way; it turns up at 09:50.
            Command(kind="update", version=3, meeting=replace(BUDGET, subject="Budget round, final", ends="12:15")),
            Command(kind="create", version=1, meeting=COFFEE),
            Command(kind="update", version=2, meeting=replace(STANDUP, starts="09:30", ends="09:45")),
        ),
    ),
    Act(
        clock="09:10",
        sentence="The press briefing moves from the lobby to the board room.",
        commands=(
            Command(
                kind="move",
                version=2,
                meeting=replace(PRESS, room=BOARD, starts="15:30", ends="16:30"),
                previous_room=LOBBY,
            ),
        ),
    ),
    Act(
        clock="09:40",
        sentence="The design review is over early, and the board room free again.",
        commands=(Command(kind="end", version=2, meeting=replace(REVIEW, ends="09:40")),),
    ),
    Act(
        clock="09:45",
        sentence="The supplier call is cancelled.",
        commands=(Command(kind="cancel", version=2, meeting=SUPPLIER, outcome=Outcome.REMOVED),),
    ),
    Act(
        clock="09:50",
        sentence="An older version of the budget round arrives late. It must not undo the newer one.",
        commands=(
            Command(kind="update", version=2, meeting=replace(BUDGET, ends="12:00"), outcome=Outcome.SUPERSEDED),
        ),
    ),
    Act(
        clock="09:55",
        sentence="The fado evening gets longer. In doubt SpaceIQ sends the same message twice: written once.",
        commands=(_LONGER_FADO, _LONGER_FADO),
    ),
)
