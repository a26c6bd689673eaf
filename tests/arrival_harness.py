"""Where messages come in, with a dispatcher harness behind: the partitions, or the watch over what was parked."""

from typing import Any, cast

from consumers.broker.queue_names import QueueNames
from consumers.partitions import Partitions
from consumers.settlement.dead_letter_watch import DeadLetterWatch
from tests.dispatcher_harness import DispatcherHarness
from tests.fake_broker import FakeMessage


class ArrivalHarness:
    """One of the two."""

    def __init__(self, harness: DispatcherHarness, *, watch: bool = False) -> None:
        self.harness = harness
        names = QueueNames()
        self._parts: Partitions | DeadLetterWatch = (
            DeadLetterWatch(names=names, reader=harness.reader, settler=harness.settler)
            if watch
            else Partitions(
                names=names,
                count=1,
                reader=harness.reader,
                lanes=harness.lanes,
                settler=harness.settler,
                clocks=harness.time.clocks(),
            )
        )

    async def hand_in(self, message: FakeMessage) -> None:
        """Hand in a message as the broker does."""
        await self._parts.consume(cast(Any, self.harness.session))
        await self.harness.session.consumers.pop().on_message(cast(Any, message))
