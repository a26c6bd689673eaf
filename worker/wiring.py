"""Puts the parts together; the only module that names concrete adapters."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from importlib import import_module

import structlog

from adapters.audit import Audit
from adapters.calendar import RoomAddress, RoomCalendar, TenantName
from adapters.ews.settings import BasicAuth, EwsSettings, NtlmAuth
from adapters.ledger import LedgerUnavailable
from adapters.story import StoriedLedger
from consumers.broker.queue_names import QueueNames
from consumers.milestones import OnMilestone, ignore
from consumers.policy import SLOW_SHARE, SyncPolicy
from consumers.reconcile.read import RoomView
from consumers.sync.room import Clocks, Room
from consumers.tenants import Tenant
from consumers.throttling.circuit_breaker import CircuitBreaker
from consumers.throttling.tenant_limiter import TenantLimiter
from worker import settings as configured
from worker.broker import ConfiguredBroker
from worker.settings import Settings, TenantSettings
from worker.settings.urls import UnusableUrl
from worker.tenants import TenantRegistry

log = structlog.get_logger(__name__)

DAY_S = 24 * 3600.0
UNMADE_AGAIN_S = 10.0
LOOKED_AT_EVERY_S = 1.0
"""How often it is seen whether a tenant's settings or its secret changed, while its server takes what it is asked."""


def clocks() -> Clocks:
    """The real ones."""
    return Clocks(now=lambda: datetime.now(UTC), monotonic=time.monotonic, sleep=asyncio.sleep)


def policy(settings: Settings) -> SyncPolicy:
    """What `[sync]` and `[ledger]` say about waiting."""
    sync = settings.sync
    return SyncPolicy(
        hold_s=sync.hold_s,
        batch_max=sync.batch_max,
        claim_s=sync.claim_s,
        second_look_s=sync.second_look_s,
        request_timeout_s=sync.request_timeout_s,
        give_up_after_s=sync.give_up_after_h * 3600,
        too_old_after_s=(settings.ledger.keep_days - 1) * DAY_S,
    )


def names(settings: Settings) -> QueueNames:
    """The names at the broker."""
    return QueueNames(settings.broker.prefix)


def broker_address(settings: Settings) -> ConfiguredBroker:
    """The broker that is configured. Raises `OSError`: a certificate cannot be used, so a start need not be tried."""
    broker = ConfiguredBroker(settings.broker)
    broker.address()
    return broker


async def ledger(settings: Settings, *, committed: Callable[[float], None] = lambda _seconds: None) -> StoriedLedger:
    """The ledger that is configured, made and brought up to date. Raises `LedgerError`.

    Args:
        committed: told of the seconds that each transaction took which writes.
    """
    from adapters.sql import open_ledger  # noqa: PLC0415 - commands without a ledger need not load databases

    return await open_ledger(_ledger_url(settings), committed=committed)


async def audit(settings: Settings) -> Audit:
    """The audit that lies beside the ledger. Raises `LedgerError`."""
    from adapters.sql import open_audit  # noqa: PLC0415 - see `ledger`

    return await open_audit(_ledger_url(settings))


def _ledger_url(settings: Settings) -> str:
    try:
        return settings.ledger.url_now().text
    except UnusableUrl as why:
        raise LedgerUnavailable(f"The ledger's url {why}.") from None


def load_calendars() -> None:
    """Load now what calendars are reached by, so that the first command need not wait for it. Takes about 0.3 s.

    Commands that reach no calendar do not load it.
    """
    import_module("adapters.ews.calendar")


def _ews_calendar(settings: EwsSettings) -> RoomCalendar:
    from adapters.ews.calendar import EwsCalendar  # noqa: PLC0415 - see `load_calendars`

    return EwsCalendar(settings)


@dataclass(slots=True, kw_only=True)
class _Connection:
    """How a tenant is reached: made anew when its settings or its secret change."""

    settings: TenantSettings
    secret: str = field(repr=False)
    tenant: Tenant
    ews: RoomCalendar
    gate: TenantLimiter
    looked_at_s: float = 0.0

    def calendar(self, room: RoomAddress) -> RoomCalendar:
        """How a room's calendar is reached: over EWS, whichever room it is."""
        return self.ews

    async def close(self) -> None:
        """Give back the connections."""
        await self.ews.close()


def _fingerprint(settings: TenantSettings, auth: configured.BasicAuth | configured.NtlmAuth, secret: str) -> str:
    """Tells one way of reaching a tenant from another, as its breaker wants it (docs/decisions/0006).

    It lies in the ledger, so it holds too few bits to find a secret by, and each guess is made expensive.
    """
    settled = json.dumps([settings.name, settings.url, settings.access, auth.kind, auth.username])
    return hashlib.scrypt(secret.encode(), salt=settled.encode(), n=2**14, r=8, p=1, dklen=2).hex()


class TenantConnections:
    """A gate for each tenant and a calendar for each of its rooms, made when the tenant's first command comes."""

    def __init__(
        self,
        *,
        registry: TenantRegistry,
        settings: Settings,
        ledger: StoriedLedger,
        clocks: Clocks,
        reached: OnMilestone = ignore,
        watch: Callable[[RoomCalendar], RoomCalendar] = lambda calendar: calendar,
    ) -> None:
        self._registry = registry
        self._reached = reached
        self._watch = watch
        self._policy = policy(settings)
        self._ledger = ledger
        self._clocks = clocks
        self._reaches: dict[str, _Connection] = {}
        self._gates: dict[str, TenantLimiter] = {}
        self._unmade: dict[str, float] = {}
        """Until when a calendar that could not be made is not tried again."""
        self._closing: set[asyncio.Task[None]] = set()

    def room(self, tenant: TenantName, address: RoomAddress, *, scan_twice: bool) -> Room | None:
        """A room of a tenant, or None when the tenant is no longer configured."""
        reach = self._reach(tenant)
        if reach is None:
            return None
        return Room(
            tenant=reach.tenant,
            address=address,
            calendar=reach.calendar(address),
            gate=reach.gate,
            ledger=self._ledger,
            policy=self._policy,
            clocks=self._clocks,
            scan_twice=scan_twice,
            reached=self._reached,
            note=self._ledger.note,
        )

    def view(self, tenant: TenantName, address: RoomAddress) -> RoomView | None:
        """A room of a tenant to look at, or None when the tenant is no longer configured."""
        reach = self._reach(tenant)
        if reach is None:
            return None
        return RoomView(
            tenant=reach.tenant,
            address=address,
            calendar=reach.calendar(address),
            gate=reach.gate,
            ledger=self._ledger,
            clocks=self._clocks,
            hold_s=self._policy.hold_s,
        )

    def gates(self) -> Mapping[str, TenantLimiter]:
        """The gate of each tenant that had a command so far."""
        return {name: reach.gate for name, reach in self._reaches.items()}

    def _reach(self, name: TenantName) -> _Connection | None:
        known, now_s = self._reaches.get(name), self._clocks.monotonic()
        if known is not None and now_s - known.looked_at_s < LOOKED_AT_EVERY_S and known.gate.breaker.error is None:
            return known
        settings = self._registry.settings(name)
        if settings is None:
            self._let_go(self._reaches.pop(name, None))
            return None
        assert isinstance(settings.auth, configured.BasicAuth | configured.NtlmAuth)  # noqa: S101 - see `TenantSettings.unserved`
        if known is not None and known.gate.breaker.error is not None:
            # The server refused it: a change that the file's time stamp does not show is seen all the same.
            settings.auth.password.refresh()
        secret = settings.auth.password.read()
        if known is not None and known.settings is settings and known.secret == secret:
            known.looked_at_s = now_s
            return known
        ews = self._ews_of(settings, settings.auth, secret)
        if ews is None:
            self._let_go(self._reaches.pop(name, None))
            return None
        self._reaches[name] = _Connection(
            settings=settings,
            secret=secret,
            tenant=settings.as_tenant(),
            ews=ews,
            gate=self._gate(settings, cache(partial(_fingerprint, settings, settings.auth, secret))),
            looked_at_s=now_s,
        )
        self._let_go(known)
        return self._reaches[name]

    def _ews_of(
        self, settings: TenantSettings, auth: configured.BasicAuth | configured.NtlmAuth, secret: str
    ) -> RoomCalendar | None:
        """None where a file that the settings name has turned useless since they were read; looked at again soon."""
        until_s = self._unmade.get(settings.name, 0.0)
        if self._clocks.monotonic() < until_s:
            return None
        try:
            return self._watch(_ews_calendar(self._ews_settings(settings, auth, secret)))
        except (OSError, ValueError) as error:
            self._unmade[settings.name] = self._clocks.monotonic() + UNMADE_AGAIN_S
            # An `InvalidURL` of requests is both.
            key = "service_url" if isinstance(error, ValueError) else "ca_file"
            log.error("tenant.unreachable", tenant=settings.name, why=f"{type(error).__name__}: see {key}")
            return None

    def _gate(self, settings: TenantSettings, fingerprint: Callable[[], str]) -> TenantLimiter:
        """The tenant's one gate, kept for good: requests that are under way count also after a change."""
        limits, gate = settings.limits, self._gates.get(settings.name)
        if gate is not None:
            gate.breaker.fingerprint = fingerprint
            gate.resize(mailbox_concurrency=limits.mailbox_concurrency, tenant_concurrency=limits.tenant_concurrency)
            return gate
        monotonic, name = self._clocks.monotonic, TenantName(settings.name)
        gate = self._gates[settings.name] = TenantLimiter(
            mailbox_concurrency=limits.mailbox_concurrency,
            tenant_concurrency=limits.tenant_concurrency,
            clock=monotonic,
            breaker=CircuitBreaker(tenant=name, ledger=self._ledger, clock=monotonic, fingerprint=fingerprint),
            slow_after_s=self._policy.request_timeout_s * SLOW_SHARE,
        )
        return gate

    def _ews_settings(
        self, settings: TenantSettings, auth: configured.BasicAuth | configured.NtlmAuth, password: str
    ) -> EwsSettings:
        kind = BasicAuth if isinstance(auth, configured.BasicAuth) else NtlmAuth
        return EwsSettings(
            tenant=TenantName(settings.name),
            service_url=settings.url,
            access=settings.access,
            auth=kind(username=auth.username, password=password),
            ca_file=settings.ca_file,
            request_timeout_s=self._policy.request_timeout_s,
            concurrency=settings.limits.tenant_concurrency,
        )

    def _let_go(self, reach: _Connection | None) -> None:
        """Close what was replaced once its last requests are over: they end within their time-out."""
        if reach is None:
            return

        async def close() -> None:
            await asyncio.sleep(self._policy.request_timeout_s * 2)
            await reach.close()

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Give back all connections."""
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*(reach.close() for reach in self._reaches.values()))
