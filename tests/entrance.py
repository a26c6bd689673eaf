"""Where messages come in, with a hall behind: the partitions, or the watch over what was parked."""

from typing import Any, cast

from consumers.intake.names import Names
from consumers.intake.parked_watch import ParkedWatch
from consumers.intake.partitions import Partitions
from tests.broker import FakeMessage
from tests.hall import Hall


class Entrance:
    """One of the two."""

    def __init__(self, hall: Hall, *, watch: bool = False) -> None:
        self.hall = hall
        names = Names()
        self._parts: Partitions | ParkedWatch = (
            ParkedWatch(names=names, reader=hall.reader, settler=hall.settler)
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
