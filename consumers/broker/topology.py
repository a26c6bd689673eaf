"""What must stand at the broker (docs/contract.md#queues), to the letter: publishers and workers meet here."""

from dataclasses import dataclass, field

from aiormq.abc import FieldTable

from consumers.broker.queue_names import QueueNames
from consumers.policy import DEFER_TIERS_S

DELIVERY_LIMIT = 20
ENDLESS_DELIVERIES = 1_000_000_000
"""For queues of our own whose messages come back often; the default limit of RabbitMQ 4 would drop them."""

_AT_LEAST_ONCE: FieldTable = {
    "x-queue-type": "quorum",
    "x-dead-letter-strategy": "at-least-once",
    # The broker refuses at-least-once with any other overflow.
    "x-overflow": "reject-publish",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeForm:
    """An exchange, durable."""

    name: str
    type: str
    arguments: FieldTable = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueForm:
    """A quorum queue, durable; `binding` is the exchange it is bound to and the binding key."""

    name: str
    arguments: FieldTable
    binding: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """All of it; exchanges before the queues that name them."""

    exchanges: tuple[ExchangeForm, ...]
    queues: tuple[QueueForm, ...]

    @classmethod
    def of(cls, names: QueueNames, partitions: int, *, broker_version: tuple[int, ...] = (3, 10)) -> "Topology":
        """The topology for a prefix and a number of partitions, as the broker's version needs it said."""
        # From 4.0 on a queue without a limit gets one of 20; before, -1 is refused (RabbitMQ, quorum queues).
        unlimited: FieldTable = {"x-delivery-limit": -1} if broker_version >= (4, 0) else {}
        deferred = [(names.deferred(tier_s), tier_s) for tier_s in DEFER_TIERS_S]
        return cls(
            exchanges=(
                ExchangeForm(name=names.failed, type="fanout"),
                ExchangeForm(
                    name=names.commands, type="x-consistent-hash", arguments={"alternate-exchange": names.failed}
                ),
                ExchangeForm(name=names.results, type="topic"),
                *(ExchangeForm(name=name, type="fanout") for name, _ in deferred),
            ),
            queues=(
                QueueForm(
                    name=names.failed, arguments={"x-queue-type": "quorum", **unlimited}, binding=(names.failed, "")
                ),
                QueueForm(
                    name=names.failed_watch,
                    arguments={"x-queue-type": "quorum", "x-delivery-limit": ENDLESS_DELIVERIES},
                    binding=(names.failed, ""),
                ),
                *(_partition(names, number) for number in range(partitions)),
                *(_deferred(names, name, tier_s) for name, tier_s in deferred),
                QueueForm(
                    name=names.ledger,
                    arguments={
                        "x-queue-type": "quorum",
                        "x-max-length": 1,
                        "x-delivery-limit": ENDLESS_DELIVERIES,
                    },
                ),
            ),
        )


def _partition(names: QueueNames, number: int) -> QueueForm:
    return QueueForm(
        name=names.partition(number),
        arguments={
            **_AT_LEAST_ONCE,
            "x-single-active-consumer": True,
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": names.failed,
        },
        binding=(names.commands, "1"),
    )


def _deferred(names: QueueNames, name: str, tier_s: int) -> QueueForm:
    return QueueForm(
        name=name,
        arguments={**_AT_LEAST_ONCE, "x-message-ttl": tier_s * 1000, "x-dead-letter-exchange": names.commands},
        binding=(name, ""),
    )
