"""A running simulator whose every request and answer is held against Microsoft's schemas when the test is over."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from adapters.simulator import Simulator
from tests.conftest import REPOSITORY
from tests.unit.simulator.soap_client import ACCOUNT, NS, PASSWORD, SoapClient

XSD = REPOSITORY.parent / "shared" / "xsd"
UNREADABLE = {"TruncatedXml", "HtmlPage", "HttpStatus", "ErrorAlthoughApplied", "Unauthorized", "BlockedByPolicy"}

StartSimulator = Callable[..., Awaitable[Simulator]]


class Schemas:
    """The schemas of messages and of SOAP headers."""

    def __init__(self, folder: Path) -> None:
        self._messages = etree.XMLSchema(file=str(folder / "messages.xsd"))
        self._types = etree.XMLSchema(file=str(folder / "types.xsd"))

    def check(self, body: bytes) -> None:
        """Check what stands in a SOAP body and in its header; a SOAP fault is none of EWS's schema."""
        root = etree.fromstring(body)
        for header in root.iterfind("s:Header/*", NS):
            self._types.assertValid(etree.ElementTree(header))
        for content in root.iterfind("s:Body/*", NS):
            if not content.tag.endswith("}Fault"):
                self._messages.assertValid(etree.ElementTree(content))


@pytest.fixture(scope="session")
def schemas() -> Schemas | None:
    return Schemas(XSD) if XSD.is_dir() else None


@pytest.fixture
async def start_simulator(schemas: Schemas | None) -> AsyncIterator[StartSimulator]:
    started: list[Simulator] = []

    async def start(**options: Any) -> Simulator:  # noqa: ANN401  # the options of Simulator
        simulator = Simulator(options.pop("accounts", {ACCOUNT: PASSWORD}), record=True, **options)
        await simulator.start()
        started.append(simulator)
        return simulator

    yield start
    for simulator in started:
        await simulator.stop()
        if schemas is not None:
            check_everything_said(schemas, simulator)


def check_everything_said(schemas: Schemas, simulator: Simulator) -> None:
    for said in simulator.requests:
        if b"ErrorSchemaValidation" in said.response or b"ErrorInvalidRequest" in said.response:
            continue
        schemas.check(said.body)
        if said.response and not simulator.counts.faults.keys() & UNREADABLE:
            schemas.check(said.response)


@pytest.fixture
async def simulator(start_simulator: StartSimulator) -> Simulator:
    return await start_simulator()


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[Simulator], SoapClient]]:
    clients: list[SoapClient] = []

    def client(simulator: Simulator) -> SoapClient:
        clients.append(SoapClient(simulator.url, simulator.ca_file))
        return clients[-1]

    yield client
    for one in clients:
        await one.close()


@pytest.fixture
async def soap(simulator: Simulator, connect: Callable[[Simulator], SoapClient]) -> SoapClient:
    return connect(simulator)
