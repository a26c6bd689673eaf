"""Commands whose headers leave no room for a note of ours, where one would be needed to wait or to look again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from adapters.simulator.faults import ItemCode, LoseReply
from tests.bare_publisher import BareClient, Lying
from tests.builders import a_body, a_command
from tests.poison import Poison, headers, is_copy_of, text
from tests.program_harness import ProgramHarness
from tests.programs import Program

FULL = headers((b"big", text(b"x" * 131_000)))
"""As a header frame that holds 131,052 bytes of properties."""
CALM, BUSY, LOST, TAKEN_OVER = (f"{name}@acme.example" for name in ("calm", "busy", "lost", "taken-over"))
CLAIM_S = 6.5
QUICK = {"request_timeout_s": 1, "claim_s": CLAIM_S, "second_look_s": 15}

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]


def full(booking: str, room: str, **changes: object) -> Poison:
    body = a_body(booking_id=booking, room=room, **changes)
    return Poison(booking=booking, body=body, routing_key=room.encode(), properties=FULL, code="parked_by_broker")


BUSY_ONE, LOST_ONE = full("busy", BUSY), full("lost", LOST)
TAKING_OVER = full("taken-over", TAKEN_OVER, command="update", version=2)


@dataclass
class Run:
    """All of it, when it is over."""

    harness: ProgramHarness
    worker: Program
    lying: list[Lying]
    """What lay in `failed` then."""
    looks: list[Lying]
    """What lay in the deferred queue for second looks."""

    def told(self, booking: str) -> list[dict[str, Any]]:
        return [each for each in self.harness.results.told if each["booking_id"] == booking]


async def told_of(harness: ProgramHarness, *wanted: tuple[str, int]) -> None:
    """Wait for the final results of these bookings' versions."""

    def told() -> set[tuple[str, int]]:
        return {(each["booking_id"], each["version"]) for each in harness.results.told if each["outcome"] != "delayed"}

    await harness.until(lambda: told() >= set(wanted), f"results of {wanted}")


async def published(harness: ProgramHarness, *commands: Poison) -> None:
    async with BareClient.connected(harness.url) as bare:
        for each in commands:
            await bare.publish(harness.names.commands, each.routing_key, each.body, each.properties)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    folder = tmp_path_factory.mktemp("full-headers")
    async with ProgramHarness(folder, broker.url, collects_failed=False, sync=QUICK) as harness:
        faults = harness.exchange.faults
        faults.next(ItemCode(0, "ErrorMailboxStoreUnavailable"), room=BUSY, times=4, operation="CreateItem")
        for room in (LOST, TAKEN_OVER):
            faults.next(LoseReply(), room=room, operation="CreateItem")
        worker = await harness.worker()
        await harness.send(a_command(booking_id="taken-over", room=TAKEN_OVER))
        await published(harness, BUSY_ONE, LOST_ONE)
        await harness.until(lambda: bool(worker.events("booking.deferred")), "the claim that will be taken over")
        # It lasts that long, and nothing tells when it is over.
        over = asyncio.create_task(asyncio.sleep(CLAIM_S))
        await told_of(harness, ("busy", 1), ("lost", 1))
        await harness.send(a_command(booking_id="after", room=BUSY))
        await harness.send(a_command(booking_id="neighbour", room=CALM))
        await told_of(harness, ("after", 1), ("neighbour", 1))
        await over
        await published(harness, TAKING_OVER)
        await told_of(harness, ("taken-over", 2))
        async with BareClient.connected(harness.url) as bare:
            lying = await bare.all_in(harness.names.failed)
            looks = [each for each in await bare.all_in(harness.names.deferred(15)) if each.body == TAKING_OVER.body]
        yield Run(harness=harness, worker=worker, lying=lying, looks=looks)


@pytest.mark.parametrize("command", [BUSY_ONE, LOST_ONE], ids=["a room that is busy", "a lost reply"])
async def test_what_cannot_wait_lies_in_failed_once_byte_for_byte_and_is_told(run: Run, command: Poison) -> None:
    (lying,) = [each for each in run.lying if is_copy_of(each, command)]
    # By this the watch tells it from what a worker parked, whatever else it bears.
    assert b"x-first-death-reason" in lying.properties
    (told,) = run.told(command.booking)
    assert (told["outcome"], told["error"]["code"]) == ("failed", command.code)


async def test_nothing_else_is_parked(run: Run) -> None:
    assert len(run.lying) == 2


async def test_its_neighbours_are_synced_at_the_first_attempt(run: Run) -> None:
    told = [each for booking in ("after", "neighbour") for each in run.told(booking)]
    assert [(each["outcome"], each["attempts"]) for each in told] == [("synced", 1)] * 2


async def test_one_that_takes_over_a_lost_write_is_carried_out_and_its_second_look_ordered(run: Run) -> None:
    (told,) = [each for each in run.told("taken-over") if each["version"] == 2]
    assert (told["outcome"], told["attempts"]) == ("synced", 1)
    assert len(run.looks) == 1
    assert b"x-roomsync-look" in run.looks[0].properties
    assert [event.booking for event in run.harness.exchange.calendar(TAKEN_OVER)] == ["acme/taken-over"]


async def test_the_worker_meets_no_error_of_its_own_and_keeps_its_session(run: Run) -> None:
    assert run.worker.events("batch.failed") == []
    assert run.worker.events("delivery.unsettled") == []
    assert len(run.worker.events("intake.consuming")) == 1
