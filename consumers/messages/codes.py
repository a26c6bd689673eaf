"""Every code that a result, a failed message or a log may carry, with what it means and what to do about it.

Codes are stable words: they are only ever added (docs/contract.md#results).
"""

from adapters.errors import CODES as CALENDAR_CODES
from adapters.errors import Code, Scope


def _code(sentence: str, advice: str, scope: Scope = "command") -> Code:
    return Code(sentence=sentence, advice=advice, scope=scope)


_PUBLISH_CORRECTED = "Correct the message where it is published and publish it again."
_CORRECT_EVENT = "Correct the booking where it is kept and publish it again, with the same version or a higher one."

MESSAGE_CODES: dict[str, Code] = {
    "too_large": _code("The body is larger than 256 KiB.", "Shorten the event's body, or leave it out."),
    "too_many_values": _code(
        "The body holds more than 10,000 objects and arrays.", "Leave out what roomsync does not read."
    ),
    "too_many_headers": _code(
        "The message bears more than 1,000 headers.", "Leave out what roomsync does not read, and publish it again."
    ),
    "not_utf8": _code("The body is not UTF-8.", _PUBLISH_CORRECTED),
    "not_json": _code("The body is not JSON (RFC 8259).", _PUBLISH_CORRECTED),
    "too_deep": _code("The body is nested too deeply.", _PUBLISH_CORRECTED),
    "not_an_object": _code("The body is JSON, but not one object.", "Publish one command a message, as an object."),
    "member_twice": _code("A member is given twice in one object.", "Give every member once."),
    "member_missing": _code("A required member is missing, or null.", _PUBLISH_CORRECTED),
    "wrong_type": _code("A member has the wrong JSON type; types are strict.", _PUBLISH_CORRECTED),
    "not_unicode": _code(
        "A text holds half of a surrogate pair, which no encoding can carry.", "Cut texts between characters."
    ),
    "schema_version_unsupported": _code(
        "Expected `schema_version` 1.", "Publish in version 1, or upgrade roomsync before the publisher."
    ),
    "unknown_command": _code("Expected create, update, move, end or cancel.", _PUBLISH_CORRECTED),
    "tenant_invalid": _code("Expected 1 to 50 of A-Z a-z 0-9 _ and -.", _PUBLISH_CORRECTED),
    "tenant_unknown": _code(
        "No tenant of this name is configured.",
        "Correct the name where it is published (case counts), or add the tenant to the configuration and replay.",
    ),
    "booking_id_invalid": _code("Expected 1 to 200 ASCII characters from ! to ~ (no space).", _PUBLISH_CORRECTED),
    "version_out_of_range": _code("Expected an integer from 1 to 9007199254740991.", _PUBLISH_CORRECTED),
    "room_invalid": _code("Expected a mailbox address in ASCII of at most 254 characters.", _PUBLISH_CORRECTED),
    "room_not_in_domain": _code(
        "Expected an address in one of the tenant's domains.",
        "Correct the address or the tenant where they are published, or add the domain to the tenant and replay.",
    ),
    "previous_room_missing": _code(
        "A move needs `previous_room`, the room where the booking was.", "Name the room that the booking left."
    ),
    "naive_time": _code("A time has no offset from UTC.", "End the time with Z or an offset such as +01:00."),
    "time_invalid": _code("A time is no RFC 3339 date-time of the years 1753 to 4000.", _PUBLISH_CORRECTED),
    "event_missing": _code("The command needs `event`.", "Publish the whole event; only a cancel goes without."),
    "end_before_start": _code("The event does not end after it starts.", _CORRECT_EVENT),
    "time_zone_unknown": _code(
        "`time_zone` is no name of the IANA time zone database.",
        "Publish an IANA name such as Europe/Brussels; a Windows name such as Romance Standard Time is none.",
    ),
    "all_day_not_midnight": _code(
        "An all-day event does not begin and end at midnight in `time_zone`.",
        "Publish the room's own time zone and midnights in it, the end exclusive.",
    ),
    "recurrence_unsupported": _code(
        "`recurrence` is reserved and refused.", "Publish every occurrence as a booking, such as S-7/2026-12-01."
    ),
    "body_invalid": _code("Expected `content_type` text or html.", _CORRECT_EVENT),
    "organizer_invalid": _code("Expected the organizer's mail address.", _CORRECT_EVENT),
    "attendee_invalid": _code("Expected a mail address, and `type` required or optional.", _CORRECT_EVENT),
    "too_many_attendees": _code("Expected at most 1,000 attendees.", _CORRECT_EVENT),
    "too_many_categories": _code("Expected at most 200 categories.", _CORRECT_EVENT),
    "sensitivity_unknown": _code("Expected normal or private.", _CORRECT_EVENT),
    "show_as_unknown": _code("Expected busy, tentative, free or oof.", _CORRECT_EVENT),
}
"""Why a message is no command."""

WARNING_CODES: dict[str, Code] = {
    "unknown_member": _code(
        "The member is unknown and was ignored.", "Look for a misspelling, or for a member of a newer roomsync."
    ),
    "subject_cut": _code("The subject was cut to 255 characters.", "Nothing, or shorten the subject."),
    "characters_removed": _code(
        "Characters that XML forbids were removed from the text.", "Nothing, or clean the text where it is entered."
    ),
    "time_cut": _code(
        "Fractions of a second were cut from the time: calendars keep whole seconds.",
        "Nothing, or publish whole seconds.",
    ),
    "time_zone_replaced": _code(
        "Exchange's own rules for the time zone differ on these days; the event is kept in a zone with the same days.",
        "Nothing; Exchange's zone will follow with its next update of time zones.",
    ),
    "all_day_as_times": _code(
        "No time zone of Exchange has these days: the event is kept at the same instants, not as whole days.",
        "Nothing, or publish a time zone that Exchange has the same rules for.",
    ),
    "time_zone_as_utc": _code(
        "Exchange does not know the time zone; the event is kept in UTC, at the same instants.",
        "Nothing, or publish a time zone that Exchange knows.",
    ),
}
"""What was carried out, but not to the letter."""

SETTLING_CODES: dict[str, Code] = {
    "write_under_way": _code(
        "Another write of this booking may still be under way.",
        "Nothing to do: the booking rests until that write's claim has run out, and then goes on.",
    ),
    "room_behind": _code(
        "The room has more commands waiting than can be kept in hand.",
        "Nothing to do; if it lasts, look at what throttles or blocks the room.",
        "room",
    ),
    "ledger_unavailable": _code(
        "The worker cannot use its ledger at the moment, and writes nothing without it.",
        "Look at the worker's log, or at /readyz, for what is wrong with the ledger (locked, disk full, unreachable).",
        "tenant",
    ),
    "tenant_misconfigured": _code(
        "The settings of this command's tenant cannot be used; its commands wait.",
        "Mend what `roomsync config check` says of the tenant; the worker goes on by itself, but for a variable of the "
        "environment, which takes a restart.",
        "tenant",
    ),
    "internal_error": _code(
        "roomsync itself failed at this command; it is tried again.",
        "Report it with the worker's log; the command is kept.",
    ),
    "version_reused": _code(
        "This version of the booking was published before with other content; it is not applied.",
        "Publish the booking with a higher version; mend the publisher, which must raise it with every change.",
    ),
    "gave_up": _code(
        "It could not be done within the configured time (give_up_after_h) since it was first seen.",
        "Look at the last error, remove its cause, then replay.",
    ),
    "too_old": _code(
        "The message is older than the ledger remembers, so it might bring back what is gone.",
        "Publish the booking anew; replay only with force, after looking at the room's calendar.",
    ),
    "crashed_worker": _code(
        "The command came back ten times without a verdict: a worker may have died of it.",
        "Look for what ended the workers (memory, a crash report); then replay.",
    ),
    "parked_by_broker": _code(
        "The broker itself put the message aside: it was delivered too often, or no queue was bound for it.",
        "Run `roomsync topology check`, look for crashes of workers; then replay.",
    ),
}
"""How a command ended that neither the message nor the calendar is to blame for."""


def all_codes() -> dict[str, Code]:
    """Every code there is, those of messages first."""
    return dict(_ALL)


def code_of(code: str) -> Code:
    """What a code means. Raises KeyError for a word that is none."""
    return _ALL[code]


_ALL = MESSAGE_CODES | SETTLING_CODES | CALENDAR_CODES | WARNING_CODES
