"""The files and the environment of a private node: everything it reads or writes lies in one folder of its own."""

import os
import random
import secrets
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

# Below 32768, where Linux begins to hand out ports for outgoing connections, so a port stays ours over a restart.
_PORTS = range(20000, 32000)

_CONFIGURATION = """\
listeners.tcp.local = 127.0.0.1:{amqp_port}
disk_free_limit.absolute = 10MB
raft.wal_max_size_bytes = 33554432
raft.segment_max_entries = 1024
log.console = false
log.file.level = info
"""

_PLUGINS = "[rabbitmq_consistent_hash_exchange].\n"

_LOG_TAIL_BYTES = 4096


class NodeFolder:
    """One node's name, ports, cookie, configuration, data and log; the same over every start of the node."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.node_name = f"roomsync-{secrets.token_hex(4)}@localhost"
        self.amqp_port, self._distribution_port, self.epmd_port = free_ports(3)
        self.log = path / "log" / "node.log"
        self.console_log = path / "log" / "console.log"

    def write(self) -> None:
        """Write what the node reads at start."""
        for name in ("data", "log"):
            (self.path / name).mkdir(exist_ok=True)
        (self.path / "rabbitmq.conf").write_text(_CONFIGURATION.format(amqp_port=self.amqp_port))
        (self.path / "enabled_plugins").write_text(_PLUGINS)
        # Empty, and there only so that the machine's own rabbitmq-env.conf is not read.
        (self.path / "rabbitmq-env.conf").touch()
        cookie = self.path / ".erlang.cookie"
        if not cookie.exists():
            cookie.touch(mode=0o600)
            cookie.write_text(secrets.token_hex(20))
            cookie.chmod(0o400)

    def environment(self) -> dict[str, str]:
        """The environment of the node's programs; nothing that the machine sets for RabbitMQ or Erlang leaks in."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
        return kept | {
            "HOME": str(self.path),
            # Else a node whose folder is cleared while it starts leaves one where it was started.
            "ERL_CRASH_DUMP_BYTES": "0",
            "RABBITMQ_NODENAME": self.node_name,
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONF_ENV_FILE": str(self.path / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(self.path / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.path / "advanced.config"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.path / "config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.path / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.path / "data"),
            "RABBITMQ_LOG_BASE": str(self.path / "log"),
            "RABBITMQ_LOGS": str(self.log),
            "RABBITMQ_PID_FILE": str(self.path / "node.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2",
            "RABBITMQ_MAX_NUMBER_OF_PROCESSES": "65536",  # the table is written in full at start: 1,048,576 costs time
            # For every Erlang program, rabbitmqctl too: nothing listens beyond loopback, nothing starts a stray epmd.
            "ERL_AFLAGS": "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.epmd_port),
        }

    @property
    def server_pid(self) -> int:
        """The process id of the Erlang machine, as it wrote it down at its last start."""
        return int((self.path / "node.pid").read_text())

    def log_tail(self) -> str:
        """The last lines of both logs, for an error message."""
        return "\n".join(_tail(log) for log in (self.console_log, self.log) if log.exists())


def free_ports(count: int) -> list[int]:
    """That many different loopback ports nobody listens on."""
    found: set[int] = set()
    for port in _shuffled_ports():
        if _is_free(port):
            found.add(port)
        if len(found) == count:
            return sorted(found)
    raise OSError(f"no {count} free ports between {_PORTS.start} and {_PORTS.stop}")


def _shuffled_ports() -> Iterator[int]:
    yield from random.sample(_PORTS, len(_PORTS))


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _tail(log: Path) -> str:
    return log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
