"""An item's next content while a request is read into it, and the rules that hold once all of it is read.

Times wait as text until the end: the zone that gives them a meaning comes later in the request than they do.
"""

from datetime import UTC, datetime, timedelta

from adapters.simulator.content import Content
from adapters.simulator.ews import times
from adapters.simulator.ews.soap import ItemError

_SUBJECT_CHARACTERS = 255
_LONGEST = timedelta(days=5 * 365 + 2)


class Draft:
    """Content in the making: of a new item, or of the next state of a known one."""

    def __init__(self, content: Content | None, context_zone: str | None) -> None:
        self.is_new = content is None
        self.content = content.copy() if content else _half_an_hour_from_now()
        self.start_text: str | None = None
        self.end_text: str | None = None
        self._context_zone = context_zone

    def finish(self) -> Content:
        """Give the content if it is one that Exchange would keep. Raises ItemError."""
        self._settle_times()
        content = self.content
        if content.end_at < content.start_at:
            raise ItemError("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate.")
        if content.end_at - content.start_at > _LONGEST:
            raise ItemError("ErrorCalendarDurationIsTooLong", "The duration is longer than five years.")
        if len(content.subject) > _SUBJECT_CHARACTERS:
            raise ItemError("ErrorItemSavePropertyError", "An item property is longer than it may be.")
        return content

    def _settle_times(self) -> None:
        content = self.content
        start_zone = content.start_zone or self._context_zone
        end_zone = content.end_zone or content.start_zone or self._context_zone
        if self.start_text is not None:
            content.start_at = times.instant(self.start_text, start_zone)
        if self.end_text is not None:
            content.end_at = times.instant(self.end_text, end_zone)
        elif self.is_new and self.start_text is not None:
            content.end_at = content.start_at + timedelta(minutes=30)
        content.start_zone = start_zone or "UTC"
        content.end_zone = end_zone or "UTC"
        if content.all_day:
            self._round_to_midnights()

    def _round_to_midnights(self) -> None:
        content = self.content
        zone = times.zone_or_error(content.start_zone or "UTC")
        content.start_at = times.midnight_before(content.start_at, zone)
        content.end_at = times.midnight_after(content.end_at, zone)
        if content.end_at == content.start_at:
            content.end_at = times.midnight_after(content.start_at + timedelta(minutes=1), zone)


def _half_an_hour_from_now() -> Content:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    start_at = now - timedelta(minutes=now.minute % 30) + timedelta(minutes=30)
    return Content(start_at=start_at, end_at=start_at + timedelta(minutes=30))
