"""Runs a real RabbitMQ as a private node, without a container and without rights; the system's own is never touched.

Its processes are children of a guard (guard.py), which ends them when this process ends, however that happens.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.rabbitmq.folder import NodeFolder
from adapters.rabbitmq.installation import HOW_TO_GET_RABBITMQ, RabbitmqInstallation, find_rabbitmq

_START_WITHIN_S = 90.0
_STOP_WITHIN_S = 30.0
_CTL_WITHIN_S = 60.0
_GUARD = Path(__file__).with_name("guard.py")


class BrokerDidNotStart(Exception):
    """The private node did not come up; the text ends with the last lines of its log."""


class BrokerCommandFailed(Exception):
    """`rabbitmqctl` refused a command; the text is what it said."""


class BrokerNode:
    """One private node on loopback: quorum queues, the consistent-hash exchange, user `guest`.

    Every method blocks; from a coroutine call it through `asyncio.to_thread`, or use `async with`. Data, name and port
    stay the same over `restart()` and over `kill()` followed by `start()`.

    Args:
        folder: where configuration, data and log go; kept at the end. None: a temporary folder, removed at the end.
    """

    def __init__(self, *, folder: Path | None = None, installation: RabbitmqInstallation | None = None) -> None:
        found = installation or find_rabbitmq()
        if found is None:
            raise BrokerDidNotStart(HOW_TO_GET_RABBITMQ)
        self._installation = found
        self._is_temporary = folder is None
        self._folder = NodeFolder(folder or Path(tempfile.mkdtemp(prefix="roomsync-broker-")))
        self._guard: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """The AMQP address of the node."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def port(self) -> int:
        """The AMQP port, on 127.0.0.1."""
        return self._folder.amqp_port

    @property
    def pid(self) -> int:
        """The process id of the broker itself."""
        return self._folder.server_pid

    @property
    def log(self) -> Path:
        """The node's log file."""
        return self._folder.log

    def start(self) -> None:
        """Start the node and return once it speaks AMQP. Raises `BrokerDidNotStart`."""
        self._folder.path.mkdir(parents=True, exist_ok=True)
        self._folder.write()
        with self._folder.console_log.open("a") as console:
            self._guard = subprocess.Popen(  # noqa: S603 - our own file, found paths
                self._guard_command(),
                env=self._folder.environment(),
                stdin=subprocess.PIPE,
                stdout=console,
                stderr=console,
                text=True,
                start_new_session=True,  # a Ctrl-C on the terminal is for the owner, which then stops the node in order
            )
        try:
            self._wait_until_it_speaks_amqp(self._guard)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the node in order; where its folder is temporary, remove it. Stopping a stopped node is fine."""
        self._end_processes()
        if self._is_temporary:
            shutil.rmtree(self._folder.path, ignore_errors=True)

    def restart(self) -> None:
        """Stop in order and start again on the same data and port."""
        self._end_processes()
        self.start()

    def kill(self) -> None:
        """End the broker as a power cut would (SIGKILL); `start()` brings it back on the same data and port."""
        # Only while it runs: the pid that a stopped node wrote down may be another process by now.
        if self._guard is not None and self._guard.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        self._end_processes()

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` against this node and return its output. Raises `BrokerCommandFailed`. Takes about 1 s."""
        done = subprocess.run(  # noqa: S603 - found path, arguments of the caller's own code
            [self._installation.ctl, "--quiet", *arguments],
            env=self._folder.environment(),
            capture_output=True,
            text=True,
            timeout=_CTL_WITHIN_S,
            check=False,
        )
        if done.returncode:
            raise BrokerCommandFailed(f"rabbitmqctl {arguments[0]}: {done.stdout}{done.stderr}".strip())
        return done.stdout

    def raise_memory_alarm(self) -> None:
        """Make the broker believe that memory is short: publishers are blocked until `clear_memory_alarm()`."""
        self.ctl("set_vm_memory_high_watermark", "0")

    def clear_memory_alarm(self) -> None:
        """Let publishers go on."""
        self.ctl("set_vm_memory_high_watermark", "0.4")

    def _guard_command(self) -> list[str | Path]:
        # A folder that was given is the caller's: the guard of a dead owner removes only a temporary one.
        removable = [self._folder.path] if self._is_temporary else []
        return [sys.executable, "-I", _GUARD, self._installation.server, self._installation.epmd, *removable]

    def _wait_until_it_speaks_amqp(self, guard: "subprocess.Popen[str]") -> None:
        until = time.monotonic() + _START_WITHIN_S
        while time.monotonic() < until:
            if guard.poll() is not None:
                raise BrokerDidNotStart(f"RabbitMQ ended while starting:\n{self._folder.log_tail()}")
            if _speaks_amqp(self.port):
                return
            time.sleep(0.05)
        raise BrokerDidNotStart(f"RabbitMQ did not start within {_START_WITHIN_S:.0f} s:\n{self._folder.log_tail()}")

    def _end_processes(self) -> None:
        guard, self._guard = self._guard, None
        if guard is None:
            return
        try:
            guard.communicate("stop", timeout=_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)


def _speaks_amqp(port: int) -> bool:
    """Whether a broker answers the AMQP 0-9-1 protocol header (with Connection.Start, a method frame: type 1)."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"
    except OSError:
        return False
