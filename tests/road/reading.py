"""What a trace says: the files of the road in their order, and the borders that it crosses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function of the product was entered; `within_sync`: from inside `consumers/sync/`."""

    file: str
    function: str
    within_sync: bool


@dataclass(frozen=True, slots=True)
class Road:
    """A command's way from its delivery to its acknowledgement."""

    calls: Sequence[Call]
    """All of the window: those of chores and of what came before and after as well."""
    began: int = field(init=False)
    ended: int = field(init=False)

    def __post_init__(self) -> None:
        functions = [(call.file, call.function) for call in self.calls]
        delivered = functions.index(("consumers/broker/session.py", "hand"))
        read = ("consumers/broker/connection.py", "buffer_updated")
        object.__setattr__(self, "began", max(at for at, one in enumerate(functions[:delivered]) if one == read))
        acknowledged = functions.index(("consumers/broker/incoming_message.py", "ack"), delivered)
        written = ("consumers/broker/connection.py", "_hand_over")
        object.__setattr__(self, "ended", functions.index(written, acknowledged) + 1)

    @classmethod
    def read(cls, trace: Path) -> "Road":
        """Of a trace that `traced_worker` wrote."""
        parts = [line.split(" ") for line in trace.read_text().splitlines()]
        return cls([Call(file=file, function=name, within_sync=within == "sync") for file, name, within in parts])

    @property
    def files(self) -> list[str]:
        """Those that the command enters, in the order of their first entries."""
        return list(dict.fromkeys(call.file for call in self.calls[self.began : self.ended]))

    @property
    def files_of_all(self) -> list[str]:
        """The same with those of the chores of the same seconds."""
        return list(dict.fromkeys([*self.files, *(call.file for call in self.calls)]))

    @property
    def crossings(self) -> list[tuple[str, str]]:
        """Where, from one first entry to the next, the folder of `consumers/` changes."""
        folders = [
            Path(file).parent.name for file in self.files if file.startswith("consumers/") and file.count("/") > 1
        ]
        return [(one, two) for one, two in pairwise(folders) if one != two]

    @property
    def back_to_broker(self) -> list[Call]:
        """Entries into `consumers/broker/` from inside `consumers/sync/`."""
        road = self.calls[self.began : self.ended]
        return [call for call in road if call.within_sync and call.file.startswith("consumers/broker/")]
