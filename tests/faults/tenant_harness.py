"""A tenant with a simulator for its Exchange, and the real way to it: gate, breaker, EWS over HTTPS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.calendar import TenantName
from adapters.ews.calendar import EwsCalendar
from adapters.ews.settings import BasicAuth, EwsSettings
from adapters.ledger import Ledger
from adapters.simulator import Simulator
from consumers.tenants import Tenant
from consumers.throttling.circuit_breaker import CircuitBreaker
from consumers.throttling.tenant_limiter import TenantLimiter
from tests.builders import a_tenant
from tests.faults.exchange_time import CommonTime

PASSWORD = "correct horse"


@dataclass(frozen=True, kw_only=True)
class TenantHarness:
    """A tenant and the way to its Exchange."""

    tenant: Tenant
    exchange: Simulator
    calendar: EwsCalendar
    gate: TenantLimiter


@asynccontextmanager
async def a_tenant_harness(
    name: str,
    folder: Path,
    ledger: Ledger,
    time: CommonTime,
    *,
    ews_timeout_s: float = 10,
    latency_ms: float = 0,
    rooms: set[str] | None = None,
) -> AsyncIterator[TenantHarness]:
    """The tenant `name` with the domain `<name>.example`.

    Args:
        ews_timeout_s: in real seconds, after which a request is given up.
        latency_ms: in real time, so that requests of several rooms overlap.
        rooms: which mailboxes there are, every one unless told.
    """
    account, domain = f"svc@{name}.example", f"{name}.example"
    exchange = Simulator(
        {account: PASSWORD}, domains=[domain], rooms=rooms, latency_ms=latency_ms, ca_directory=folder / name
    )
    exchange.limits.clock = time.monotonic
    await exchange.start()
    settings = EwsSettings(
        tenant=TenantName(name),
        service_url=exchange.url,
        access="impersonation",
        auth=BasicAuth(username=account, password=PASSWORD),
        ca_file=exchange.ca_file,
        request_timeout_s=ews_timeout_s,
        concurrency=8,
    )
    breaker = CircuitBreaker(
        tenant=settings.tenant, ledger=ledger, clock=time.monotonic, fingerprint=lambda: "as configured"
    )
    harness = TenantHarness(
        tenant=a_tenant(name, domains=frozenset({domain})),
        exchange=exchange,
        calendar=EwsCalendar(settings),
        gate=TenantLimiter(mailbox_concurrency=4, tenant_concurrency=32, clock=time.monotonic, breaker=breaker),
    )
    try:
        yield harness
    finally:
        await harness.calendar.close()
        await exchange.stop()
