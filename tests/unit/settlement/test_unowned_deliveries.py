"""What the broker waits for and nobody works on is told, and goes back."""

from typing import Any, cast

from consumers.settlement.unowned_deliveries import Strays
from tests.broker import FakeMessage
from tests.builders import a_body
from tests.hall import Hall
from tests.waiting import turns


async def look(strays: Strays, hall: Hall) -> str | None:
    return await strays.look(cast(Any, hall.session), hall.lanes, hall.settler)


async def test_a_delivery_that_nobody_has_in_hand_is_told_and_given_back_at_the_second_look() -> None:
    hall = Hall()
    strays = Strays(stray_s=0.0)
    FakeMessage(a_body(), hall.session)
    assert await look(strays, hall) is None
    assert hall.session.kinds() == []
    assert await look(strays, hall) == "messages were taken from the broker and left lying (1); they go back to it"
    assert hall.session.kinds() == ["requeue"]


async def test_it_is_told_for_a_while_after_it_went_back() -> None:
    hall, now_s = Hall(), [0.0]
    strays = Strays(stray_s=0.0, clock=lambda: now_s[0])
    FakeMessage(a_body(), hall.session)
    await look(strays, hall)
    await look(strays, hall)
    now_s[0] = 59.0
    assert await look(strays, hall) is not None
    now_s[0] = 61.0
    assert await look(strays, hall) is None


async def test_what_waits_what_is_worked_on_and_what_rests_is_in_hand() -> None:
    hall = Hall()
    hall.calendar.pause()
    hall.put("B-1")
    await hall.until(lambda: hall.calendar.in_flight.total() > 0)
    hall.put("B-2")
    hall.time.stop()
    message = FakeMessage(a_body(), hall.session)
    await hall.settler.unread(cast(Any, message), cast(Any, hall.session), RuntimeError())
    await turns()
    strays = Strays(stray_s=0.0)
    assert [await look(strays, hall) for _ in range(3)] == [None] * 3
    assert hall.session.kinds() == []


async def test_a_session_whose_answer_may_not_have_left_is_given_up() -> None:
    hall = Hall()
    strays = Strays(stray_s=0.0)
    message = FakeMessage(a_body(), hall.session)
    hall.session.channel.break_next = [RuntimeError("not sent")]
    await hall.settler.drop_copy(cast(Any, message), cast(Any, hall.session))
    await look(strays, hall)
    assert not hall.session.is_lost
    await look(strays, hall)
    assert hall.session.why_lost == "an acknowledgement could not be sent"
