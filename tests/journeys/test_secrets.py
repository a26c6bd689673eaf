"""What must stand nowhere: passwords, subjects and people, in no output of any command, at the noisiest level.

All commands run once, with everything going wrong that makes programs talkative; then every byte is searched.
"""

import json
import signal
from asyncio import gather
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio

from adapters.rabbitmq.folder import free_ports
from adapters.rabbitmq.node import BrokerNode
from adapters.simulator import Fault, HtmlPage, HttpStatus, ItemCode, LoseReply, RequestCode, TruncatedXml
from tests.builders import a_command, an_event
from tests.program_harness import QUICK_CLAIMS, HarnessTenant, ProgramHarness
from tests.programs import Program

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

SUBJECT, BODY, PERSON = "Merger-with-Zzyzx", "Nobody-may-read-this", "quinquagesima"
PERSONAL = {
    "subject": SUBJECT,
    "body": {"content_type": "text", "content": BODY},
    "organizer": {"name": PERSON, "email": f"{PERSON}@acme.example"},
    "attendees": [{"name": PERSON, "email": f"{PERSON}@acme.example", "type": "required"}],
}
TROUBLES: tuple[Fault, ...] = (
    LoseReply(),
    HtmlPage(),
    TruncatedXml(),
    HttpStatus(500),
    ItemCode(0, "ErrorItemSave"),
    RequestCode("Odd"),
)
BROKER_PASSWORD = "password-of-the-broker-77"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Everything that was printed, logged, reported or served, by who said it; and the secrets of the harness."""

    by: dict[str, str]
    passwords: tuple[str, ...]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def said(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Said]:
    good, refused = HarnessTenant(name="acme"), HarnessTenant(name="bravo", accepted="another password")
    async with ProgramHarness(
        tmp_path_factory.mktemp("secrets"), broker.url, good, refused, sync=QUICK_CLAIMS
    ) as harness:
        worker = await harness.worker("--log-level", "debug")
        by = dict(
            zip(("publish", "simulator"), await gather(publish_all(harness), simulator(harness, good)), strict=True)
        )
        by |= {f"GET /{path}": await served(harness, path) for path in ("healthz", "readyz", "status", "metrics")}
        by |= await commands(harness)
        worker.signal(signal.SIGTERM)
        await worker.ended(25)
        by["worker"] = worker.said
        by["results"] = str(harness.results.told)
        by["headers of failed"] = str([message.headers for message in harness.failed.messages])
        yield Said(by=by, passwords=(good.password, refused.password, BROKER_PASSWORD))


async def publish_all(harness: ProgramHarness) -> str:
    """Good commands, one that is refused for its content, one for its tenant's password, and one for each trouble."""
    rooms = [f"room-{number}@acme.example" for number, _ in enumerate(TROUBLES)]
    for room, trouble in zip(rooms, TROUBLES, strict=True):
        harness.exchange.faults.next(trouble, room=room, operation="CreateItem")
    event = an_event(**PERSONAL)
    published = await harness.publish([a_command(room=room, event=event) for room in ("board@acme.example", *rooms)])
    rejected = await harness.send(a_command(tenant="bravo", room="hall@bravo.example", event=event))
    unreadable = await harness.send(a_command(event=event | {"end": SUBJECT, SUBJECT: PERSON}))
    await harness.failed.of(unreadable)
    await harness.deferred(rejected, 60)
    await harness.until(lambda: harness.exchange.counts.faults.total() >= len(TROUBLES), "the troubles")
    return published.said


async def served(harness: ProgramHarness, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{harness.http['roomsync.toml']}/{path}") as answer:
        return await answer.text()


async def commands(harness: ProgramHarness) -> dict[str, str]:
    """What operators run, two of them wrongly."""
    parts = urlsplit(harness.url)
    harness.configure("refused.toml", url=f"amqp://guest:{BROKER_PASSWORD}@127.0.0.1:{parts.port}/")
    bad_line = json.dumps(a_command(event=an_event(**PERSONAL | {"end": SUBJECT, "show_as": PERSON}))).encode()
    done = await gather(
        harness.run("config", "check"),
        harness.run("status"),
        harness.run("status", "--booking", "B-1001", "--json"),
        harness.run("publish", "-", stdin=bad_line),
        harness.run("topology", "check", config="refused.toml"),
    )
    assert [finished.code for finished in done] == [0, 0, 0, 1, 1], done
    names = ("config check", "status", "status --booking", "publish, refused", "topology check, refused")
    return {name: finished.said for name, finished in zip(names, done, strict=True)}


async def simulator(harness: ProgramHarness, tenant: HarnessTenant) -> str:
    program = await Program.start(
        *("simulator", "--listen", f"127.0.0.1:{free_ports(1)[0]}", "--directory", str(harness.folder / "rehearsal")),
        environment={"ROOMSYNC_SIMULATOR_PASSWORD": tenant.password},
        output=harness.folder / "simulator.log",
    )
    harness.running.append(program)
    await harness.until(lambda: "service_url" in program.said, "the simulator")
    program.signal(signal.SIGTERM)
    assert await program.ended(10) == 0, program.tail
    return program.said


async def test_the_commands_said_something_about_every_trouble(said: Said) -> None:
    assert "credentials_rejected" in said.by["worker"]
    assert "outcome_unknown" in said.by["worker"]
    assert "end" in said.by["headers of failed"]
    assert min(len(text) for text in said.by.values()) > 10


async def test_no_password_is_said_even_when_the_server_refuses_it(said: Said) -> None:
    for password in said.passwords:
        assert [name for name, text in said.by.items() if password in text] == []


@pytest.mark.parametrize("words", [SUBJECT, BODY, PERSON])
async def test_no_subject_body_or_person_is_said(words: str, said: Said) -> None:
    assert [name for name, text in said.by.items() if words.lower() in text.lower()] == []
