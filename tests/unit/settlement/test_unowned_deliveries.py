"""What the broker waits for and nobody works on is told, and goes back."""

from typing import Any, cast

from consumers.settlement.unowned_deliveries import Strays
from tests.builders import a_body
from tests.dispatcher_harness import DispatcherHarness
from tests.fake_broker import FakeMessage
from tests.waiting import turns


async def look(strays: Strays, harness: DispatcherHarness) -> str | None:
    return await strays.look(cast(Any, harness.session), harness.lanes, harness.settler)


async def test_a_delivery_that_nobody_has_in_hand_is_told_and_given_back_at_the_second_look() -> None:
    harness = DispatcherHarness()
    strays = Strays(stray_s=0.0)
    FakeMessage(a_body(), harness.session)
    assert await look(strays, harness) is None
    assert harness.session.kinds() == []
    assert await look(strays, harness) == "messages were taken from the broker and left lying (1); they go back to it"
    assert harness.session.kinds() == ["requeue"]


async def test_it_is_told_for_a_while_after_it_went_back() -> None:
    harness, now_s = DispatcherHarness(), [0.0]
    strays = Strays(stray_s=0.0, clock=lambda: now_s[0])
    FakeMessage(a_body(), harness.session)
    await look(strays, harness)
    await look(strays, harness)
    now_s[0] = 59.0
    assert await look(strays, harness) is not None
    now_s[0] = 61.0
    assert await look(strays, harness) is None


async def test_what_waits_what_is_worked_on_and_what_rests_is_in_hand() -> None:
    harness = DispatcherHarness()
    harness.calendar.pause()
    harness.put("B-1")
    await harness.until(lambda: harness.calendar.in_flight.total() > 0)
    harness.put("B-2")
    harness.time.stop()
    message = FakeMessage(a_body(), harness.session)
    await harness.settler.unread(cast(Any, message), cast(Any, harness.session), RuntimeError())
    await turns()
    strays = Strays(stray_s=0.0)
    assert [await look(strays, harness) for _ in range(3)] == [None] * 3
    assert harness.session.kinds() == []


async def test_a_session_whose_answer_may_not_have_left_is_given_up() -> None:
    harness = DispatcherHarness()
    strays = Strays(stray_s=0.0)
    message = FakeMessage(a_body(), harness.session)
    harness.session.channel.break_next = [RuntimeError("not sent")]
    await harness.settler.drop_copy(cast(Any, message), cast(Any, harness.session))
    await look(strays, harness)
    assert not harness.session.is_lost
    await look(strays, harness)
    assert harness.session.why_lost == "an acknowledgement could not be sent"
