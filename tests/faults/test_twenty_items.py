"""A full batch with everything in it, and each of its items has its own fate."""

from pathlib import Path

from adapters.simulator.troubles import Answer, Call, Trouble
from tests.faults.stories import SYNCED, warm_up
from tests.faults.worker_harness import BOARD, a_worker_harness, as_published

BUSY, REFUSED, CONFLICTING = 4, 9, 15


class BusyRefusedConflicting:
    """Three items of a batch meet trouble, each its own; the others are done."""

    async def play(self, call: Call) -> Answer:
        troubles = {
            BUSY: Trouble(code="ErrorServerBusy", values={"BackOffMilliseconds": "3000"}),
            REFUSED: Trouble(code="ErrorQuotaExceeded"),
            CONFLICTING: Trouble(code="ErrorIrresolvableConflict"),
        }
        return call.apply(troubles.get)


async def test_a_batch_of_twenty_with_one_busy_one_refused_and_one_conflicting_item_writes_the_other_17_once(
    tmp_path: Path,
) -> None:
    async with a_worker_harness(tmp_path, durable=True) as harness:
        await warm_up(harness)
        applied_before = harness.exchange.counts.applied["CreateItem"]
        harness.exchange.faults.next(BusyRefusedConflicting(), room=BOARD, operation="CreateItem")
        for number in range(20):
            harness.put(f"B-{number}")
        await harness.quiet()
        told = {number: tuple(harness.told(f"B-{number}.1")) for number in range(20)}
        assert told.pop(REFUSED) == ("failed: mailbox_full",)
        assert set(told.values()) == {SYNCED}
        assert harness.requests() == {"CreateItem": 2}, "the 20, then the busy and the conflicting one together"
        assert harness.exchange.counts.items["CreateItem"] == 2 + 20 + 2
        assert harness.exchange.counts.applied["CreateItem"] - applied_before == 17 + 2
        assert harness.calendar() == as_published(("W-b", 1), *((f"B-{number}", 1) for number in told))
        assert not harness.queues.away
        done_at_s = {number: harness.done_after_s(f"B-{number}.1") for number in told}
        assert {number for number, at_s in done_at_s.items() if at_s > 0} == {BUSY, CONFLICTING}
