"""Where messages come in, with a hall behind: the partitions, or the watch over what was parked."""

from typing import Any, cast

from consumers.broker.queue_names import QueueNames
from consumers.partitions import Partitions
from consumers.settlement.dead_letter_watch import DeadLetterWatch
from tests.broker import FakeMessage
from tests.hall import Hall


class Entrance:
    """One of the two."""

    def __init__(self, hall: Hall, *, watch: bool = False) -> None:
        self.hall = hall
        names = QueueNames()
        self._parts: Partitions | DeadLetterWatch = (
            DeadLetterWatch(names=names, reader=hall.reader, settler=hall.settler)
            if watch
            else Partitions(
                names=names,
                count=1,
                reader=hall.reader,
                lanes=hall.lanes,
                settler=hall.settler,
                clocks=hall.time.clocks(),
            )
        )

    async def hand_in(self, message: FakeMessage) -> None:
        """Hand in a message as the broker does."""
        await self._parts.consume(cast(Any, self.hall.session))
        await self.hall.session.consumers.pop().on_message(cast(Any, message))
