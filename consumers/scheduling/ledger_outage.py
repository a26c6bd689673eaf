"""Whether the ledger can be used: while it cannot, nothing is begun, and what is in hand waits for it to come back.

A ledger may be readable and yet take no writes (a full disk), so trouble is over only when a batch got through.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from adapters.ledger import Ledger, LedgerBroken, LedgerError, LedgerUnavailable

log = structlog.get_logger(__name__)

TRY_FIRST_S = 2.0
TRY_LAST_S = 30.0
LOOK_S = 1.0

Sleep = Callable[[float], Awaitable[None]]


class LedgerOutage:
    """What stands between the lanes and the ledger. `why` is None while nothing does.

    `broken` is set once and for all when waiting cannot help: the worker must end, and a person must act.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.why: str | None = None
        self.broken = asyncio.Event()
        self.error: LedgerBroken | None = None
        self._clock = clock
        self._since_s = 0.0
        self._try_at_s = 0.0
        self._try_every_s = TRY_FIRST_S
        self._is_given_up = False

    def met(self, error: LedgerUnavailable | LedgerBroken) -> None:
        """Somebody could not use the ledger."""
        now_s = self._clock()
        if self.why is None:
            log.error("ledger.unavailable", why=str(error), consequence="nothing is begun until it answers again")
            self._since_s, self._try_every_s = now_s, TRY_FIRST_S
            self._try_at_s = now_s + self._try_every_s
        self.why = str(error)
        if isinstance(error, LedgerBroken) and self.error is None:
            log.critical("ledger.broken", why=str(error), consequence="the worker gives everything back and ends")
            self.error = error
            self.broken.set()

    def passed(self, *, begun_s: float) -> None:
        """In the middle of trouble, a batch begun at this time (monotonic) got through. One that was under way before
        proves nothing about it."""
        if self.error is None and begun_s >= self._since_s:
            log.info("ledger.available_again", after_s=round(self._clock() - self._since_s))
            self.why = None

    async def over(self, ledger: Ledger, sleep: Sleep) -> None:
        """Wait until the trouble is over. Now and then, and ever more seldom, one of those who wait is let through to
        try; all are let go by `give_up`."""
        while self.why is not None and not self._is_given_up:
            if self.error is None and await self._may_try(ledger):
                return
            await sleep(LOOK_S)

    async def look(self, ledger: Ledger) -> None:
        """For a time when nobody waits, and so nobody tries."""
        if self.why is not None and self.error is None and await self._may_try(ledger):
            self.passed(begun_s=self._clock())

    def give_up(self) -> None:
        """The worker stops: nobody waits any more."""
        self._is_given_up = True

    async def _may_try(self, ledger: Ledger) -> bool:
        now_s = self._clock()
        if now_s < self._try_at_s:
            return False
        self._try_every_s = min(self._try_every_s * 2, TRY_LAST_S)
        self._try_at_s = now_s + self._try_every_s
        try:
            await ledger.check()
        except (LedgerUnavailable, LedgerBroken) as error:
            self.met(error)
            return False
        except LedgerError:
            return False
        return True
