"""Runs blocking calls in a bounded number of threads, none of which can hang the worker.

`ThreadPoolExecutor` will not do: a stuck call keeps its thread for ever, and the interpreter waits for it at exit.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")

_SPARE = 8
"""Stuck threads that even the smallest pool survives."""


class NoThreadFree(Exception):
    """The call was not begun: every thread is busy, or too many are stuck."""


class CallStuck(Exception):
    """The call did not end in time; it was left behind and may still do its work."""


class Threads:
    """Daemon threads for at most `size` calls at once.

    A call that outlives its limit is left behind and its place given to a fresh thread; when `size` and a few more are
    stuck, nothing is begun until one of them ends.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._places = asyncio.Semaphore(size)
        self._idle: list[_Worker] = []
        self._stuck: set[_Worker] = set()

    async def run(self, call: Callable[[], T], *, limit_s: float) -> T:
        """Run the call, waiting for a place and for its end no longer than `limit_s` in all.

        Raises:
            NoThreadFree: it was certainly not begun.
            CallStuck: it may still be at work.
        """
        future: Future[T] | None = None
        try:
            async with asyncio.timeout(limit_s), self._places:
                worker = self._worker()
                future = worker.start(call)
                try:
                    return await asyncio.wrap_future(future)
                finally:
                    self._take_back(worker, future)
        except TimeoutError as late:
            # An error of the call itself passes; only our own limit is told apart here.
            if future is not None and future.done() and not future.cancelled():
                raise
            raise (NoThreadFree if future is None or future.cancelled() else CallStuck) from late

    def close(self) -> None:
        """Let idle threads end; stuck ones end when their call does, or with the process."""
        while self._idle:
            self._idle.pop().dismiss()

    def _worker(self) -> "_Worker":
        if self._idle:
            return self._idle.pop()
        if len(self._stuck) >= self._size + _SPARE:
            raise NoThreadFree
        return _Worker()

    def _take_back(self, worker: "_Worker", future: Future[T]) -> None:
        if future.cancel() or future.done():
            self._idle.append(worker)
            return
        self._stuck.add(worker)
        future.add_done_callback(lambda _: self._stuck.discard(worker))
        worker.dismiss()


class _Worker:
    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._work, name="ews", daemon=True).start()

    def start(self, call: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._jobs.put(lambda: _carry_out(call, future))
        return future

    def dismiss(self) -> None:
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _carry_out(call: Callable[[], T], future: Future[T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001  # it belongs to the one who waits, not to this thread
        future.set_exception(error)
    else:
        future.set_result(result)
