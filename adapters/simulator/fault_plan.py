"""Which request meets which fault: the next ones that match, or a share of all, drawn with a seed."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.simulator import faults
from adapters.simulator.troubles import Fault

EVERYDAY: tuple[Fault, ...] = (
    faults.Throttle(back_off_ms=200),
    faults.ThrottleItem(0, back_off_ms=200),
    faults.ThrottleInside(back_off_ms=200),
    faults.TooManyConnections(),
    faults.HttpStatus(503, retry_after=1),
    faults.ItemCode(0, "ErrorMailboxStoreUnavailable"),
    faults.ErrorAlthoughApplied(),
    faults.ResetBefore(),
    faults.LoseReply(),
    faults.LateReply(0.3),
    faults.LateApply(0.3),
    faults.TruncatedXml(),
)
"""The trouble of ordinary days, none of which needs an administrator."""


@dataclass(slots=True)
class _Scripted:
    fault: Fault
    room: str | None
    operation: str | None
    times: int

    def matches(self, room: str, operation: str) -> bool:
        return self.room in {None, room} and self.operation in {None, operation}


class FaultPlan:
    """The script. Scripted faults come before random ones, in the order in which they were given."""

    def __init__(self, counted: Counter[str]) -> None:
        self._counted = counted
        self._scripted: list[_Scripted] = []
        self._share = 0.0
        self._random = random.Random()  # noqa: S311  # a seeded script, nothing secret
        self._kinds: Sequence[Fault] = ()

    def next(self, fault: Fault, *, room: str | None = None, operation: str | None = None, times: int = 1) -> None:
        """Let the next requests that match (a room, an operation such as CreateItem; None: any) meet a fault."""
        self._scripted.append(_Scripted(fault, room.casefold() if room else None, operation, times))

    def rate(self, share: float, *, seed: int, kinds: Sequence[Fault] | None = None) -> None:
        """Let a share of all requests (0 … 1) meet a fault out of `kinds`, by default `EVERYDAY`."""
        self._share = share
        self._random = random.Random(seed)  # noqa: S311  # a seeded script, nothing secret
        self._kinds = EVERYDAY if kinds is None else tuple(kinds)

    def clear(self) -> None:
        """Let everything go well from now on."""
        self._scripted.clear()
        self._share = 0.0

    @property
    def pending(self) -> int:
        """How many scripted faults have not been met yet."""
        return sum(scripted.times for scripted in self._scripted)

    def draw(self, room: str, operation: str) -> Fault | None:
        """Give the fault that this request meets, and count it."""
        fault = self._scripted_for(room, operation)
        if fault is None and self._share and self._kinds and self._random.random() < self._share:
            fault = self._random.choice(self._kinds)
        if fault is not None:
            self._counted[type(fault).__name__] += 1
        return fault

    def _scripted_for(self, room: str, operation: str) -> Fault | None:
        for scripted in self._scripted:
            if scripted.matches(room, operation):
                scripted.times -= 1
                if not scripted.times:
                    self._scripted.remove(scripted)
                return scripted.fault
        return None
