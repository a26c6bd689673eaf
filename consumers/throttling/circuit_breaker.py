"""A tenant's breaker: open while nothing of the tenant can work, closed by the first probe that works.

It lies in the ledger, because a customer's account is locked by rejected logins whichever replica sends them: all
replicas together send one probe at a time (docs/protocol.md#circuit-breaker; docs/decisions/0006).
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import sha256

import structlog

from adapters.calendar import Done, Gone, Outcome, RoomAddress, TenantName
from adapters.errors import CODES, CalendarError, Doubt, Misconfigured, Refused, Throttled, Transient
from adapters.ledger import BreakerRow, Breakers, LedgerUnavailable
from consumers.policy import (
    ASKING_LOOK_S,
    BREAKER_FIRST_WAIT_S,
    BREAKER_LATER_AFTER_S,
    BREAKER_LATER_WAIT_S,
    BREAKER_READ_EVERY_S,
    DOUBT_S,
    PROBE_EVERY_S,
    REJECTED_PROBE_EVERY_S,
    REJECTED_PROBES_MAX,
)
from consumers.throttling.witnesses import Witnesses

log = structlog.get_logger(__name__)

_REJECTED = "credentials_rejected"

MEANT_AT_ONCE = frozenset({"ews_blocked"})
"""Codes that open a breaker the first time (docs/decisions/0019): Exchange's own policy header says it in words. All
others may be one server, proxy or mailbox of many, so they are doubted first: a 401, a redirect, a 404 or 403 without a
reason, a scheme that is not offered, a certificate (nodes behind one name carry their own), ErrorImpersonationDenied
(Microsoft: "via that server")."""

SOME_ROOM = RoomAddress("")


class RequestKind(Enum):
    """What a request is sent for: `TRIAL` tells whether a first odd answer was meant, `PROBE` whether all works again.

    Only these two can close a breaker: an ordinary request may have begun before the trouble, on a connection that
    was let in then.
    """

    ORDINARY = auto()
    TRIAL = auto()
    PROBE = auto()


def probe_wait_s(code: str, probes: int) -> float:
    """How long after this many probes (the request that opened the breaker included) the next one is due."""
    too_many = code == _REJECTED and probes >= REJECTED_PROBES_MAX
    return REJECTED_PROBE_EVERY_S if too_many else PROBE_EVERY_S


@dataclass(slots=True, kw_only=True)
class CircuitBreaker:
    """One tenant's breaker as this process knows it.

    `fingerprint` tells how the tenant is reached now (settings, secret): what was not tried yet is tried at once.
    """

    tenant: TenantName
    ledger: Breakers
    clock: Callable[[], float]
    fingerprint: Callable[[], str] = field(repr=False)
    _row: BreakerRow | None = None
    _read_s: float = 0.0
    _is_stale: bool = True
    _doubted_until_s: float | None = None
    _doubted_code: str = _REJECTED
    _witnesses: Witnesses = field(default_factory=Witnesses)
    _is_asking: bool = False
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def error(self) -> Misconfigured | None:
        """Why it is open, or None while it is closed."""
        return None if self._row is None else _error_of(self._row)

    @property
    def is_suspected(self) -> bool:
        """Whether an odd answer came a moment ago, and one request is to tell whether that was meant."""
        return self._doubted_until_s is not None

    @property
    def open_for_s(self) -> float:
        """How long it has been open; 0 while it is closed."""
        return 0.0 if self._row is None else self._row.open_for_s + self._age_s()

    @property
    def next_probe_in_s(self) -> float:
        """When a request may tell whether the tenant works again; 0: now."""
        return 0.0 if self._row is None else max(0.0, self._row.next_probe_in_s - self._age_s())

    @property
    def wait_s(self) -> float:
        """How long commands of the tenant stay away: a minute, and five once it has lasted ten."""
        return BREAKER_FIRST_WAIT_S if self.open_for_s < BREAKER_LATER_AFTER_S else BREAKER_LATER_WAIT_S

    async def ready(self, room: RoomAddress = SOME_ROOM) -> None:
        """Return if a request to this room may be sent now, be it a trial or a probe.

        Raises:
            Misconfigured: the breaker is open.
            Throttled: one request is to tell, or is just telling, whether the tenant works.
            LedgerUnavailable: nobody knows whether the breaker is open.
        """
        row = await self.look()
        self._wait_for_the_one()
        if row is not None and not self._may_probe(row, room):
            raise _error_of(row)
        left_s = (self._doubted_until_s or 0.0) - self.clock()
        if left_s > 0:
            raise Throttled(left_s, whole_tenant=True, detail=self._doubted_code)

    async def enter(self, room: RoomAddress = SOME_ROOM) -> RequestKind:
        """Take the right to send one request to this room; `leave` must follow. Raises as `ready`."""
        await self.ready(room)
        if self._row is not None:
            if await self._take_probe(self._row, room):
                return self._alone(RequestKind.PROBE)
            row = await self.look(anew=True)
            self._wait_for_the_one()
            if row is not None:
                raise _error_of(row)
        return self._alone(RequestKind.TRIAL) if self.is_suspected else RequestKind.ORDINARY

    def leave(self, errand: RequestKind) -> None:
        """The request is over; a trial that told nothing is followed by another one."""
        if errand is not RequestKind.ORDINARY:
            self._is_asking = False
            if self.is_suspected:
                self._doubted_until_s = self.clock() + DOUBT_S

    async def report(
        self, errand: RequestKind, outcomes: Sequence[Outcome], room: RoomAddress = SOME_ROOM
    ) -> list[Outcome]:
        """Learn from the outcomes of a request to this room; returns them as they count.

        Exchange sometimes answers 401 when it wants fewer connections, and redirects to an error page at random: a
        first odd answer counts as a throttle, of the room alone if others worked since the last odd one. Met again it
        stops the tenant, unless other rooms work meanwhile: then it is the room's own trouble.
        """
        odd = next((one for one in outcomes if isinstance(one, CalendarError) and _doubt_of(one)), None)
        doubt = None if odd is None else _doubt_of(odd)
        if odd is None or doubt is None:
            if any(map(_shows_that_it_works, outcomes)):
                self._witnesses.worked(room)
                if errand is not RequestKind.ORDINARY:
                    await self._works(errand)
            return list(outcomes)
        times = self._witnesses.odd(room)
        if doubt.code not in MEANT_AT_ONCE and doubt.code != _REJECTED and self._witnesses.is_alone(room):
            return [_as_the_rooms_own(outcome) for outcome in outcomes]
        if errand is RequestKind.ORDINARY and doubt.code not in MEANT_AT_ONCE and self._row is None:
            is_lone = self._witnesses.worked_since_last() and doubt.code != _REJECTED
            if (doubt.at_once or times > 1) and not is_lone:
                self._doubt(doubt.code)
            return [_as_throttled(outcome, whole_tenant=not is_lone) for outcome in outcomes]
        if errand is not RequestKind.ORDINARY or self._row is None:
            await self._open(doubt.code, odd.detail, room)
        return list(outcomes)

    async def look(self, *, anew: bool = False) -> BreakerRow | None:
        """What the ledger says; read again now and then, since other workers open and close it, too."""
        self._is_stale |= anew
        async with self._reading:
            if self._is_stale or self._age_s() >= BREAKER_READ_EVERY_S:
                row = await self.ledger.breaker(self.tenant)
                self._know(row)
        return self._row

    def _age_s(self) -> float:
        return self.clock() - self._read_s

    def _may_probe(self, row: BreakerRow, room: RoomAddress) -> bool:
        if self.next_probe_in_s <= 0:
            return True
        return self.fingerprint() not in row.tried and not self._opened_it_alone(row, room)

    def _opened_it_alone(self, row: BreakerRow, room: RoomAddress) -> bool:
        """Whether only this room, or others that are no witnesses either, met what the breaker is open for."""
        seen_from = self._seen_from(room)
        if not any(tried.startswith(seen_from.partition("/")[0] + "/") for tried in row.tried):
            return False
        return self._witnesses.knows(room) or seen_from in row.tried

    def _seen_from(self, room: RoomAddress) -> str:
        """Stands in `tried` for the one room that opened the breaker: from another one it is tried at once."""
        return f"{self.fingerprint()}/{sha256(room.encode()).hexdigest()[:12]}"

    async def _take_probe(self, row: BreakerRow, room: RoomAddress) -> bool:
        next_in_s = probe_wait_s(row.code, row.probes + 1)
        # Kept apart, or a probe from the same room once more would take the others' right to be tried at once.
        tried = self._seen_from(room) if self._opened_it_alone(row, room) else self.fingerprint()
        return await self.ledger.take_probe(self.tenant, fingerprint=tried, next_in_s=next_in_s)

    def _alone(self, errand: RequestKind) -> RequestKind:
        self._is_asking = True
        # Whatever comes of it, what the ledger says then is new.
        self._is_stale = True
        return errand

    def _wait_for_the_one(self) -> None:
        # Not sent away meanwhile: if it works, everything may go on at once.
        if self._is_asking:
            raise Throttled(
                ASKING_LOOK_S, whole_tenant=True, detail=self._row.code if self._row else self._doubted_code
            )

    def _doubt(self, code: str) -> None:
        if not self.is_suspected:
            log.warning("tenant.doubted", tenant=self.tenant, why=CODES[code].sentence, again_in_s=DOUBT_S)
            self._doubted_until_s, self._doubted_code = self.clock() + DOUBT_S, code
            # Another worker may have opened it already: then no trial is needed.
            self._is_stale = True

    async def _open(self, code: str, detail: str | None, room: RoomAddress) -> None:
        is_everybodys = code in MEANT_AT_ONCE or code == _REJECTED
        with suppress(LedgerUnavailable):
            # The outcomes must still be recorded. Nothing is sent while the ledger is away; then it is found again.
            async with self._reading:
                row = await self.ledger.open_breaker(
                    self.tenant,
                    code=code,
                    detail=detail,
                    fingerprint=self.fingerprint() if is_everybodys else self._seen_from(room),
                    next_probe_in_s=probe_wait_s(code, 1),
                )
                self._know(row)

    async def _works(self, errand: RequestKind) -> None:
        self._doubted_until_s = None
        if errand is RequestKind.PROBE or self._row is not None:
            with suppress(LedgerUnavailable):
                # Else the next probe that works closes it.
                async with self._reading:
                    await self.ledger.close_breaker(self.tenant)
                    self._know(None)

    def _know(self, row: BreakerRow | None) -> None:
        self._read_s, self._is_stale = self.clock(), False
        known, self._row = self._row, row
        if row is not None:
            self._doubted_until_s = None
            if known is None or known.code != row.code:
                log.error("tenant.stopped", tenant=self.tenant, code=row.code, why=str(_error_of(row)))
        elif known is not None:
            log.info("tenant.resumed", tenant=self.tenant, after_s=round(known.open_for_s))


def _shows_that_it_works(outcome: Outcome) -> bool:
    # Not Throttled or Transient: a front end answers so before anybody has looked at the credentials.
    return isinstance(outcome, Done | Gone | Refused)


def _doubt_of(error: CalendarError) -> Doubt | None:
    return Doubt(code=error.code) if isinstance(error, Misconfigured) else error.doubt


def _as_throttled(outcome: Outcome, *, whole_tenant: bool) -> Outcome:
    if isinstance(outcome, Misconfigured) and outcome.code not in MEANT_AT_ONCE:
        return Throttled(DOUBT_S, whole_tenant=whole_tenant, detail=outcome.detail or outcome.code)
    return outcome


def _as_the_rooms_own(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Misconfigured) and outcome.code not in MEANT_AT_ONCE:
        return Transient(outcome.code, detail=outcome.detail, scope="room")
    return outcome


def _error_of(row: BreakerRow) -> Misconfigured:
    if row.code in CODES:
        return Misconfigured(row.code, detail=row.detail)
    # A newer roomsync opened it.
    return Misconfigured("access_blocked", detail=row.code)
