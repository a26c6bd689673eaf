"""Errors of a calendar, sorted by what happens next, not by who raised them.

CalendarError
├── Throttled       wait        as long as Exchange asked, this room or the whole tenant
├── Transient       try again   certainly not applied
├── Unknown         look first  the request may have been applied
├── Refused         park        this command or this room needs a person
└── Misconfigured   stop asking the tenant needs an administrator (its breaker opens)

They are raised by reads and returned as values, one for each operation, by writes. Every code is a stable word with a
sentence and an advice in `CODES`; what Exchange itself answered stays visible in `detail`, never a subject or a person.
"""

from dataclasses import dataclass
from typing import Literal

Scope = Literal["command", "room", "tenant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a failure code means (`sentence`) and what to do about it (`advice`), for the operator who meets it."""

    sentence: str
    advice: str
    scope: Scope


CODES: dict[str, Code] = {
    "throttled": Code(
        sentence="Exchange asked to wait before the next request to this room.",
        advice="Nothing to do; if it lasts, lower mailbox_concurrency or ask for a larger throttling policy.",
        scope="room",
    ),
    "unreachable": Code(
        sentence="Exchange could not be reached; the request was certainly not applied.",
        advice="Check service_url, DNS, firewall and the certificate of the server.",
        scope="tenant",
    ),
    "untrusted_certificate": Code(
        sentence="The server's certificate is not trusted, so nothing was sent to it.",
        advice="Set ca_file to the authority that signed the server's certificate, or renew that certificate.",
        scope="tenant",
    ),
    "store_unavailable": Code(
        sentence="The mailbox's database is not available at the moment (moved, failed over or overloaded).",
        advice="Nothing to do; if it lasts for hours, look at the mailbox's database or its move request.",
        scope="room",
    ),
    "write_conflict": Code(
        sentence="Somebody else changed the event at the same moment.",
        advice="Nothing to do; it is tried again.",
        scope="command",
    ),
    "server_error": Code(
        sentence="Exchange failed inside; the request was certainly not applied.",
        advice="Nothing to do; if it lasts, look at Exchange's own logs with the named answer.",
        scope="room",
    ),
    "answer_unreadable": Code(
        sentence="The server's answer could not be read.",
        advice="Nothing to do; if it lasts, look at what the brackets name, in this room's events or in between.",
        scope="room",
    ),
    "answer_too_large": Code(
        sentence="The server's answer was larger than any that is expected, and was not read to its end.",
        advice="Look for what stands in front of Exchange; a calendar of such size needs clearing.",
        scope="room",
    ),
    "answer_odd": Code(
        sentence="The server gave an answer that says nothing about the request; it was not carried out.",
        advice="Nothing to do; if it lasts, look at the proxies and load balancers between roomsync and Exchange.",
        scope="room",
    ),
    "outcome_unknown": Code(
        sentence="The reply was lost or unreadable; the write may or may not have been applied.",
        advice="Nothing to do: the worker looks at the calendar before it acts on this booking again.",
        scope="command",
    ),
    "room_not_found": Code(
        sentence="Exchange knows no mailbox with the address of this room.",
        advice="Correct the room's address where it is published, or create the room mailbox; then replay.",
        scope="room",
    ),
    "rights_missing": Code(
        sentence="The service account has no right to write into this room's calendar.",
        advice="Add the room to the management scope of the impersonation role, or give the account Editor rights on "
        "the room's calendar; rights may take two hours to work; then replay.",
        scope="room",
    ),
    "mailbox_full": Code(
        sentence="The room's mailbox is over its quota.",
        advice="Raise the quota or clear the mailbox; then replay.",
        scope="room",
    ),
    "mailbox_unusable": Code(
        sentence="The room's mailbox cannot be used (disabled, unlicensed or wrongly configured).",
        advice="Look at the mailbox in the Exchange admin centre; then replay.",
        scope="room",
    ),
    "event_refused": Code(
        sentence="Exchange refused this event's content.",
        advice="Correct the named field where the booking is published and publish a higher version.",
        scope="command",
    ),
    "exchange_refused": Code(
        sentence="Exchange refused with an answer that roomsync has no rule for.",
        advice="Look the named answer up in Microsoft's list of response codes; replay once the cause is gone.",
        scope="command",
    ),
    "credentials_rejected": Code(
        sentence="Exchange rejected the credentials of the service account.",
        advice="Renew the password or secret in the place that the tenant's configuration names; the worker goes on "
        "by itself.",
        scope="tenant",
    ),
    "login_scheme_not_offered": Code(
        sentence="The server does not offer the way to log in that is configured.",
        advice="Set kind in [tenant.auth] to what the server offers (named in brackets), or switch yours on there; the "
        "password was not judged; the worker goes on by itself.",
        scope="tenant",
    ),
    "impersonation_denied": Code(
        sentence="The service account may not impersonate on this server.",
        advice="Assign the ApplicationImpersonation role to the service account; the worker goes on by itself.",
        scope="tenant",
    ),
    "ews_blocked": Code(
        sentence="Exchange Online blocks EWS for this tenant or for this application.",
        advice="An administrator sets EwsEnabled and adds the application to EwsAllowedAppIDs (possible until EWS is "
        'switched off on 2027-04-01), or the tenant moves to backend = "graph"; the worker goes on by itself.',
        scope="tenant",
    ),
    "access_blocked": Code(
        sentence="The server forbids access as a whole (HTTP 403).",
        advice="Check whether EWS is enabled for the service account and what a proxy in between allows.",
        scope="tenant",
    ),
    "endpoint_wrong": Code(
        sentence="The answer does not come from Exchange Web Services.",
        advice="Check service_url: it ends in /EWS/Exchange.asmx.",
        scope="tenant",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What may be wrong with the whole tenant, if it is met again: a code of `CODES`.

    `at_once`: one such answer is enough to let the tenant pause; else it must come twice from a room.
    """

    code: str
    at_once: bool = True


class CalendarError(Exception):
    """What a calendar could not do. `code` is a key of `CODES`; `detail` is Exchange's own word, safe to show.

    `doubt`: beside what happened to the request, the answer makes the tenant doubtful.
    """

    default_code = "exchange_refused"

    def __init__(
        self,
        code: str | None = None,
        *,
        detail: str | None = None,
        scope: Scope | None = None,
        doubt: Doubt | None = None,
    ) -> None:
        self.code = code or self.default_code
        self.detail = detail
        self.scope: Scope = scope or CODES[self.code].scope
        self.doubt = doubt
        sentence = CODES[self.code].sentence
        super().__init__(f"{sentence} [{detail}]" if detail else sentence)


class Throttled(CalendarError):
    """Exchange asks for patience. `retry_after_s` is the server's own word; None or 0 means our own back-off."""

    default_code = "throttled"

    def __init__(
        self, retry_after_s: float | None = None, *, whole_tenant: bool = False, detail: str | None = None
    ) -> None:
        super().__init__(detail=detail, scope="tenant" if whole_tenant else "room")
        self.retry_after_s = retry_after_s


class Transient(CalendarError):
    """It did not work this time and was certainly not applied: the same request may be sent again.

    `whole_request`: it was told of a request of several operations, one of which may be the cause: send them apart.
    """

    default_code = "server_error"

    def __init__(
        self,
        code: str | None = None,
        *,
        detail: str | None = None,
        scope: Scope | None = None,
        doubt: Doubt | None = None,
        whole_request: bool = False,
    ) -> None:
        super().__init__(code, detail=detail, scope=scope, doubt=doubt)
        self.whole_request = whole_request


class Unknown(CalendarError):
    """The request may have been applied, or may still be: look before acting, never send it again blindly.

    `retry_after_s`: not before then may the room be asked anything, as Exchange said; None where it named no time.
    """

    default_code = "outcome_unknown"

    def __init__(
        self, *, detail: str | None = None, retry_after_s: float | None = None, doubt: Doubt | None = None
    ) -> None:
        super().__init__(detail=detail, doubt=doubt)
        self.retry_after_s = retry_after_s


class Refused(CalendarError):
    """Exchange will refuse this again until a person changes something: the command is parked.

    `whole_request`: the refusal covered a request of several operations, so it is a verdict on none of them.
    """

    def __init__(
        self,
        code: str | None = None,
        *,
        detail: str | None = None,
        scope: Scope | None = None,
        whole_request: bool = False,
    ) -> None:
        super().__init__(code, detail=detail, scope=scope)
        self.whole_request = whole_request


class Misconfigured(CalendarError):
    """Nothing of this tenant can work until an administrator acts: its breaker opens, nothing is parked."""

    default_code = "credentials_rejected"
