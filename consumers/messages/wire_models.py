"""The forms a command has on the wire, member by member; the JSON Schema is made from them.

Every check that one member can fail stands here; what needs the tenants stands in `command`. Objects come without
nulls (`json_object`), so an optional member has its default and no None.
"""

from datetime import datetime
from typing import Annotated, Literal, Self, TypeGuard

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from adapters.calendar import EventBody, Sensitivity, ShowAs
from consumers.messages.booking_event import Attendee, BookingEvent, Person
from consumers.messages.times import check_time_zone, is_midnight, parse_instant, whole_seconds

MAX_VERSION = 2**53 - 1
MAX_ATTENDEES = 1000
MAX_CATEGORIES = 200
"""Of a list only its first wrong element is told: checking thousands more costs the event loop its time."""

_LOCAL_PART = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


def _check_unicode(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise PydanticCustomError("not_unicode", "The text holds half of a surrogate pair.") from None
    return text


def is_version(value: object) -> TypeGuard[int]:
    """Whether a value can be the version of a booking."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_VERSION


Text = Annotated[str, AfterValidator(_check_unicode)]
Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "RFC 3339 with offset"}),
]
TimeZone = Annotated[str, AfterValidator(check_time_zone), Field(description="IANA name of a zone or a link")]
Mailbox = Annotated[str, Field(pattern=rf"^{_LOCAL_PART}@{_LABEL}(?:\.{_LABEL})*$", max_length=254)]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
TenantId = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,50}$")]


class _Form(BaseModel):
    """Strict: a string is no integer. Unknown members are left aside; `command` names them as warnings."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class BodyForm(_Form):
    """The text of the event."""

    content_type: Literal["text", "html"] = "text"
    content: Text = ""


class PersonForm(_Form):
    """The organizer, who never becomes Exchange's organizer."""

    email: Email
    name: Text = ""


class AttendeeForm(PersonForm):
    """A participant; checked and not stored."""

    type: Literal["required", "optional"] = "required"


class EventForm(_Form):
    """The whole event as it should now be; an absent member means its default, and that is written."""

    subject: Text
    start: Instant
    end: Instant
    time_zone: TimeZone
    all_day: bool = False
    body: BodyForm = BodyForm()
    location: Text = ""
    categories: Annotated[list[Text], FailFast(), Field(max_length=MAX_CATEGORIES)] = []
    organizer: PersonForm | None = None
    attendees: Annotated[list[AttendeeForm], FailFast(), Field(max_length=MAX_ATTENDEES)] = []
    sensitivity: Sensitivity = "normal"
    show_as: ShowAs = "busy"
    recurrence: Annotated[None, Field(description="reserved and refused")] = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if not self.took_place:
            raise PydanticCustomError("end_before_start", "The end must be after the start.", {"where": ["end"]})
        return self._begins_and_ends_at_midnight()

    def _begins_and_ends_at_midnight(self) -> Self:
        for member, instant in (("start", self.start), ("end", self.end)):
            if self.all_day and not is_midnight(whole_seconds(instant), self.time_zone):
                raise PydanticCustomError(
                    "all_day_not_midnight", "Expected a midnight in `time_zone`: `all_day` is set.", {"where": [member]}
                )
        return self

    @property
    def took_place(self) -> bool:
        """Whether anything of the event is left, in the whole seconds that a calendar keeps."""
        return whole_seconds(self.end) > whole_seconds(self.start)

    def to_event(self) -> BookingEvent:
        """The event as the rest of the code knows it."""
        return BookingEvent(
            subject=self.subject,
            starts_at=self.start,
            ends_at=self.end,
            time_zone=self.time_zone,
            all_day=self.all_day,
            body=EventBody(content_type=self.body.content_type, content=self.body.content),
            location=self.location,
            categories=tuple(self.categories),
            organizer=None if self.organizer is None else Person(email=self.organizer.email, name=self.organizer.name),
            attendees=tuple(Attendee(email=a.email, name=a.name, type=a.type) for a in self.attendees),
            sensitivity=self.sensitivity,
            show_as=self.show_as,
        )


class EndedEventForm(EventForm):
    """The event of an `end`: one that ends before it begins did not take place."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        return self._begins_and_ends_at_midnight() if self.took_place else self


class CommandForm(_Form):
    """What every command carries."""

    schema_version: Annotated[int, Field(ge=1, le=1)]
    command: Literal["create", "update", "move", "end", "cancel"]
    tenant: TenantId
    booking_id: Annotated[str, Field(pattern="^[!-~]{1,200}$")]
    version: Annotated[int, Field(ge=1, le=MAX_VERSION)]
    room: Mailbox
    issued_at: Instant


class PutForm(CommandForm):
    """The room's calendar shall hold exactly this event for the booking."""

    command: Literal["create", "update"]
    event: EventForm


class MoveForm(CommandForm):
    """As an update in `room`; then the booking is removed from `previous_room`."""

    command: Literal["move"]
    previous_room: Mailbox
    event: EventForm


class EndForm(CommandForm):
    """As an update, with the earlier end; an end that is not after the start is a cancel."""

    command: Literal["end"]
    event: EndedEventForm


class CancelForm(CommandForm):
    """The room's calendar shall hold no event for the booking."""

    command: Literal["cancel"]


FORMS: dict[str, type[PutForm | MoveForm | EndForm | CancelForm]] = {
    "create": PutForm,
    "update": PutForm,
    "move": MoveForm,
    "end": EndForm,
    "cancel": CancelForm,
}
