"""Commands that have to wait: who waits, how long and with what on the message, and who does not.

The stories take seconds each and do not touch one another, so they happen side by side, once for all tests.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from aio_pika.abc import AbstractIncomingMessage

from adapters.rabbitmq.node import BrokerNode
from adapters.simulator import LoseReply, SimEvent, Throttle, Unauthorized
from tests.builders import a_command
from tests.program_harness import QUICK_CLAIMS, HarnessTenant, ProgramHarness

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

THROTTLED_S = 8
ACME, BRAVO, CRUX = HarnessTenant(name="acme"), HarnessTenant(name="bravo"), HarnessTenant(name="crux")


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """One of several rooms was throttled."""

    slow: dict[str, Any]
    outcomes_before: list[str]
    early: int
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LostReply:
    """The answer to a create never came."""

    result: dict[str, Any]
    events: list[SimEvent]
    creates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """A tenant's Exchange was away, and came back."""

    deferred: AbstractIncomingMessage
    first_seen_at: datetime
    result: dict[str, Any]
    events: list[SimEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A tenant's password was refused."""

    deferred: AbstractIncomingMessage
    again: AbstractIncomingMessage
    asked: int
    asked_again: int
    meanwhile: dict[str, Any]
    status: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delayed:
    """A command was not done within five minutes."""

    results: list[dict[str, Any]]
    again: AbstractIncomingMessage
    routing_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stories:
    """What happened."""

    throttled: Throttled
    lost_reply: LostReply
    down: Down
    rejected: Rejected
    delayed: Delayed


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def happened(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stories]:
    folder = tmp_path_factory.mktemp("waiting")
    async with ProgramHarness(folder, broker.url, ACME, BRAVO, CRUX, sync=QUICK_CLAIMS) as harness:
        await harness.worker()
        throttled, lost_reply, down, rejected, delayed = await asyncio.gather(
            throttle(harness), lose_a_reply(harness), take_down(harness), reject(harness), delay(harness)
        )
        yield Stories(throttled=throttled, lost_reply=lost_reply, down=down, rejected=rejected, delayed=delayed)


async def throttle(harness: ProgramHarness) -> Throttled:
    slow, others = "slow@acme.example", [f"quick-{number}@acme.example" for number in range(8)]
    counts = harness.exchange.counts
    harness.exchange.faults.next(Throttle(back_off_ms=THROTTLED_S * 1000), room=slow)
    waiting = await harness.send(a_command(room=slow))
    await harness.until(lambda: counts.faults["Throttle"] > 0, "the throttle")
    quick = await asyncio.gather(*(harness.sync(a_command(room=room)) for room in others))
    requests = sum(number for (room, _), number in counts.by_room.items() if room == slow)
    result = await harness.results.only(waiting)
    before = [other["outcome"] for other in quick if other["at"] < result["at"]]
    return Throttled(outcomes_before=before, requests=requests, slow=result, early=counts.early)


async def lose_a_reply(harness: ProgramHarness) -> LostReply:
    room = "lossy@acme.example"
    harness.exchange.faults.next(LoseReply(), room=room, operation="CreateItem")
    result = await harness.results.only(await harness.send(a_command(room=room)), within_s=60)
    creates = harness.exchange.counts.by_room[room, "CreateItem"]
    return LostReply(result=result, events=harness.exchange.calendar(room), creates=creates)


async def take_down(harness: ProgramHarness) -> Down:
    room = "hall@bravo.example"
    await BRAVO.simulator.stop()
    command = a_command(tenant="bravo", room=room)
    sent_at, message_id = datetime.now(UTC), await harness.send(command)
    deferred = await harness.deferred(message_id, 15)
    await BRAVO.simulator.start()
    await harness.bring_back(deferred)
    result = await harness.results.only(message_id)
    return Down(deferred=deferred, first_seen_at=sent_at, result=result, events=BRAVO.simulator.calendar(room))


async def reject(harness: ProgramHarness) -> Rejected:
    room = "vault@crux.example"
    CRUX.simulator.faults.next(Unauthorized(), times=1000)
    message_id = await harness.send(a_command(tenant="crux", room=room))
    deferred = await harness.deferred(message_id, 60)
    asked = CRUX.simulator.counts.faults["Unauthorized"]
    meanwhile = await harness.sync(a_command(room="calm@acme.example"))
    await harness.bring_back(deferred)
    again = await harness.deferred(message_id, 60)
    status = (await harness.run("status", "--json")).json()
    return Rejected(
        deferred=deferred,
        again=again,
        asked=asked,
        asked_again=CRUX.simulator.counts.faults["Unauthorized"] - asked,
        meanwhile=meanwhile,
        status=status["worker"]["tenants"],
    )


async def delay(harness: ProgramHarness) -> Delayed:
    room = "patience@acme.example"
    harness.exchange.faults.next(Throttle(back_off_ms=70_000), room=room)
    first_seen_at = datetime.now(UTC) - timedelta(seconds=290)
    message_id = await harness.send(
        a_command(room=room), headers={"x-roomsync-first-seen-at": first_seen_at.isoformat()}
    )
    await harness.bring_back(await harness.deferred(message_id, 60))
    again = await harness.deferred(message_id, 60)
    results = await harness.results.about(message_id)
    return Delayed(results=results, again=again, routing_key=harness.results.routing_key(message_id))


async def test_other_rooms_go_on_while_one_is_throttled(happened: Stories) -> None:
    assert happened.throttled.outcomes_before == ["synced"] * 8
    assert happened.throttled.slow["outcome"] == "synced"


async def test_a_throttled_room_is_not_asked_before_the_time_that_exchange_named(happened: Stories) -> None:
    assert happened.throttled.requests == 1
    assert happened.throttled.early == 0
    assert happened.throttled.slow["took_ms"] >= THROTTLED_S * 1000


async def test_a_lost_reply_leaves_one_event(happened: Stories) -> None:
    assert happened.lost_reply.result["outcome"] == "synced"
    assert [event.booking for event in happened.lost_reply.events] == ["acme/B-1001"]
    assert happened.lost_reply.creates == 1


async def test_commands_for_an_exchange_that_is_away_are_deferred_with_the_reason(happened: Stories) -> None:
    headers = happened.down.deferred.headers
    assert headers["x-roomsync-attempts"] == 1
    assert headers["x-roomsync-error-code"] == "unreachable"
    assert str(headers["x-roomsync-error-message"]).endswith(("]", "."))
    assert (headers["x-roomsync-tenant"], headers["x-roomsync-room"]) == ("bravo", "hall@bravo.example")
    assert (headers["x-roomsync-booking-id"], headers["x-roomsync-version"]) == ("B-1001", 1)
    assert headers["x-roomsync-backend"] == "ews"
    seen_at = datetime.fromisoformat(str(headers["x-roomsync-first-seen-at"]))
    assert timedelta(seconds=-1) < seen_at - happened.down.first_seen_at < timedelta(seconds=10)


async def test_they_are_done_once_it_is_back(happened: Stories) -> None:
    assert (happened.down.result["outcome"], happened.down.result["attempts"]) == ("synced", 2)
    assert len(happened.down.events) == 1


async def test_a_refused_password_stops_its_tenant_and_counts_no_attempt(happened: Stories) -> None:
    assert happened.rejected.deferred.headers["x-roomsync-error-code"] == "credentials_rejected"
    assert happened.rejected.again.headers["x-roomsync-attempts"] == 0
    assert happened.rejected.status["crux"]["breaker"] == "open"
    assert happened.rejected.status["crux"]["why"]["code"] == "credentials_rejected"


async def test_while_a_tenant_is_stopped_its_exchange_is_not_asked(happened: Stories) -> None:
    assert 1 <= happened.rejected.asked <= 3
    assert happened.rejected.asked_again == 0


async def test_other_tenants_do_not_notice(happened: Stories) -> None:
    assert happened.rejected.meanwhile["outcome"] == "synced"
    assert happened.rejected.meanwhile["took_ms"] < 5000
    assert happened.rejected.status["acme"]["breaker"] == "closed"


async def test_a_wait_past_five_minutes_is_told_once(happened: Stories) -> None:
    (told,) = happened.delayed.results
    assert (told["outcome"], told["error"]["code"]) == ("delayed", "throttled")
    assert happened.delayed.routing_key == "acme.delayed"
    assert happened.delayed.again.headers["x-roomsync-attempts"] == 0
