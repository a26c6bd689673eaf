"""The worker's HTTP port: alive, ready, status and metrics (docs/contract.md#configuration, `[http]`).

Whoever reaches the port must not be able to hold the worker up: a connection serves one request and lasts seconds,
however slowly its other side writes or reads, and when too many are open the oldest one goes.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from adapters.calendar import RoomAddress
from worker.settings import HttpSettings
from worker.snapshot import WorkerView

CONNECTION_LASTS_S = 10.0
CONNECTIONS_MAX = 256
"""More than the system hands over at once: what has just come in is read before it is the oldest."""
LARGE_AT_ONCE = 16
"""Answers that grow with rooms and tenants; each waits in memory until it is read."""
HEAD_MAX_BYTES = 8190
HEADERS_MAX = 64
REUSED_FOR = 20
"""A page that took long is shown again for so many times as long, so that asking for it all the time costs 5 %."""
SHORT_S = 0.05

_PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"

Answer = Callable[[web.BaseRequest], web.Response]


@dataclass(frozen=True, slots=True)
class Server:
    """The listening port."""

    runner: web.ServerRunner
    address: str

    async def close(self) -> None:
        """Stop listening."""
        await self.runner.cleanup()


async def serve(
    settings: HttpSettings, view: WorkerView, metrics: CollectorRegistry, *, lasts_s: float = CONNECTION_LASTS_S
) -> Server:
    """Listen where `[http] bind` says. Raises OSError when the port is taken.

    Args:
        lasts_s: how long a connection lasts at the most.
    """

    def readyz(_: web.BaseRequest) -> web.Response:
        told = view.readiness()
        return web.json_response(told, status=200 if told["ready"] else 503)

    pages = _Pages()

    def status(request: web.BaseRequest) -> web.Response:
        room = request.query.get("room")
        if room is not None:
            return web.json_response(view.status(RoomAddress(room)))
        return pages.page("status", lambda: web.json_response(view.status()))

    def scrape(_: web.BaseRequest) -> web.Response:
        return pages.page("metrics", lambda: _as_prometheus(metrics))

    small: dict[str, Answer] = {"/healthz": lambda _: web.json_response({"alive": True}), "/readyz": readyz}
    port = _Port(small, large={"/status": status, "/metrics": scrape}, lasts_s=lasts_s)
    runner = web.ServerRunner(port)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    host, number = runner.addresses[0][:2]
    return Server(runner, f"{host}:{number}")


def _as_prometheus(metrics: CollectorRegistry) -> web.Response:
    return web.Response(body=generate_latest(metrics), headers={"Content-Type": _PROMETHEUS_TEXT})


class _Pages:
    """Pages that may have become large; one that took long to make is kept a while."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, web.Response]] = {}

    def page(self, name: str, make: Callable[[], web.Response]) -> web.Response:
        begun_s = time.monotonic()
        until_s, kept = self._kept.get(name, (0.0, None))
        if kept is None or begun_s >= until_s:
            begun_cpu_s = time.thread_time()
            kept = make()
            took_s = time.thread_time() - begun_cpu_s
            self._kept[name] = (begun_s + (REUSED_FOR * took_s if took_s > SHORT_S else 0), kept)
        # A response is written once.
        return web.Response(body=kept.body, headers={"Content-Type": kept.headers["Content-Type"]})


class _Port(web.Server):
    """Connections with an end, and no more of them than can be borne."""

    def __init__(self, small: dict[str, Answer], large: dict[str, Answer], *, lasts_s: float) -> None:
        super().__init__(
            self._serve,
            access_log=None,
            lingering_time=0,
            max_line_size=HEAD_MAX_BYTES,
            max_field_size=HEAD_MAX_BYTES,
            max_headers=HEADERS_MAX,
        )
        self._small = small
        self._large = large
        self._lasts_s = lasts_s
        self._ends: dict[web.RequestHandler, asyncio.TimerHandle] = {}
        self._writing: set[object] = set()

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Begin its time, and end the oldest connection where there are too many."""
        super().connection_made(handler, transport)
        self._ends[handler] = asyncio.get_running_loop().call_later(self._lasts_s, transport.abort)
        if len(self._ends) > CONNECTIONS_MAX:
            oldest = next(iter(self._ends))
            if oldest.transport is not None:
                oldest.transport.abort()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Forget it."""
        if end := self._ends.pop(handler, None):
            end.cancel()
        self._writing.discard(handler)
        super().connection_lost(handler, exc)

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        response = self._answer(request)
        response.force_close()
        return response

    def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, text="GET only\n", headers={"Allow": "GET, HEAD"})
        if answer := self._small.get(request.path):
            return answer(request)
        answer = self._large.get(request.path)
        if answer is None:
            return web.Response(status=404, text=f"there is {', '.join([*self._small, *self._large])}\n")
        if len(self._writing) >= LARGE_AT_ONCE:
            return web.Response(status=503, text="too many ask for this at once\n", headers={"Retry-After": "10"})
        # Until the connection is over: only then is the answer out of memory.
        self._writing.add(request.protocol)
        return answer(request)
