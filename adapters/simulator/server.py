"""The Exchange stand-in as one object: start it, point a client at `url`, trust `ca_file`, look at what happened."""

import asyncio
import ipaddress
import tempfile
from collections import deque
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Literal

from aiohttp import web

from adapters.simulator.access import Access
from adapters.simulator.certificates import ca_file, server_context
from adapters.simulator.control import Control
from adapters.simulator.counters import Counters
from adapters.simulator.directory import Directory
from adapters.simulator.events import SimEvent, events
from adapters.simulator.ews.face import EwsFace
from adapters.simulator.ews.over_http import EwsOverHttp
from adapters.simulator.fault_plan import FaultPlan
from adapters.simulator.limits import Budget, Limits
from adapters.simulator.outlook import Outlook
from adapters.simulator.passwords import Passwords, Scheme
from adapters.simulator.store import Store
from adapters.simulator.timing import Timing
from adapters.simulator.wire import Record, RecordedRequest
from adapters.simulator.world import World

_EWS_PATH = "/EWS/Exchange.asmx"
_LARGEST_REQUEST_BYTES = 64 * 1024 * 1024


class Simulator:
    """An Exchange server on loopback: EWS over HTTPS, and routes for tests and people under /simulator.

    Args:
        accounts: passwords by account.
        rooms: the mailboxes there are; None: every address in `domains`, on demand.
        latency_ms: how long every request waits before it is done.
        port: 0 takes a free one.
        ca_directory: where the certificate authority is kept, so that a restart is trusted again; None: nowhere.
        keepalive_s: how long an idle connection is kept open.
        record: keep the last requests and answers in `requests`.
        timing: note when each event came in and was written.

    Raises:
        ValueError: `bind` is not loopback and `allow_remote` does not say that this is meant.
    """

    def __init__(  # noqa: PLR0913  # the description of a whole server; every part of it has a default
        self,
        accounts: Mapping[str, str],
        *,
        domains: Collection[str] = ("acme.example",),
        rooms: Collection[str] | None = None,
        auth: tuple[Scheme, ...] = ("basic", "ntlm"),
        access: Literal["impersonation", "delegate"] = "impersonation",
        latency_ms: float = 0,
        mailbox_concurrency: int = 27,
        budget: Budget | None = None,
        tls: bool = True,
        bind: str = "127.0.0.1",
        port: int = 0,
        allow_remote: bool = False,
        ca_directory: Path | None = None,
        keepalive_s: float = 120,
        record: bool = False,
        timing: bool = False,
    ) -> None:
        if not allow_remote and not _is_loopback(bind):
            raise ValueError(f"the simulator takes commands from anybody who reaches it: {bind} is not loopback")
        self.store = Store()
        self.counts = Counters(timing=Timing() if timing else None)
        self.faults = FaultPlan(self.counts.faults)
        self.outlook = Outlook(self.store)
        self.directory = Directory(domains=domains, rooms=rooms, accounts=accounts)
        self.access = Access(access, accounts)
        self.limits = Limits(mailbox_concurrency, budget)
        self.passwords = Passwords(dict(accounts), auth)
        self._world = World(store=self.store, directory=self.directory, access=self.access, limits=self.limits)
        face = EwsFace(self._world, self.counts, self.faults, latency_ms / 1000, self._postpone)
        self._record = Record(is_on=record)
        self._ews = EwsOverHttp(face, self.passwords, self.counts, self._record)
        self._tls, self._bind, self._port = tls, bind, port
        self._keepalive_s = keepalive_s
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._ca_directory = ca_directory
        self._runner: web.AppRunner | None = None
        self._late: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address of EWS, once started."""
        host = f"[{self._bind}]" if ":" in self._bind else self._bind
        return f"{'https' if self._tls else 'http'}://{host}:{self._port}{_EWS_PATH}"

    @property
    def control_url(self) -> str:
        """The address of the routes for tests and people."""
        return self.url.removesuffix(_EWS_PATH) + "/simulator"

    @property
    def ca_file(self) -> Path:
        """The certificate authority that clients must trust."""
        if self._ca_directory is not None:
            return ca_file(self._ca_directory)
        if self._temporary is None:
            raise RuntimeError("the certificate authority of a simulator without ca_directory lives while it runs")
        return ca_file(Path(self._temporary.name))

    @property
    def requests(self) -> deque[RecordedRequest]:
        """The last requests and their answers, oldest first, when `record` is on."""
        return self._record.requests

    def calendar(self, room: str) -> list[SimEvent]:
        """Look at a room's calendar, in the order of time."""
        return events(self.store.folder(room, "calendar"))

    def deleted_items(self, room: str) -> list[SimEvent]:
        """Look at a room's Deleted Items, in the order of time."""
        return events(self.store.folder(room, "deleteditems"))

    async def start(self) -> None:
        """Listen. After a `stop` it listens again on the same port, with what the mailboxes held."""
        app = web.Application(client_max_size=_LARGEST_REQUEST_BYTES)
        app.router.add_post("/{ews:(?i:ews)}/{service:(?i:exchange.asmx)}", self._ews.handle)
        Control(self._world, self.counts, self.faults, self.outlook).add_to(app)
        if self._ca_directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="roomsync-simulator-")
        context = server_context(self.ca_file.parent) if self._tls else None
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=self._keepalive_s, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._bind, self._port, ssl_context=context).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every connection and forget the certificate authority, unless it has a directory of its own."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self._ews.hang_up()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    async def settled(self) -> None:
        """Wait until nothing that was to be applied late is outstanding."""
        while self._late:
            await asyncio.gather(*self._late)

    def _postpone(self, delay_s: float, apply: Callable[[], object]) -> None:
        task = asyncio.create_task(_later(delay_s, apply))
        self._late.add(task)
        task.add_done_callback(self._late.discard)


async def _later(delay_s: float, apply: Callable[[], object]) -> None:
    await asyncio.sleep(delay_s)
    apply()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
