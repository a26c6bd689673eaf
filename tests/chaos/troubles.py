"""What goes wrong meanwhile, and when; drawn with the seed, as far as processes keep to a plan."""

import asyncio
import random
import secrets
import signal
import time
from dataclasses import dataclass, field

from adapters.simulator import (
    EVERYDAY,
    BlockedByPolicy,
    CodeAlthoughApplied,
    Fault,
    HtmlPage,
    HttpStatus,
    ItemCode,
    LateApply,
    RequestCode,
    SoapFault200,
    StopBatch,
    Unauthorized,
)
from tests.chaos.chaos_harness import ROTATED, WORKERS, ChaosHarness, account_of

FAULT_SHARE = 0.05
KINDS: tuple[Fault, ...] = (
    *EVERYDAY,
    HttpStatus(500),
    ItemCode(0, "ErrorQuotaExceeded"),  # parks the command
    RequestCode("ErrorMailboxMoveInProgress"),
    SoapFault200("ErrorServerBusy"),
    CodeAlthoughApplied("ErrorInternalServerError", 0),
    StopBatch(0),
    LateApply(5),
    LateApply(12),  # lands when its claim has run out
)
STOPPING: tuple[Fault, ...] = (Unauthorized(), HtmlPage(), BlockedByPolicy())
"""What makes a tenant be left alone for a minute: each happens once, in a run that is long enough."""
KILL_EVERY_S = (2.0, 7.0)
KILLED_STARTING = 0.2
"""Most workers have begun to work when the next one is killed, or on a slow machine nothing would ever be done."""
STARTED_WITHIN_S = 15.0
LONG_RUN_S = 240.0


@dataclass(slots=True)
class Troubles:
    """Makes them, for `for_s` seconds, and counts those that it makes itself."""

    harness: ChaosHarness
    seed: int
    for_s: float
    kills: int = 0
    restarts: int = 0
    is_secret_broken: bool = False
    _begun_s: float = field(default_factory=time.monotonic)

    async def make(self) -> None:
        """All of them; when it returns, all is mended."""
        self.harness.exchange.faults.rate(FAULT_SHARE, seed=self.seed, kinds=KINDS)
        async with asyncio.TaskGroup() as making:
            making.create_task(self._kill_workers(self._chance("kills")))
            making.create_task(self._restart_broker(self._chance("restarts")))
            if self.for_s >= LONG_RUN_S:
                making.create_task(self._break_secret())
                making.create_task(self._stop_tenants())
        self.harness.exchange.faults.clear()

    def _chance(self, what: str) -> random.Random:
        return random.Random(f"{self.seed} {what}")  # noqa: S311 - a seeded plan, nothing secret

    def _left_s(self) -> float:
        return self._begun_s + self.for_s - time.monotonic()

    async def _kill_workers(self, chance: random.Random) -> None:
        while (pause_s := chance.uniform(*KILL_EVERY_S)) < self._left_s():
            await asyncio.sleep(pause_s)
            number = chance.randrange(WORKERS)
            self.harness.workers[number].signal(signal.SIGKILL)
            await self.harness.workers[number].ended(10)
            self.kills += 1
            await self.harness.start_worker(number)
            if chance.random() > KILLED_STARTING:
                await self.harness.until_consuming(number, STARTED_WITHIN_S)

    async def _restart_broker(self, chance: random.Random) -> None:
        """In order and by a power cut, in turn."""
        count = max(1, round(self.for_s / 150))
        for number in range(count):
            await asyncio.sleep(self.for_s / (count + 1) * chance.uniform(0.8, 1))
            if number % 2:
                await asyncio.to_thread(self.harness.broker.restart)
            else:
                await asyncio.to_thread(self.harness.broker.kill)
                await asyncio.to_thread(self.harness.broker.start)
            self.restarts += 1

    async def _break_secret(self) -> None:
        """Somebody changes the password in Exchange, and tells us later."""
        await asyncio.sleep(self.for_s * 0.2)
        password = secrets.token_hex(8)
        self.harness.exchange.passwords.accounts[account_of(ROTATED)] = password
        self.is_secret_broken = True
        await asyncio.sleep(self.for_s * 0.15)
        self.harness.secret_file.write_text(password)
        self.is_secret_broken = False

    async def _stop_tenants(self) -> None:
        for fault in STOPPING:
            await asyncio.sleep(self.for_s * 0.15)
            self.harness.exchange.faults.next(fault)
