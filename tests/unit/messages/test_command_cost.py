"""Nothing that fits into a message holds the event loop for long."""

import json
import time
from contextlib import suppress

import pytest

from consumers.messages.command import BookingCommand, parse_command
from consumers.messages.json_object import MAX_BYTES, MAX_NESTED, glance_at
from consumers.messages.violations import BadMessage
from tests.builders import Tenants, a_body, a_tenant, an_event

TENANTS = Tenants(a_tenant())
LARGE = MAX_BYTES - 1000
CPU_MAX_S = 0.05
"""A machine that is busy otherwise counts more; what these bodies cost before was 60 to 900 ms."""


def many(element: str) -> str:
    return f"[{','.join([element] * (LARGE // (len(element) + 1)))}]"


def with_event_member(name: str, value: str) -> bytes:
    return a_body(event=an_event(**{name: "?"})).replace(b'"?"', value.encode())


def with_member(name: str, value: str) -> bytes:
    return a_body(**{name: "?"}).replace(b'"?"', value.encode())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(with_event_member("attendees", many("0")), id="attendees that are numbers"),
        pytest.param(with_event_member("attendees", many("{}")), id="attendees that are empty"),
        pytest.param(with_event_member("attendees", many('{"email":""}')), id="attendees without an address"),
        pytest.param(with_event_member("attendees", many('{"email":"a@b"}')), id="attendees that are fine"),
        pytest.param(with_event_member("categories", many('"\\ud800"')), id="halves of surrogates"),
        pytest.param(with_member("unknown", many("{}")), id="objects that nobody knows"),
        pytest.param(with_member("unknown", many('{"a":0,"a":0}')), id="twins that nobody knows"),
        pytest.param(with_member("unknown", many('{"a":' * 300 + "1" + "}" * 300)), id="many deep objects"),
        pytest.param(with_member("unknown", many("[" * 900 + "]" * 900)), id="many deep arrays"),
        pytest.param(with_member("unknown", many("0")), id="numbers that nobody knows"),
        pytest.param(with_member("version", "9" * LARGE), id="one long number"),
        pytest.param(with_member("issued_at", f'"2026-11-20T08:59:58.{"9" * LARGE}x"'), id="a fraction without end"),
        pytest.param(with_member("room", f'"{"a." * (LARGE // 2)}"'), id="a long room"),
        pytest.param(b"\xed\xa0\x80" * (LARGE // 3), id="surrogates in UTF-8"),
    ],
)
def test_no_body_holds_the_event_loop(body: bytes) -> None:
    assert len(body) <= MAX_BYTES
    assert min(cpu_s_of(body) for _ in range(3)) < CPU_MAX_S


def cpu_s_of(body: bytes) -> float:
    begun_s = time.process_time()
    with suppress(BadMessage, ValueError):
        glance_at(body)
    with suppress(BadMessage):
        parse_command(body, TENANTS)
    return time.process_time() - begun_s


def refused(body: bytes) -> list[tuple[str, str | None]]:
    with pytest.raises(BadMessage) as bad:
        parse_command(body, TENANTS)
    return [(complaint.code, complaint.member) for complaint in bad.value.complaints]


def test_a_body_of_too_many_objects_and_arrays_is_refused_unread() -> None:
    assert refused(with_member("unknown", many("{}"))) == [("too_many_values", None)]
    assert refused(with_member("unknown", many("[]"))) == [("too_many_values", None)]


def test_brackets_in_a_text_are_no_objects() -> None:
    content = '[{,"\\' * (MAX_NESTED + 1)
    body = json.dumps({**json.loads(a_body()), "event": an_event(body={"content": content})}).encode()
    command = parse_command(body, TENANTS)
    assert isinstance(command, BookingCommand)
    assert command.event is not None
    assert command.event.body.content == content


def test_a_list_of_a_quarter_mebibyte_is_refused_for_its_first_element() -> None:
    assert refused(with_event_member("attendees", many("0"))) == [("wrong_type", "/event/attendees/0")]
