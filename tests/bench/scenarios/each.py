"""One contestant after the other; what keeps one from finishing is told, and the others are measured all the same."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from tests.bench.bench_harness import BenchHarness
from tests.bench.contestants import Contestant
from tests.bench.programs import BenchStuck

Seen = TypeVar("Seen")


async def each(
    harness: BenchHarness,
    scenario: str,
    contestants: Sequence[Contestant],
    look: Callable[[Contestant], Awaitable[Seen]],
) -> tuple[dict[str, Seen], list[str]]:
    """What was seen of each by name, and a sentence about each that got stuck."""
    seen: dict[str, Seen] = {}
    unfinished: list[str] = []
    for contestant in contestants:
        harness.say(f"{scenario}: {contestant.name}")
        try:
            seen[contestant.name] = await look(contestant)
        except BenchStuck as stuck:
            harness.say(str(stuck))
            unfinished.append(f"{contestant.name} did not finish: {str(stuck).splitlines()[0]}")
    return seen, unfinished
