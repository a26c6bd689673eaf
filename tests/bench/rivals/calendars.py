"""What all rivals share: a booking written with exchangelib, used as its README shows it."""

import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

from exchangelib import (
    IMPERSONATION,
    Account,
    CalendarItem,
    Configuration,
    Credentials,
    EWSDateTime,
    EWSTimeZone,
    FaultTolerance,
)
from exchangelib.items import SEND_TO_NONE

THREADS = 32

# One connection for each thread: exchangelib's default of one for all would serve the threads one after the other.
CONFIGURATION = Configuration(
    service_endpoint=os.environ["BENCH_EWS_URL"],
    credentials=Credentials(os.environ["BENCH_ACCOUNT"], os.environ["BENCH_PASSWORD"]),
    retry_policy=FaultTolerance(max_wait=3600),
    max_connections=THREADS,
)


@cache
def account_of(room: str) -> Account:
    """Kept, so that a room's folders are asked for once."""
    return Account(room, config=CONFIGURATION, autodiscover=False, access_type=IMPERSONATION)


def write(command: dict[str, Any]) -> None:
    """Create the event of a command."""
    event = command["event"]
    zone = EWSTimeZone(event["time_zone"])
    account = account_of(command["room"])
    CalendarItem(
        account=account,
        folder=account.calendar,
        subject=event["subject"],
        start=_instant(event["start"]).astimezone(zone),
        end=_instant(event["end"]).astimezone(zone),
        body=event["body"]["content"],
        location=event["location"],
        categories=event["categories"],
        reminder_is_set=False,
    ).save(send_meeting_invitations=SEND_TO_NONE)


def _instant(text: str) -> EWSDateTime:
    return EWSDateTime.from_datetime(datetime.fromisoformat(text).astimezone(UTC))
