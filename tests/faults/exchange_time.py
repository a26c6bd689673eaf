"""Time that passes only when everybody waits: an hour costs a test nothing, and no answer is overtaken by it."""

import asyncio

from tests.room_harness import VirtualTime


class CommonTime(VirtualTime):
    """A clock for several lanes, the ledger and Exchange: it stands still while anybody works."""

    def __init__(self) -> None:
        super().__init__()
        self._asleep: dict[asyncio.Task[object], tuple[float, asyncio.Event]] = {}

    async def sleep(self, for_s: float) -> None:
        self.slept.append(for_s)
        task, awake = asyncio.current_task(), asyncio.Event()
        assert task is not None
        self._asleep[task] = (self.passed_s + for_s, awake)
        try:
            await awake.wait()
        finally:
            del self._asleep[task]

    def all_asleep(self, tasks: set[asyncio.Task[None]]) -> bool:
        """Whether each of these tasks, of which there is at least one, can only go on once time passes."""
        return bool(tasks) and all(task in self._asleep and not self._asleep[task][1].is_set() for task in tasks)

    def wake_next(self) -> None:
        """Let time pass until the next one wakes up."""
        due_s, awake = min(self._asleep.values(), key=lambda sleeper: sleeper[0])
        self.pass_until(due_s)
        awake.set()

    def pass_until(self, due_s: float) -> None:
        """Let time pass, never back."""
        self.passed_s = max(self.passed_s, due_s)
