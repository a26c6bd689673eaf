"""Threads that cannot hang the worker."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from adapters.ews.threads import CallStuck, NoThreadFree, Threads

LIMIT_S = 5.0
SHORT_S = 0.05


@pytest.fixture
def stuck_call() -> Iterator[threading.Event]:
    """A call that ends when the test does: `stuck_call.wait`."""
    release = threading.Event()
    yield release
    release.set()


async def test_a_call_runs_in_another_thread_and_gives_its_result() -> None:
    threads = Threads(2)
    assert await threads.run(threading.get_ident, limit_s=LIMIT_S) != threading.get_ident()
    threads.close()


async def test_calls_one_after_another_share_a_thread() -> None:
    threads = Threads(2)
    assert len({await threads.run(threading.get_ident, limit_s=LIMIT_S) for _ in range(5)}) == 1
    threads.close()


@pytest.mark.parametrize("error", [ValueError("x"), TimeoutError("x")], ids=["any", "a time-out of its own"])
async def test_an_error_of_the_call_comes_out_as_it_is(error: Exception) -> None:
    def fail() -> None:
        raise error

    threads = Threads(1)
    with pytest.raises(type(error)) as raised:
        await threads.run(fail, limit_s=LIMIT_S)
    assert raised.value.args == error.args
    threads.close()


async def test_no_more_calls_run_at_once_than_there_are_places() -> None:
    threads, barrier = Threads(3), threading.Barrier(3)

    def meet() -> int:
        barrier.wait(LIMIT_S)
        return threading.get_ident()

    idents = await asyncio.gather(*(threads.run(meet, limit_s=LIMIT_S) for _ in range(9)))
    assert len(set(idents)) == 3
    threads.close()


async def test_a_stuck_call_is_left_behind_and_gives_its_place_back(stuck_call: threading.Event) -> None:
    threads = Threads(1)
    for _ in range(2):
        with pytest.raises(CallStuck):
            await threads.run(stuck_call.wait, limit_s=SHORT_S)
    assert await threads.run(lambda: "next", limit_s=LIMIT_S) == "next"
    threads.close()


async def test_a_call_that_finds_no_place_in_time_is_not_begun(stuck_call: threading.Event) -> None:
    threads, begun = Threads(1), threading.Event()
    first = asyncio.create_task(threads.run(stuck_call.wait, limit_s=LIMIT_S))
    await asyncio.sleep(0)
    with pytest.raises(NoThreadFree):
        await threads.run(begun.set, limit_s=SHORT_S)
    stuck_call.set()
    await first
    assert not begun.is_set()
    threads.close()


async def test_stuck_threads_do_not_add_up_without_end(stuck_call: threading.Event) -> None:
    threads, before = Threads(1), threading.active_count()
    for _ in range(9):
        with pytest.raises(CallStuck):
            await threads.run(stuck_call.wait, limit_s=0.1)
    with pytest.raises(NoThreadFree):
        await threads.run(stuck_call.wait, limit_s=0.1)
    assert threading.active_count() - before <= 9
    stuck_call.set()
    deadline = time.monotonic() + LIMIT_S
    while threading.active_count() > before and time.monotonic() < deadline:  # noqa: ASYNC110  # threads end silently
        await asyncio.sleep(0.001)
    assert await threads.run(lambda: "again", limit_s=LIMIT_S) == "again"
    threads.close()


async def test_a_cancelled_caller_gives_its_place_back(stuck_call: threading.Event) -> None:
    threads, begun = Threads(1), asyncio.Event()
    loop = asyncio.get_running_loop()

    def begin() -> None:
        loop.call_soon_threadsafe(begun.set)
        stuck_call.wait()

    caller = asyncio.create_task(threads.run(begin, limit_s=LIMIT_S))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await threads.run(lambda: "next", limit_s=LIMIT_S) == "next"
    threads.close()
