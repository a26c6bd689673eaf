"""Workers that share a ledger and its breaker for a tenant."""

from dataclasses import dataclass, field

from adapters.calendar import Done, ItemRef, Outcome, TenantName
from adapters.errors import Misconfigured
from adapters.ledger import BreakerRow
from consumers.throttling.circuit_breaker import CircuitBreaker
from tests.fake_ledger import FakeLedger
from tests.room_harness import VirtualTime

ACME = TenantName("acme")
REJECTED, BLOCKED = Misconfigured(), Misconfigured("ews_blocked", detail="Blocked")
WORKED: list[Outcome] = [Done(ref=ItemRef(item_id="AAMk"))]


@dataclass
class Replicas:
    """Workers that share a ledger."""

    time: VirtualTime = field(default_factory=VirtualTime)

    def __post_init__(self) -> None:
        self.ledger = FakeLedger(clock=self.time.now)

    def one(self, fingerprint: str = "a1") -> CircuitBreaker:
        """One more worker."""
        return CircuitBreaker(
            tenant=ACME,
            ledger=self.ledger.beside(),
            clock=self.time.monotonic,
            fingerprint=lambda: fingerprint,
        )

    async def row(self) -> BreakerRow | None:
        return await self.ledger.breaker(ACME)

    def let_pass(self, seconds: float) -> None:
        self.time.passed_s += seconds


async def ask(breaker: CircuitBreaker, *outcomes: Outcome) -> list[Outcome]:
    """Send one request that is answered so."""
    errand = await breaker.enter()
    told = await breaker.report(errand, outcomes)
    breaker.leave(errand)
    return told


async def blocked(breaker: CircuitBreaker) -> None:
    await ask(breaker, BLOCKED)
    assert breaker.error is not None


async def rejected(replicas: Replicas, breaker: CircuitBreaker) -> None:
    await ask(breaker, REJECTED)
    replicas.let_pass(2)
    await ask(breaker, REJECTED)
    assert breaker.error is not None
