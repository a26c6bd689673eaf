"""Reports what the broker parked without us (delivery limit, unroutable): such a command gets its `failed` result too.

A queue of its own holds a copy of whatever is parked (docs/decisions/0005), so that nobody's view of the failed queue
is disturbed by looking through it.
"""

from consumers.broker.headers import was_parked_by_us
from consumers.broker.incoming_message import IncomingMessage
from consumers.broker.parsing import Reader
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import Cancel, Session, Subscription
from consumers.settlement.settle import Settler

PREFETCH = 50


class DeadLetterWatch:
    """Consumes the copies; drops those that a worker parked, and so reported, itself."""

    def __init__(self, *, names: QueueNames, reader: Reader, settler: Settler) -> None:
        self._names = names
        self._reader = reader
        self._settler = settler

    async def consume(self, session: Session) -> list[Cancel]:
        """Begin to consume the copies. Returns what ends it."""

        async def on_message(message: IncomingMessage) -> None:
            try:
                if was_parked_by_us(message.headers):
                    await self._settler.drop_copy(message, session)
                    return
                _, copy = self._reader.glance(message, session)
                await self._settler.report_parked(self._reader.read(copy))
            except Exception as error:  # noqa: BLE001 - nothing leaves here without a settlement, whatever it met
                await self._settler.unreported(message, session, error)

        return await session.consume(Subscription(self._names.failed_watch, PREFETCH, on_message))
