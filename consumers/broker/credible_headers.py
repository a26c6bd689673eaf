"""Which notes on a message a worker can have written: anybody may publish such headers, with a copied message too."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from aiormq.abc import FieldValue

from consumers.broker.headers import RoomsyncHeaders

CLOCKS_DIFFER = timedelta(minutes=5)
"""By so much the clocks of two workers may differ; with more, Exchange refuses Kerberos as well."""


def credible_notes(
    headers: Mapping[str, FieldValue], *, booking_id: FieldValue, version: FieldValue, now: datetime
) -> RoomsyncHeaders:
    """The notes on a command as far as a worker can have written them until now; the others count as absent. Pure.

    However old an instant is, it may be right: a command of a stopped tenant waits for months.
    """
    notes = RoomsyncHeaders.read(headers)
    is_about = (booking_id, version)
    if any(noted is not None and noted != own for noted, own in zip(notes.about, is_about, strict=True)):
        return replace(
            notes,
            attempts=0,
            first_seen_at=None,
            replayed_at=None,
            rested_at=None,
            delayed_told=False,
            derived=False,
        )
    first_seen_at, replayed_at = (_past(instant, now) for instant in (notes.first_seen_at, notes.replayed_at))
    return replace(notes, first_seen_at=first_seen_at, replayed_at=replayed_at, rested_at=_past(notes.rested_at, now))


def _past(instant: datetime | None, now: datetime) -> datetime | None:
    return None if instant is None or instant > now + CLOCKS_DIFFER else instant
