"""An event loop without time or sockets: a task stops at every step that leaves its process, until it is let go.

That is what lets a crash, a takeover or another worker strike between any two steps, the same way each time.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class Process:
    """Something that can be killed: after that, nothing of it has any effect."""

    name: str
    is_alive: bool = True
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    """A task belongs to the process whose task, or callback, made it."""


_running: ContextVar[Process | None] = ContextVar("_running", default=None)


class StepLoop(asyncio.AbstractEventLoop):
    """Runs what is ready, in order, and returns."""

    def __init__(self) -> None:
        self._ready: deque[asyncio.Handle] = deque()
        self.errors: list[dict[str, Any]] = []
        """What no task took for its own: exceptions nobody awaited."""

    def run_ready(self) -> None:
        """Let every task go on until all of them wait for a step, or are done."""
        asyncio._set_running_loop(self)
        try:
            while self._ready:
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            asyncio._set_running_loop(None)

    def call_soon(
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def create_task(  # type: ignore[override]  # coroutines only: what asyncio itself hands in
        self, coro: Coroutine[Any, Any, Result], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Result]:
        process = (context or copy_context()).get(_running)
        if process is not None and not process.is_alive:
            # What a dead process begins never begins and never ends.
            coro.close()
            return self.create_future()  # type: ignore[return-value]
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        if process is not None:
            process.tasks.add(task)
            task.add_done_callback(process.tasks.discard)
        return task

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def time(self) -> float:
        return 0.0

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        # Never done: no time passes by itself, so nothing that waits here runs out of it.
        return asyncio.TimerHandle(when, callback, args, self, context)

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """As `asyncio.timeout` wants it; none is kept here."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)

    def get_debug(self) -> bool:
        return False

    def is_closed(self) -> bool:
        return False


@dataclass(slots=True, eq=False, kw_only=True)
class Step:
    """What a process is about to do. It cannot before `due_s`."""

    process: Process
    what: str
    due_s: float
    going: asyncio.Future[None]


class Steps:
    """Every step that waits to be let go, the oldest first."""

    def __init__(self) -> None:
        self.loop = StepLoop()  # type: ignore[abstract]  # the rest of a loop is never asked for
        self.waiting: list[Step] = []

    async def before(self, process: Process, what: str, *, due_s: float = 0.0) -> None:
        """Wait until this step may be done; a process that was killed never comes back from here."""
        if process.is_alive:
            step = Step(process=process, what=what, due_s=due_s, going=self.loop.create_future())
            self.waiting.append(step)
            await step.going
        if not process.is_alive:
            raise asyncio.CancelledError

    def of(self, process: Process, now_s: float) -> list[Step]:
        """The steps that a process could do now."""
        return [step for step in self.waiting if step.process is process and step.due_s <= now_s]

    def let_go(self, step: Step) -> None:
        """Do a step, and what follows from it up to the next ones."""
        self.waiting.remove(step)
        step.going.set_result(None)
        self.loop.run_ready()

    def kill(self, process: Process) -> None:
        """End a process between two steps."""
        process.is_alive = False
        self.waiting = [step for step in self.waiting if step.process is not process]
        for task in list(process.tasks):
            task.cancel()
        self.loop.run_ready()

    def start(self, process: Process, work: Coroutine[Any, Any, None]) -> None:
        """Begin a task of a process; `loop.run_ready` lets it run."""
        context = copy_context()
        context.run(_running.set, process)
        self.loop.create_task(work, context=context)


def at_once(work: Awaitable[Result]) -> Result:
    """The result of a coroutine that waits for nothing."""
    try:
        work.__await__().send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # what the coroutine returned
    raise AssertionError("it waits")
