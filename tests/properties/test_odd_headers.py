"""Whatever stands in the headers of a healthy command, it is acknowledged once: carried out, sent away or parked."""

import asyncio
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.arrival_harness import ArrivalHarness
from tests.builders import a_body
from tests.dispatcher_harness import DispatcherHarness
from tests.fake_broker import FakeMessage
from tests.fuzz.headers import NAMES, all_settled
from tests.room_harness import BOARD

MOMENTS = st.datetimes(timezones=st.none() | st.timezones())
INSTANTS = MOMENTS.map(datetime.isoformat)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.decimals(allow_nan=False)
    | st.text(max_size=30)
    | st.binary(max_size=30)
    | MOMENTS
    | INSTANTS
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
HEADERS = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=20), VALUES, max_size=6)


@given(
    headers=HEADERS,
    timestamp=st.none() | MOMENTS,
    message_id=st.none() | st.text(max_size=60),
    routing_key=st.sampled_from([BOARD, "elsewhere"]),
    redelivered=st.booleans(),
    watch=st.booleans(),
)
def test_a_healthy_command_is_settled_once_whatever_its_headers_say(headers: dict[str, Any], **message: Any) -> None:  # noqa: ANN401 - as AMQP has them
    async def come_and_go() -> None:
        harness = DispatcherHarness()
        arrivals = ArrivalHarness(harness, watch=message.pop("watch"))
        await all_settled(harness, arrivals, [FakeMessage(a_body(), harness.session, headers=headers, **message)])

    asyncio.run(come_and_go())
