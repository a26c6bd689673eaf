"""The worker's HTTP port: alive, ready, status and metrics (CONTRACT.md §5, `[http]`)."""

from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from worker.settings import HttpSettings
from worker.snapshot import WorkerView

_PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Server:
    """The listening port."""

    runner: web.AppRunner
    address: str

    async def close(self) -> None:
        """Stop listening."""
        await self.runner.cleanup()


async def serve(settings: HttpSettings, view: WorkerView, metrics: CollectorRegistry) -> Server:
    """Listen where `[http] bind` says. Raises OSError when the port is taken."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        found = view.obstacles()
        told = {
            "ready": not found,
            "obstacles": found,
            "parts": view.parts(),
            "stopped_tenants": view.stopped_tenants(),
            "misconfigured_tenants": view.misconfigured_tenants(),
            "failing_chores": dict(view.failing_chores()),
        }
        return web.json_response(told, status=503 if found else 200)

    async def status(_: web.Request) -> web.Response:
        return web.json_response(view.status())

    async def scrape(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics), headers={"Content-Type": _PROMETHEUS_TEXT})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/status", status)
    app.router.add_get("/metrics", scrape)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    host, port = runner.addresses[0][:2]
    return Server(runner, f"{host}:{port}")
