"""The times that a server names to be left alone for, as far as they are believed."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

BELIEVED_MAX_S = 24 * 3600.0
"""Exchange refills its budgets within minutes to hours and a maintenance page names a night at the most: a longer time
is a slip (microseconds, a date without a year). Then our own back-off holds, which asks again within seconds."""

_NUMBER = re.compile("[0-9]{1,15}")


def believed_s(seconds: float) -> float | None:
    """The wait, or None for one that nobody means."""
    return seconds if 0 <= seconds <= BELIEVED_MAX_S else None


def back_off_s(milliseconds: str) -> float | None:
    """`BackOffMilliseconds` in seconds, None where it is none."""
    text = milliseconds.strip()
    return believed_s(int(text) / 1000) if _NUMBER.fullmatch(text) else None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds from now; it may be given as seconds or as an HTTP date (RFC 9110 §10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    if _NUMBER.fullmatch(text):
        return believed_s(float(text))
    try:
        named_at = parsedate_to_datetime(text)
        named_at = named_at if named_at.tzinfo else named_at.replace(tzinfo=UTC)
        return believed_s(max(0.0, (named_at - datetime.now(UTC)).total_seconds()))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
