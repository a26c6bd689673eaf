"""What operators do with messages that failed: correct, replay, force, export, discard, stop in the middle, kill.

One worker runs all the time. Messages are parked as workers park them, so that a story need not wait for its failure.
"""

import os
import signal
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from adapters.simulator import ItemCode
from tests.builders import a_command, an_event
from tests.failed_messages import listed, park, preview, replay, until_parked
from tests.program_harness import ProgramHarness
from tests.programs import Program

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

KILLED = int(os.environ.get("ROOMSYNC_FAILED_KILLED", "120"))
KILLED_RATE = "40" if KILLED < 1000 else "200"
KILLED_AFTER = (
    (1, 7, 20) if KILLED < 1000 else tuple(KILLED * share // 200 for share in (1, 9, 16, 2, 25, 11, 5, 17, 3, 29))
)
"""How many more events stand when the tool is killed; the number of messages may be raised to see it at length."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProgramHarness]:
    async with ProgramHarness(tmp_path_factory.mktemp("failed"), broker.url, collects_failed=False) as harness:
        await harness.worker()
        # The library, called in the test's own process, reads the tenants' passwords there.
        with pytest.MonkeyPatch.context() as environment:
            for name, password in harness.environment.items():
                environment.setenv(name, password)
            yield harness


async def test_a_refused_member_is_corrected_and_the_correction_is_on_record(harness: ProgramHarness) -> None:
    room = "zone@acme.example"
    await harness.send(a_command(room=room, event=an_event(time_zone="Romance Standard Time")))
    await until_parked(harness)
    (still,) = await preview(harness, room=room)
    assert (still["will"], still["refused"]["code"], still["stays"]) == ("refused", "time_zone_unknown", True)
    correction = "event.time_zone=Europe/Brussels"
    (mended,) = await preview(harness, correction, room=room)
    assert (mended["will"], mended["corrected"]) == ("create", ["/event/time_zone"])

    ended = await replay(harness, "--room", room, "--set", correction)
    assert ended["replay"]["counts"]["synced"] == 1
    assert [event.booking for event in harness.exchange.calendar(room)] == ["acme/B-1001"]
    record = ended["replay"]["audit"]
    audited = (await harness.run("failed", "audit", record, "--json")).json()["messages"][0]["changes"]
    assert audited == [{"member": "/event/time_zone"}]
    personal = (await harness.run("failed", "audit", record, "--json", "--personal")).json()["messages"][0]["changes"]
    assert personal == [{"member": "/event/time_zone", "old": '"Romance Standard Time"', "new": '"Europe/Brussels"'}]


async def test_of_several_versions_the_newest_is_applied_and_the_older_ones_are_foretold_superseded(
    harness: ProgramHarness,
) -> None:
    room = "versions@acme.example"
    for version in (1, 3, 2):
        await park(harness, a_command(room=room, version=version, event=an_event(subject=f"version {version}")))
    fates = await preview(harness, room=room)
    assert [(one["version"], one["will"]) for one in fates] == [(3, "create"), (2, "superseded"), (1, "superseded")]
    counts = (await replay(harness, "--room", room))["replay"]["counts"]
    assert (counts["synced"], counts["superseded"], counts["unforeseen"]) == (1, 2, 0)
    assert [event.subject for event in harness.exchange.calendar(room)] == ["version 3"]


async def test_a_change_names_the_members_and_a_late_cancel_removes(harness: ProgramHarness) -> None:
    room = "change@acme.example"
    await harness.sync(a_command(room=room))
    await harness.sync(a_command(room=room, booking_id="B-2"))
    await park(harness, a_command(room=room, version=2, event=an_event(subject="Other", location="Attic")))
    await park(harness, a_command(room=room, version=2, booking_id="B-2", command="cancel"))
    fates = {one["booking_id"]: one for one in await preview(harness, room=room)}
    assert (fates["B-1001"]["will"], fates["B-1001"]["members"]) == ("change", ["location", "subject"])
    assert fates["B-2"]["will"] == "remove"
    counts = (await replay(harness, "--room", room))["replay"]["counts"]
    assert (counts["synced"], counts["removed"], counts["unforeseen"]) == (1, 1, 0)
    assert [event.subject for event in harness.exchange.calendar(room)] == ["Other"]


async def test_what_fails_again_fails_the_replay_and_lies_in_the_queue_anew(harness: ProgramHarness) -> None:
    room = "denied@acme.example"
    await park(harness, a_command(room=room))
    harness.exchange.access.deny(room)
    ended = await replay(harness, "--room", room, code=1)
    assert (ended["replay"]["counts"]["failed"], ended["replay"]["failed_again"]) == (1, {"rights_missing": 1})
    assert ended["replay"]["counts"]["unforeseen"] == 1
    (again,) = await listed(harness, room=room)
    assert (again["code"], again["attempts"]) == ("rights_missing", 1)


async def test_what_the_ledger_may_have_forgotten_is_replayed_with_force_only(harness: ProgramHarness) -> None:
    room = "old@acme.example"
    await park(harness, a_command(room=room), "gave_up", days_ago=200)
    (fate,) = await preview(harness, room=room)
    assert (fate["will"], fate["refused"]["code"]) == ("refused", "too_old")
    left = await replay(harness, "--room", room, code=1)
    assert left["replay"] is None
    assert harness.exchange.calendar(room) == []
    forced = await replay(harness, "--room", room, "--force")
    assert forced["replay"]["counts"]["synced"] == 1
    assert len(harness.exchange.calendar(room)) == 1


async def test_what_was_parked_days_ago_gets_its_whole_time_again(harness: ProgramHarness) -> None:
    room = "days@acme.example"
    await park(harness, a_command(room=room), "gave_up", days_ago=3)
    harness.exchange.faults.next(ItemCode(0, "ErrorMailboxStoreUnavailable"), room=room, times=20)
    finished = await harness.run("failed", "replay", "--room", room, "--yes")
    assert finished.code == 0, finished.said
    await harness.until(
        lambda: any(room in str(line) for line in harness.running[0].events("booking.deferred")), "a wait"
    )
    assert await listed(harness, room=room) == []


async def test_what_the_broker_parked_is_named_and_replayed(harness: ProgramHarness) -> None:
    room = "broker@acme.example"
    await park(harness, a_command(room=room), None)
    (message,) = await listed(harness, room=room)
    assert (message["code"], message["booking_id"]) == ("parked_by_broker", "B-1001")
    assert (await replay(harness, message["id"][:8]))["replay"]["counts"]["synced"] == 1


async def test_bytes_that_are_no_command_survive_an_export_and_are_discarded_with_a_reason(
    harness: ProgramHarness,
) -> None:
    body = b"\xff\xfe\x00 no command"
    await park(harness, body)
    (message,) = await listed(harness, code="not_utf8")
    assert message["tenant"] is None
    file = harness.folder / "bytes.jsonl"
    exported = await harness.run("failed", "export", str(file), "--code", "not_utf8")
    assert exported.code == 0, exported.said
    assert file.stat().st_mode & 0o777 == 0o600
    again = await harness.run("failed", "export", str(file), "--code", "not_utf8")
    assert (again.code, "exists" in again.err) == (1, True)
    taken_back = await harness.run("publish", str(file), "--dry-run")
    assert (taken_back.code, "line 1: message: The body is not UTF-8" in taken_back.err) == (1, True)

    unasked = await harness.run("failed", "discard", message["id"], "--reason", "noise")
    assert (unasked.code, "--yes" in unasked.err) == (1, True)
    discarded = await harness.run("failed", "discard", message["id"], "--reason", "noise", "--yes")
    assert discarded.code == 0, discarded.said
    assert await listed(harness, code="not_utf8") == []
    (record, *_) = (await harness.run("failed", "audit", "--json")).json()
    assert (record["action"], record["reason"], record["counts"]["discarded"]) == ("discard", "noise", 1)


async def test_an_export_is_taken_back_by_replay_and_by_publish(harness: ProgramHarness) -> None:
    room = "export@acme.example"
    for number in range(3):
        await park(harness, a_command(room=room, booking_id=f"B-{number}"))
    file = str(harness.folder / "export.jsonl")
    assert (await harness.run("failed", "export", file, "--room", room)).code == 0
    assert len(await listed(harness, room=room)) == 3
    assert (await harness.run("failed", "discard", "--room", room, "--reason", "kept in a file", "--yes")).code == 0
    assert await listed(harness, room=room) == []

    assert (await replay(harness, "--from", file))["replay"]["counts"]["synced"] == 3
    assert len(harness.exchange.calendar(room)) == 3
    published = await harness.run("publish", file)
    assert (published.code, "3 commands published" in published.out) == (0, True), published.said
    assert len(harness.exchange.calendar(room)) == 3


async def test_an_interrupted_replay_ends_in_order_and_leaves_the_rest(harness: ProgramHarness) -> None:
    room = "interrupted@acme.example"
    for number in range(20):
        await park(harness, a_command(room=room, booking_id=f"B-{number}"))
    tool = await a_replay(harness, "--room", room, "--rate", "2", "--wait")
    await harness.until(lambda: bool(harness.exchange.calendar(room)), "the first event")
    tool.signal(signal.SIGINT)
    assert await tool.ended(60) == 1, tool.tail
    assert "stopped before the end" in tool.said
    left = await listed(harness, room=room)
    assert 0 < len(left) < 20
    (record, *_) = (await harness.run("failed", "audit", "--json")).json()
    assert record["counts"]["published"] == 20 - len(left)
    assert record["finished_at"] is not None
    await replay(harness, "--room", room)
    assert len(harness.exchange.calendar(room)) == 20


async def test_a_replay_that_is_killed_again_and_again_loses_nothing(harness: ProgramHarness) -> None:
    rooms = [f"killed-{number}@acme.example" for number in range(20)]
    for number in range(KILLED):
        await park(harness, a_command(room=rooms[number % 20], booking_id=f"K-{number}"), "mailbox_full")
    for more in KILLED_AFTER:
        before = standing(harness, rooms)
        tool = await a_replay(harness, "--code", "mailbox_full", "--rate", KILLED_RATE)
        wanted = before.total() + more
        await until_standing(harness, rooms, wanted)
        tool.signal(signal.SIGKILL)
        await tool.ended(60)
    records = (await harness.run("failed", "audit", "--json")).json()
    killed = [record for record in records if "mailbox_full" in str(record["selection"])]
    # Not one for each: who is killed before it has begun its record has touched nothing.
    assert 0 < len(killed) <= len(KILLED_AFTER)
    assert {record["finished_at"] for record in killed} == {None}
    assert any(0 < record["written_down"] < record["planned"] for record in killed)
    tool = await a_replay(harness, "--code", "mailbox_full", "--rate", KILLED_RATE, "--wait")
    assert await tool.ended(400) == 0, tool.tail
    assert standing(harness, rooms) == Counter(f"acme/K-{number}" for number in range(KILLED))
    assert await listed(harness, code="mailbox_full") == []


def standing(harness: ProgramHarness, rooms: list[str]) -> Counter[str]:
    return Counter(event.booking or "" for room in rooms for event in harness.exchange.calendar(room))


async def until_standing(harness: ProgramHarness, rooms: list[str], count: int) -> None:
    await harness.until(lambda: standing(harness, rooms).total() >= count, f"{count} events", 120)


async def a_replay(harness: ProgramHarness, *arguments: str) -> Program:
    output = harness.folder / f"replay-{len(harness.running) + 1}.log"
    given = ("failed", "replay", *arguments, "--yes", "--config", str(harness.folder / "roomsync.toml"))
    program = await Program.start(*given, environment=harness.environment, output=output)
    harness.running.append(program)
    return program


async def test_an_unknown_id_is_said_to_be_none(harness: ProgramHarness) -> None:
    finished = await harness.run("failed", "show", "0000")
    assert (finished.code, "No message 0000" in finished.err) == (1, True), finished.said
