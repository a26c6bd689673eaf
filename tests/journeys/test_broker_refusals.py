"""Every command that talks to the broker says in one sentence why it cannot, in the broker's own words, and exits 1."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.rabbitmq.folder import free_ports
from adapters.rabbitmq.installation import RabbitmqInstallation
from adapters.rabbitmq.node import BrokerNode
from tests.builders import a_command
from tests.programs import Finished, run_roomsync
from tests.unit.worker.configuration import ENVIRONMENT, a_configuration

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

PASSWORD = f"pw-{secrets.token_hex(8)}"
RIGHTS = {"no-configure": ("^$", ".*", ".*"), "no-write": (".*", "^$", ".*"), "no-read": (".*", ".*", "^$")}
READY, BARE = "ready", "bare"
"""Prefixes: one whose topology is there, one whose topology is not."""

COMMANDS = {
    "publish": ("publish", "commands.jsonl"),
    "topology apply": ("topology", "apply"),
    "topology check": ("topology", "check"),
    "status": ("status",),
    "failed list": ("failed", "list"),
    "failed show": ("failed", "show", "0123456789ab"),
    "failed replay": ("failed", "replay", "--yes"),
    "failed discard": ("failed", "discard", "--reason", "x", "--yes"),
    "failed export": ("failed", "export", "export.jsonl"),
    "ledger show": ("ledger", "show"),
    "ledger adopt": ("ledger", "adopt"),
    "worker": ("worker", "--exit-when-idle", "1"),
}
UNREACHED = {
    "nobody listens": "The broker is not reachable",
    "wrong password": "ACCESS_REFUSED - Login was refused",
    "no such virtual host": "NOT_ALLOWED - vhost nowhere not found",
    "no right to the virtual host": "NOT_ALLOWED - access to vhost '/' refused for user 'no-vhost'",
    "TLS against a plain port": "TLS with the broker failed",
}
PATIENT = {"nobody listens", "TLS against a plain port"}
"""What a worker waits for: it may come right by itself."""
REFUSED = (
    ("publish", "no-write", READY, "access to exchange 'ready.commands' in vhost '/' refused for user 'no-write'"),
    ("publish", "guest", BARE, "no exchange 'bare.commands' in vhost '/'"),
    ("topology apply", "no-configure", READY, "access to exchange 'ready.failed' in vhost '/' refused"),
    ("topology apply", "no-write", READY, "access to queue 'ready.failed' in vhost '/' refused"),
    ("topology check", "guest", BARE, "is missing: run `roomsync topology apply`"),
    ("failed list", "no-configure", READY, "access to queue 'ready.failed' in vhost '/' refused"),
    ("failed list", "no-read", READY, "access to exchange 'ready.failed' in vhost '/' refused"),
    ("failed replay", "guest", BARE, "The queue bare.failed is missing"),
    ("failed export", "guest", BARE, "The queue bare.failed is missing"),
    ("ledger show", "no-read", READY, "access to queue 'ready.ledger' in vhost '/' refused for user 'no-read'"),
    ("ledger adopt", "no-write", READY, "access to exchange 'amq.default' in vhost '/' refused for user 'no-write'"),
    ("ledger adopt", "guest", BARE, "there is no queue bare.ledger"),
    ("worker", "no-configure", READY, "access to exchange 'ready.failed' in vhost '/' refused"),
    ("worker", "no-write", READY, "access to exchange 'amq.default' in vhost '/' refused for user 'no-write'"),
    ("worker", "no-read", READY, "in vhost '/' refused for user 'no-read'"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(private_node: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BrokerNode]:
    await asyncio.to_thread(private_node.ctl, "eval", users())
    folder = tmp_path_factory.mktemp("ready")
    assert (await ran(folder, private_node.url, ("topology", "apply"))).code == 0
    yield private_node


@pytest.fixture(scope="module")
def private_node(rabbitmq: RabbitmqInstallation) -> Iterator[BrokerNode]:
    with BrokerNode(installation=rabbitmq) as node:
        yield node


def users() -> str:
    """Erlang for what `rabbitmqctl` would do in seven calls, each of seconds."""
    module = "rabbit_auth_backend_internal"
    steps = [f'{module}:add_user(<<"{user}">>, <<"{PASSWORD}">>, <<"t">>)' for user in [*RIGHTS, "no-vhost"]]
    for user, rights in RIGHTS.items():
        patterns = ", ".join(f'<<"{right}">>' for right in rights)
        steps.append(f'{module}:set_permissions(<<"{user}">>, <<"/">>, {patterns}, <<"t">>)')
    return f"{', '.join(steps)}."


async def ran(folder: Path, url: str, arguments: tuple[str, ...], *, prefix: str = READY) -> Finished:
    (port,) = free_ports(1)
    broker = f'[broker]\nurl = "{url}"\nprefix = "{prefix}"\npartitions = 1\n'
    config = a_configuration(
        folder,
        broker=broker,
        ledger=f'[ledger]\nurl = "sqlite:///{folder}/ledger.db"\n',
        more=f'[http]\nbind = "127.0.0.1:{port}"\n',
    )
    (folder / "commands.jsonl").write_text(json.dumps(a_command()) + "\n")
    files = [str(folder / each) if each.endswith(".jsonl") else each for each in arguments]
    return await run_roomsync(*files, environment={"ROOMSYNC_CONFIG": str(config), **ENVIRONMENT})


def assert_one_sentence(finished: Finished, words: str) -> None:
    assert finished.code == 1, finished.said
    assert words in finished.err
    assert "Traceback" not in finished.said
    assert "defect" not in finished.said
    assert PASSWORD not in finished.said


@pytest.mark.parametrize("trouble", UNREACHED)
@pytest.mark.parametrize("command", COMMANDS)
async def test_a_broker_that_cannot_be_used_is_told(
    command: str, trouble: str, node: BrokerNode, tmp_path: Path
) -> None:
    if command == "worker" and trouble in PATIENT:
        pytest.skip("a worker waits for it")
    port = node.port
    url = {
        "nobody listens": f"amqp://guest:{PASSWORD}@127.0.0.1:1/",
        "wrong password": f"amqp://guest:{PASSWORD}@127.0.0.1:{port}/",
        "no such virtual host": f"amqp://guest:guest@127.0.0.1:{port}/nowhere",
        "no right to the virtual host": f"amqp://no-vhost:{PASSWORD}@127.0.0.1:{port}/",
        "TLS against a plain port": f"amqps://guest:{PASSWORD}@127.0.0.1:{port}/",
    }[trouble]
    assert_one_sentence(await ran(tmp_path, url, COMMANDS[command]), UNREACHED[trouble])


@pytest.mark.parametrize(
    ("command", "user", "prefix", "words"),
    [pytest.param(*each, id=f"{each[0]}, {each[1]}, {each[2]}") for each in REFUSED],
)
async def test_a_right_or_a_queue_that_is_missing_is_told_in_the_brokers_words(
    command: str, user: str, prefix: str, words: str, node: BrokerNode, tmp_path: Path
) -> None:
    password = "guest" if user == "guest" else PASSWORD
    url = f"amqp://{user}:{password}@127.0.0.1:{node.port}/"
    assert_one_sentence(await ran(tmp_path, url, COMMANDS[command], prefix=prefix), words)
