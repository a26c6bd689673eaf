"""What tests of every kind share: a real broker, started once and only if asked for, and the folder of schemas."""

import os
import secrets
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from adapters.rabbitmq.installation import HOW_TO_GET_RABBITMQ, RabbitmqInstallation, find_rabbitmq
from adapters.rabbitmq.node import BrokerNode

# New histories are looked for at home; what lands is judged by the same ones each time. None by how long it took.
settings.register_profile("home", deadline=None)
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "home")

# As every command does: otherwise it would depend on the order of the tests whose rules hold.
zoneinfo.reset_tzpath(to=())

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class GivenBroker:
    """A broker that somebody else runs, named by ROOMSYNC_AMQP_URL; shared, so tests keep to their own prefix."""

    url: str


@pytest.fixture(scope="session")
def rabbitmq() -> RabbitmqInstallation:
    """The installed RabbitMQ. Without one its tests are skipped at home and fail in CI."""
    if found := find_rabbitmq():
        return found
    if os.environ.get("CI"):
        pytest.fail(HOW_TO_GET_RABBITMQ)
    pytest.skip(HOW_TO_GET_RABBITMQ)


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[GivenBroker | BrokerNode]:
    """A broker for every test that only uses it; those that stop or hurt one take `private_broker`.

    Synchronous on purpose: it outlives the event loop of any one test.
    """
    if url := os.environ.get("ROOMSYNC_AMQP_URL"):
        yield GivenBroker(url)
        return
    with BrokerNode(installation=request.getfixturevalue("rabbitmq")) as node:
        yield node


@pytest.fixture
def private_broker(rabbitmq: RabbitmqInstallation) -> Iterator[BrokerNode]:
    """A node for this test alone, to restart, kill or starve. It takes about 5 s to start."""
    with BrokerNode(installation=rabbitmq) as node:
        yield node


@pytest.fixture
def amqp_prefix() -> str:
    """A prefix for exchanges and queues that no other test uses."""
    return f"t-{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of schemas and recorded material that lies beside the checkout and is no part of it."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared (schemas, recorded data), which is no part of the project")
    return folder
