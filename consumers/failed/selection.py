"""Which messages are meant: filters and ids, and groups of what was found."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from consumers.failed.message import FailedMessage

ID_PREFIX_MIN = 4


class NotOneMessage(Exception):
    """An id means no message of the queue, or several different ones; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """All that is given must hold; with nothing given every message is meant.

    `ids` are whole ids or beginnings of them. `since` is included, `until` is not; a message of which nobody knows
    when it failed is in no period. `limit`: the first ones, by the time of their failure.
    """

    ids: tuple[str, ...] = ()
    tenant: str | None = None
    room: str | None = None
    booking_id: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None

    def matches(self, message: FailedMessage) -> bool:
        """Whether the message is meant, its place among others aside."""
        wanted = (
            (self.tenant, message.tenant),
            (self.room, message.room),
            (self.booking_id, message.booking_id),
            (self.code, message.code),
        )
        if any(given is not None and given != found for given, found in wanted):
            return False
        if self.ids and not message.failed_id.startswith(self.ids):
            return False
        return self._is_in_period(message.failed_at)

    def _is_in_period(self, at: datetime | None) -> bool:
        if self.since is None and self.until is None:
            return True
        if at is None:
            return False
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)

    def words(self) -> str:
        """The selection for the audit: what was given, as it is given."""
        given = (
            ("tenant", self.tenant),
            ("room", self.room),
            ("booking", self.booking_id),
            ("code", self.code),
            ("since", self.since and self.since.isoformat()),
            ("until", self.until and self.until.isoformat()),
            ("limit", self.limit),
        )
        words = [*self.ids, *(f"--{name} {value}" for name, value in given if value is not None)]
        return " ".join(words) or "everything"

    def check_ids(self, found: Iterable[FailedMessage]) -> None:
        """Raises `NotOneMessage` where a given id is none, or the beginning of several."""
        known = {message.failed_id for message in found}
        for given in self.ids:
            meant = sorted(each for each in known if each.startswith(given))
            if not meant:
                raise NotOneMessage(f"No message {given} lies in the failed queue.")
            if len(meant) > 1 and given not in meant:
                raise NotOneMessage(f"{given} may mean {', '.join(meant)}: give more of the id.")


def in_order(messages: Iterable[FailedMessage]) -> list[FailedMessage]:
    """By the time of their failure, those without one first; equal lists for equal queues, whatever their order."""
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(messages, key=lambda message: (message.failed_at or never, message.failed_id))


class GroupBy(StrEnum):
    """What failed messages are counted by."""

    CODE = "code"
    ROOM = "room"
    TENANT = "tenant"
    HOUR = "hour"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Messages that have something in common; `name` is None where that is not known. `newest_at`: last failure."""

    name: str | None
    count: int
    newest_at: datetime | None


class Groups:
    """Counts messages as they come by, keeping none of them."""

    def __init__(self, by: GroupBy) -> None:
        self._name_of = _NAMES[by]
        self._counts: Counter[str | None] = Counter()
        self._newest: dict[str | None, datetime] = {}

    def add(self, message: FailedMessage) -> None:
        """Count one more."""
        name = self._name_of(message)
        self._counts[name] += 1
        at = message.failed_at
        if at is not None and (name not in self._newest or at > self._newest[name]):
            self._newest[name] = at

    def largest_first(self) -> Sequence[Group]:
        """The groups, those of equal size by name."""
        return [
            Group(name=name, count=count, newest_at=self._newest.get(name))
            for name, count in sorted(self._counts.items(), key=lambda item: (-item[1], item[0] or ""))
        ]


def _hour_of(message: FailedMessage) -> str | None:
    at = message.failed_at
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:00Z")


_NAMES: dict[GroupBy, Callable[[FailedMessage], str | None]] = {
    GroupBy.CODE: lambda message: message.code,
    GroupBy.ROOM: lambda message: message.room,
    GroupBy.TENANT: lambda message: message.tenant,
    GroupBy.HOUR: _hour_of,
}
