"""How often a message came back, by the broker's count and by ours: neither is believed alone.

`x-delivery-count` is a header like others: a publisher, a shovel or "move messages" may have left one on a message
that nobody took yet. Checked on RabbitMQ 3.10: a quorum queue hands out such a message with the header as it was
published, and with its own count from the second time on. Since 4.3 what is given back by `nack` is not counted.
"""

from collections import OrderedDict
from collections.abc import Hashable

from consumers.broker.headers import returned_count
from consumers.broker.incoming_message import IncomingMessage

REMEMBERED_MAX = 10_000
DELIVERY_LIMIT = 20
"""Of our queues (docs/contract.md#queues). A higher count is not the broker's: it would have parked the message."""


class _Counts(OrderedDict[Hashable, int]):
    """The latest counts; the oldest is forgotten."""

    def note(self, message: IncomingMessage, count: int) -> int:
        key = _key(message)
        self[key] = count
        self.move_to_end(key)
        if len(self) > REMEMBERED_MAX:
            self.popitem(last=False)
        return count

    def of(self, message: IncomingMessage) -> int:
        return self.get(_key(message), 0) if self else 0


def came_back(message: IncomingMessage) -> int:
    """How often the broker says that a message came back; 0 of one that it never handed out before."""
    return returned_count(message.headers) if message.redelivered else 0


class Returns:
    """Tells how often a message was handed out before by the queue it comes from."""

    def __init__(self) -> None:
        self._borne = _Counts()

    def count(self, message: IncomingMessage) -> int:
        """How often it came back without an acknowledgement: a worker may have died of it."""
        if not message.redelivered:
            if borne := returned_count(message.headers):
                self._borne.note(message, borne)
            return 0
        told = came_back(message)
        borne = self._borne.of(message)
        # Below what it bore at first, it is the broker's own.
        count = told - borne if told >= borne else told
        return count if count <= DELIVERY_LIMIT else 1


class Mishaps:
    """How often an error of ours met a message in this process, which the broker may not have counted."""

    def __init__(self) -> None:
        self._met = _Counts()

    def again(self, message: IncomingMessage) -> int:
        """One more; returns how many there were."""
        return self._met.note(message, self._met.of(message) + 1)


def _key(message: IncomingMessage) -> Hashable:
    return message.message_id, hash(message.body)
