"""The names of exchanges, queues and headers (docs/contract.md#queues), on which publishers and dashboards rely."""

from dataclasses import dataclass

from consumers.policy import DEFER_TIERS_S

HEADER_PREFIX = "x-roomsync-"
BROKERS_TIME_HEADER = "timestamp_in_ms"
"""Milliseconds since 1970, set by the broker where an operator switches it on (`message_interceptors.incoming`)."""
TRACE_HEADERS = ("traceparent", "tracestate")
DEATH_REASON_HEADER = "x-first-death-reason"
COUNT_HEADER = "x-delivery-count"
_OURS = HEADER_PREFIX.encode()
_OTHERS = frozenset(name.encode() for name in (BROKERS_TIME_HEADER, *TRACE_HEADERS, DEATH_REASON_HEADER, COUNT_HEADER))


def is_read(header: bytes) -> bool:
    """Whether anybody here reads the header with that name."""
    return header.startswith(_OURS) or header in _OTHERS


@dataclass(frozen=True, slots=True)
class QueueNames:
    """Every name at the broker, from the configured prefix."""

    prefix: str = "roomsync"

    @property
    def commands(self) -> str:
        """Exchange that publishers publish to."""
        return f"{self.prefix}.commands"

    @property
    def failed(self) -> str:
        """Exchange and queue of what needs a person."""
        return f"{self.prefix}.failed"

    @property
    def failed_watch(self) -> str:
        """Queue of copies of what is parked, for the worker to report what the broker parked without it."""
        return f"{self.prefix}.failed.watch"

    @property
    def results(self) -> str:
        """Exchange of result events."""
        return f"{self.prefix}.results"

    @property
    def ledger(self) -> str:
        """Queue that holds the id of the ledger in use, as its one message."""
        return f"{self.prefix}.ledger"

    def partition(self, number: int) -> str:
        """Queue of a partition, at least two digits."""
        return f"{self.commands}.{number:02d}"

    def deferred(self, tier_s: int) -> str:
        """Exchange and queue of what comes back after that many seconds."""
        return f"{self.prefix}.deferred.{tier_s}"

    def all_deferred(self) -> list[str]:
        """All of them, the shortest wait first."""
        return [self.deferred(tier_s) for tier_s in DEFER_TIERS_S]
