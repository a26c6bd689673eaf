"""Headers and properties that nobody writes, on healthy commands: through the arrivals, the lanes and the settler.

Each delivery must end settled, and once; the fake broker closes its channel where RabbitMQ would.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from structlog.testing import capture_logs

from adapters.errors import CalendarError, Refused, Throttled, Transient
from consumers.broker.incoming_message import State
from consumers.failed.message import describe
from tests.arrival_harness import ArrivalHarness
from tests.builders import Tenants, a_body, a_tenant
from tests.dispatcher_harness import DispatcherHarness
from tests.fake_broker import FakeMessage
from tests.fuzz.fuzz_harness import Target
from tests.fuzz.mutations import NUMBERS, TEXTS
from tests.room_harness import BOARD
from tests.waiting import turns
from worker.failed.show import message_json

LINE_MAX = 1000
"""Characters of a line of the log."""

NAMES = (
    "x-delivery-count",
    "x-acquired-count",
    "x-death",
    "x-first-death-reason",
    "timestamp_in_ms",
    "traceparent",
    "CC",
    "site",
    "é" * 100,
    *(
        f"x-roomsync-{name}"
        for name in (
            "attempts",
            "first-seen-at",
            "replayed-at",
            "look",
            "delayed",
            "derived",
            "error-code",
            "error-message",
            "failed-at",
            "tenant",
            "room",
            "booking-id",
            "version",
            "backend",
            "publisher",
        )
    ),
)
_INSTANTS = (
    "0001-01-01T00:00:00+05:00",
    "9999-12-31T23:59:59-23:59",
    "2026-11-20T08:00:00Z",
    "2026-11-20T08:00:00",
    "2026-11-20",
    "2199-12-31T23:59:59+14:00",
    "1999-12-31T23:59:59.999999-23:59",
)
_MOMENTS = (datetime.min, datetime.max, datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 11, 20, 8))  # noqa: DTZ001, DTZ901 - as AMQP's are decoded
_ANSWERS: tuple[Callable[[], CalendarError | None], ...] = (
    lambda: None,
    lambda: Throttled(297.0),
    lambda: Transient("unreachable"),
    lambda: Refused("event_refused"),
)


_SIMPLE: tuple[tuple[Any, ...], ...] = (
    _INSTANTS,
    _MOMENTS,
    tuple(datetime(2026, 11, 20, 8, tzinfo=UTC) + timedelta(days=days) for days in range(-200, 200, 20)),
    TEXTS,
    (*NUMBERS, True, False, 20, 21, 50, -5),
    (b"B\xe2t", b"", b"\xff" * 300, bytearray(b"x")),
    (Decimal(0), Decimal("-1.5"), None),
    ("room", "booking", "internal_error", "rights_missing"),
)


def odd_header(random: Random, depth: int = 2) -> Any:  # noqa: ANN401 - any type of AMQP's
    """A value of any type that a header may have."""
    kind = random.randrange(len(_SIMPLE) + 2) if depth else random.randrange(len(_SIMPLE))
    if kind < len(_SIMPLE):
        return random.choice(_SIMPLE[kind])
    values = [odd_header(random, depth - 1) for _ in range(random.randrange(4))]
    return values if kind == len(_SIMPLE) else {random.choice(TEXTS): value for value in values}


def odd_headers(random: Random) -> dict[str, Any]:
    """One to eight headers, mostly of those that somebody reads."""
    return {random.choice(NAMES): odd_header(random) for _ in range(random.randint(1, 8))}


async def hand_in(random: Random) -> None:
    """Hand in one to four commands with odd headers, and see each of them settled once."""
    harness = DispatcherHarness()
    arrivals = ArrivalHarness(harness, watch=random.random() < 0.2)
    if error := random.choice(_ANSWERS)():
        harness.calendar.fail_next(error, times=random.randint(1, 50))
    messages = [_message(random, harness, number) for number in range(random.randint(1, 4))]
    await all_settled(harness, arrivals, messages)


async def all_settled(harness: DispatcherHarness, arrivals: ArrivalHarness, messages: Sequence[FakeMessage]) -> None:
    """Hand in messages; each must be acknowledged, once, and be shown and logged without a word of it too much."""
    with capture_logs() as logs:
        for message in messages:
            json.dumps(message_json(describe(message, Tenants(a_tenant()))))
            await arrivals.hand_in(message)
        async with asyncio.timeout(5):
            while not harness.lanes.is_empty or list(harness.settler.in_hand()):  # noqa: ASYNC110 - state that nobody announces
                await asyncio.sleep(0)
        await turns(5)
    states = {message.state for message in messages}
    assert states == {State.ACKED}, f"{states}: {harness.session.kinds()}"
    assert not harness.session.is_lost, harness.session.why_lost
    assert len(harness.session.handed_out) == 0
    assert all(len(str(line)) < LINE_MAX for line in logs)


def _message(random: Random, harness: DispatcherHarness, number: int) -> FakeMessage:
    return FakeMessage(
        a_body(booking_id=f"B-{number % 2}", version=number + 1),
        harness.session,
        headers=odd_headers(random),
        routing_key=random.choice((BOARD, BOARD, BOARD, random.choice(TEXTS))),
        message_id=random.choice(("m-1", None, random.choice(TEXTS)[:80])),
        timestamp=random.choice((None, *_MOMENTS)),
        redelivered=random.random() < 0.5,
    )


def _attack(random: Random) -> None:
    asyncio.run(hand_in(random))


HEADERS = Target(name="headers", attack=_attack, bounded_count=300)
