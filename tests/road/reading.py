"""What a trace says: the files of the road in their order, and the borders that it crosses."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CHORES = ("consumers/consumer.py", "worker/chores.py")
"""Where what comes round every second begins. It may run between any two steps of a command, and is none of them."""


class Call(NamedTuple):
    """A function of the product was entered, by work that `began` in a file; `within_sync`: from `consumers/sync/`."""

    file: str
    function: str
    began: str
    within_sync: bool


class Road:
    """A command's way from its delivery to its acknowledgement.

    Args:
        calls: all of the window, those of chores and of what came before and after as well.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self._window = calls
        calls = [call for call in calls if call.began not in CHORES]
        functions = [(call.file, call.function) for call in calls]
        delivered = functions.index(("consumers/broker/session.py", "hand"))
        read = ("consumers/broker/connection.py", "buffer_updated")
        began = max(at for at, one in enumerate(functions[:delivered]) if one == read)
        acknowledged = functions.index(("consumers/broker/incoming_message.py", "ack"), delivered)
        written = functions.index(("consumers/broker/connection.py", "_hand_over"), acknowledged)
        self.calls = calls[began : written + 1]

    @classmethod
    def read(cls, trace: Path) -> "Road":
        """Of a trace that `traced_worker` wrote."""
        parts = [line.split(" ") for line in trace.read_text().splitlines()]
        return cls([Call(file, function, began, within == "sync") for file, function, began, within in parts])

    @property
    def files(self) -> list[str]:
        """Those that the command enters, in the order of their first entries."""
        return list(dict.fromkeys(call.file for call in self.calls))

    @property
    def files_of_all(self) -> list[str]:
        """The same with those of the chores of the same seconds."""
        return list(dict.fromkeys([*self.files, *(call.file for call in self._window)]))

    @property
    def crossings(self) -> list[tuple[str, str]]:
        """Where, from one first entry to the next, the folder of `consumers/` changes."""
        files = [file for file in self.files if file.startswith("consumers/") and file.count("/") > 1]
        return [(one, two) for one, two in pairwise(Path(file).parent.name for file in files) if one != two]

    @property
    def back_to_broker(self) -> list[Call]:
        """Entries into `consumers/broker/` from inside `consumers/sync/`."""
        return [call for call in self.calls if call.within_sync and call.file.startswith("consumers/broker/")]
