"""The simulator's limits: requests at once, requests in a window, times that were named, and what is counted."""

import asyncio
from collections.abc import Callable

from adapters.simulator import Budget, LateReply, Simulator, Throttle
from tests.unit.simulator.conftest import StartSimulator
from tests.unit.simulator.soap_client import ROOM, SoapClient, an_item, create_item, find_item
from tests.waiting import until

Connect = Callable[[Simulator], SoapClient]


async def test_one_request_too_many_at_once_is_refused_and_the_others_go_on(
    start_simulator: StartSimulator, connect: Connect
) -> None:
    simulator = await start_simulator(mailbox_concurrency=2, latency_ms=300)
    soap = connect(simulator)
    replies = await asyncio.gather(*(soap.create(an_item()) for _ in range(3)))
    refused = [reply for reply in replies if reply.status == 500]
    assert [reply.fault for reply in refused] == ["ErrorExceededConnectionCount"]
    assert refused[0].values() == {"Policy": "MaxConcurrency", "BackOffMilliseconds": "0"}
    assert len(simulator.calendar(ROOM)) == 2
    assert simulator.counts.throttled[ROOM] == 1


async def test_every_impersonated_mailbox_has_a_limit_of_its_own(
    start_simulator: StartSimulator, connect: Connect
) -> None:
    simulator = await start_simulator(mailbox_concurrency=1, latency_ms=200)
    soap = connect(simulator)
    rooms = [f"room-{n}@acme.example" for n in range(4)]
    replies = await asyncio.gather(*(soap.create(an_item(), room=room) for room in rooms))
    assert [reply.status for reply in replies] == [200] * 4
    assert simulator.counts.peak_total == 4
    assert simulator.counts.peak_by_room == dict.fromkeys(rooms, 1)
    assert simulator.counts.in_flight == {}


async def test_without_impersonation_all_mailboxes_share_the_accounts_limit(
    start_simulator: StartSimulator, connect: Connect
) -> None:
    simulator = await start_simulator(access="delegate", mailbox_concurrency=1, latency_ms=200)
    soap = connect(simulator)
    folders = [
        f'<t:DistinguishedFolderId Id="calendar"><t:Mailbox><t:EmailAddress>room-{n}@acme.example</t:EmailAddress>'
        "</t:Mailbox></t:DistinguishedFolderId>"
        for n in range(2)
    ]
    replies = await asyncio.gather(*(soap.post(find_item(folders=[one]), room=None) for one in folders))
    assert sorted(reply.status for reply in replies) == [200, 500]


async def test_a_spent_budget_is_busy_until_its_window_ends(start_simulator: StartSimulator, connect: Connect) -> None:
    simulator = await start_simulator(budget=Budget(requests=2, window_s=30))
    soap = connect(simulator)
    assert [(await soap.create(an_item())).status for _ in range(2)] == [200, 200]
    busy = await soap.create(an_item())
    assert (busy.status, busy.fault) == (500, "ErrorServerBusy")
    assert 0 < int(busy.values()["BackOffMilliseconds"]) <= 30_000
    assert (await soap.create(an_item(), room="other@acme.example")).status == 200
    simulator.limits.budget = None
    assert (await soap.create(an_item())).status == 200


async def test_a_request_before_the_named_time_is_counted_and_done_all_the_same(
    simulator: Simulator, soap: SoapClient
) -> None:
    simulator.faults.next(Throttle(back_off_ms=60_000))
    assert (await soap.create(an_item())).fault == "ErrorServerBusy"
    assert simulator.counts.early == 0, "the request that is told the time does not come too early itself"
    assert (await soap.create(an_item(), room="other@acme.example")).status == 200
    assert simulator.counts.early == 0
    assert (await soap.create(an_item())).status == 200
    assert simulator.counts.early == 1


async def test_a_request_after_the_named_time_is_not_early(simulator: Simulator, soap: SoapClient) -> None:
    simulator.faults.next(Throttle(back_off_ms=60_000))
    await soap.create(an_item())
    simulator.limits.forget_times()
    await soap.create(an_item())
    assert simulator.counts.early == 0


async def test_an_enforced_time_refuses_until_it_has_passed(simulator: Simulator, soap: SoapClient) -> None:
    simulator.faults.next(Throttle(back_off_ms=60_000, enforce=True))
    await soap.create(an_item())
    again = await soap.create(an_item())
    assert again.fault == "ErrorServerBusy"
    assert 50_000 < int(again.values()["BackOffMilliseconds"]) <= 60_000
    simulator.limits.forget_times()
    assert (await soap.create(an_item())).status == 200


async def test_a_request_that_crosses_the_answer_on_another_connection_is_not_early(
    simulator: Simulator, connect: Connect
) -> None:
    # However slow this machine is, the two cross.
    simulator.limits.clock = lambda: 1000.0
    first, second = connect(simulator), connect(simulator)
    await second.create(an_item(), room="other@acme.example")
    simulator.faults.next(Throttle(back_off_ms=60_000))
    simulator.faults.next(LateReply(0.0))
    replies = await asyncio.gather(first.create(an_item()), second.create(an_item()))
    assert sorted(reply.status for reply in replies) == [200, 500]
    assert simulator.counts.early == 0


async def test_counts_tell_operations_rooms_and_items(simulator: Simulator, soap: SoapClient) -> None:
    await soap.create(an_item(), an_item())
    await soap.create(an_item(), room="other@acme.example")
    await soap.post(find_item())
    counts = simulator.counts
    assert counts.requests == {"CreateItem": 2, "FindItem": 1}
    assert counts.by_room == {(ROOM, "CreateItem"): 1, ("other@acme.example", "CreateItem"): 1, (ROOM, "FindItem"): 1}
    assert counts.items == {"CreateItem": 3, "FindItem": 1}
    assert counts.applied == {"CreateItem": 3}


async def test_what_was_said_is_recorded_without_the_credentials(simulator: Simulator, soap: SoapClient) -> None:
    await soap.create(an_item(subject="Planning"))
    (said,) = simulator.requests
    assert (said.operation, said.room, said.status) == ("CreateItem", ROOM, 200)
    assert b"Planning" in said.body
    assert b"NoError" in said.response
    assert said.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert "Authorization" not in said.headers


async def test_a_client_that_hangs_up_does_not_undo_its_request(
    start_simulator: StartSimulator, connect: Connect
) -> None:
    simulator = await start_simulator(latency_ms=300)
    hasty = asyncio.create_task(connect(simulator).post(create_item(an_item())))
    await until(lambda: simulator.counts.requests)
    hasty.cancel()
    await asyncio.wait([hasty])
    assert simulator.calendar(ROOM) == []
    await until(lambda: simulator.calendar(ROOM))
