"""Answers with status 200 that Exchange would not give, or not whole."""

from dataclasses import dataclass, replace

import pytest
from lxml import etree

from adapters.errors import Doubt, Transient, Unknown
from adapters.ews.calendar import EwsCalendar
from adapters.ews.names import M
from adapters.simulator import Simulator, TruncatedXml
from adapters.simulator.troubles import Answer, Call
from tests.contract.calendar_harness import BOARD, a_create

THREE = [a_create("a"), a_create("b"), a_create("c")]


class LoseLastMessage:
    """Everything is done, and the answer is whole but for one response message."""

    async def play(self, call: Call) -> Answer:
        whole = call.apply()
        root = etree.fromstring(whole.body)
        messages = root.find(f".//{M}ResponseMessages")
        assert messages is not None
        messages.remove(messages[-1])
        return replace(whole, body=etree.tostring(root))


async def test_an_answer_that_lacks_a_message_tells_nothing_about_any_item(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    simulator.faults.next(LoseLastMessage(), times=2)
    assert [type(outcome) for outcome in await calendar.apply(BOARD, THREE)] == [Unknown] * 3
    with pytest.raises(Transient):
        await calendar.scan(BOARD)


@dataclass(frozen=True)
class Says:
    """An answer of something that is not Exchange."""

    answer: Answer

    async def play(self, call: Call) -> Answer:
        del call
        return self.answer


NOT_EXCHANGES = [
    Answer(),
    Answer(body=b'{"error": "not here"}', content_type="application/json"),
    Answer(body=b"<!DOCTYPE html><html><body>Welcome"),
    Answer(body=b"<Autodiscover/>"),
    Answer(body=b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>'),
    Answer(body=b"x", headers={"Content-Encoding": "br"}),
]


@pytest.mark.parametrize("answer", NOT_EXCHANGES)
async def test_a_200_that_is_not_exchanges_is_doubted_at_the_second_time(
    simulator: Simulator, calendar: EwsCalendar, answer: Answer
) -> None:
    simulator.faults.next(Says(answer), times=2)
    (written,) = await calendar.apply(BOARD, [a_create()])
    with pytest.raises(Transient) as read:
        await calendar.scan(BOARD)
    assert isinstance(written, Unknown)
    assert [written.doubt, read.value.doubt] == [Doubt(code="endpoint_wrong", at_once=False)] * 2


async def test_an_answer_of_exchange_that_was_cut_off_is_no_doubt(simulator: Simulator, calendar: EwsCalendar) -> None:
    simulator.faults.next(TruncatedXml())
    (written,) = await calendar.apply(BOARD, [a_create()])
    assert isinstance(written, Unknown)
    assert written.doubt is None
