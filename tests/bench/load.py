"""How much is measured: everything, or a tenth of it for a first look."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """A tenth when it is to be quick."""

    is_quick: bool = False

    def of(self, count: int) -> int:
        """Of a number of commands, rooms or seconds' worth of them."""
        return max(1, count // 10) if self.is_quick else count

    def seconds(self, whole_s: float) -> float:
        """Of a stretch of time: half, since a tenth would show nothing."""
        return whole_s / 2 if self.is_quick else whole_s
