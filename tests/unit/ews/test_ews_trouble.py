"""Trouble on the wire, and what becomes of each operation; every write is posted once, whatever happens."""

from collections.abc import Sequence

import pytest

from adapters.calendar import BookingId, Create, Done, Gone, ItemRef, Operation, Outcome, Remove, Update
from adapters.errors import CalendarError, Misconfigured, Refused, Throttled, Transient, Unknown
from adapters.ews.calendar import EwsCalendar
from adapters.simulator import (
    BlockedByPolicy,
    CodeAlthoughApplied,
    ErrorAlthoughApplied,
    Fault,
    HtmlPage,
    HttpStatus,
    ItemCode,
    LoseReply,
    RequestCode,
    ResetBefore,
    Simulator,
    SoapFault200,
    StopBatch,
    Throttle,
    ThrottleInside,
    ThrottleItem,
    TooManyConnections,
    TruncatedXml,
    Unauthorized,
)
from tests.contract.calendar_harness import BOARD, a_create, a_mark, a_room_event, created
from tests.unit.ews.on_simulator import connected

THREE = [a_create("a"), a_create("b"), a_create("c")]
NOWHERE = ItemRef(item_id="AAMkAGFmNjk4")

STORM: list[Fault] = [Throttle(), ThrottleItem(0), HttpStatus(500), ResetBefore(), LoseReply(), TruncatedXml()]

WHOLE_REQUEST = [
    pytest.param(Throttle(back_off_ms=None), Throttled, Throttled, "throttled", id="busy"),
    pytest.param(ThrottleInside(), Throttled, Throttled, "throttled", id="busy inside"),
    pytest.param(TooManyConnections(), Throttled, Throttled, "throttled", id="too many connections"),
    pytest.param(HttpStatus(503), Throttled, Throttled, "throttled", id="503"),
    pytest.param(HttpStatus(429, retry_after=3), Throttled, Throttled, "throttled", id="429"),
    pytest.param(HttpStatus(500), Unknown, Transient, "server_error", id="500 without a fault"),
    pytest.param(HttpStatus(502), Unknown, Transient, "server_error", id="502"),
    pytest.param(HttpStatus(504), Unknown, Transient, "server_error", id="504"),
    pytest.param(HttpStatus(404), Misconfigured, Misconfigured, "endpoint_wrong", id="404"),
    pytest.param(HtmlPage(), Unknown, Misconfigured, "endpoint_wrong", id="a page"),
    pytest.param(Unauthorized(), Misconfigured, Misconfigured, "credentials_rejected", id="401"),
    pytest.param(BlockedByPolicy(), Misconfigured, Misconfigured, "ews_blocked", id="blocked by policy"),
    pytest.param(HttpStatus(403), Misconfigured, Misconfigured, "access_blocked", id="bare 403"),
    pytest.param(ResetBefore(), Unknown, Transient, "unreachable", id="reset before"),
    pytest.param(LoseReply(), Unknown, Transient, "unreachable", id="reply lost"),
    pytest.param(TruncatedXml(), Unknown, Transient, "answer_unreadable", id="truncated"),
    pytest.param(ErrorAlthoughApplied(), Unknown, Transient, "server_error", id="error although applied"),
    pytest.param(RequestCode("ErrorTimeoutExpired"), Unknown, Transient, "server_error", id="time-out"),
    pytest.param(RequestCode("ErrorInternalServerError"), Unknown, Transient, "server_error", id="internal"),
    pytest.param(
        RequestCode("ErrorMailboxMoveInProgress"), Transient, Transient, "store_unavailable", id="mailbox on the move"
    ),
    pytest.param(RequestCode("ErrorQuotaExceeded"), Refused, Refused, "mailbox_full", id="mailbox full"),
    pytest.param(SoapFault200("ErrorQuotaExceeded"), Refused, Refused, "mailbox_full", id="a fault with HTTP 200"),
    pytest.param(RequestCode("ErrorNeverHeardOf"), Refused, Refused, "exchange_refused", id="an unknown code"),
]


@pytest.mark.parametrize(("fault", "on_write", "on_read", "read_code"), WHOLE_REQUEST)
async def test_trouble_with_a_whole_write_is_told_for_every_item_and_never_sent_again(
    simulator: Simulator,
    calendar: EwsCalendar,
    fault: Fault,
    on_write: type[CalendarError],
    on_read: type[CalendarError],
    read_code: str,
) -> None:
    del on_read, read_code
    simulator.faults.next(fault)
    outcomes = await calendar.apply(BOARD, THREE)
    assert [type(outcome) for outcome in outcomes] == [on_write] * 3
    assert simulator.counts.requests.total() == 1


@pytest.mark.parametrize(("fault", "on_write", "on_read", "read_code"), WHOLE_REQUEST)
async def test_trouble_with_a_read_is_raised_and_never_sent_again(
    simulator: Simulator,
    calendar: EwsCalendar,
    fault: Fault,
    on_write: type[CalendarError],
    on_read: type[CalendarError],
    read_code: str,
) -> None:
    del on_write
    simulator.faults.next(fault)
    with pytest.raises(on_read) as raised:
        await calendar.find(BOARD, [BookingId("a")])
    assert raised.value.code == read_code
    assert simulator.counts.requests.total() == 1


@pytest.mark.parametrize(("fault", "on_write", "on_read", "read_code"), WHOLE_REQUEST)
async def test_the_next_request_works_again(
    simulator: Simulator,
    calendar: EwsCalendar,
    fault: Fault,
    on_write: type[CalendarError],
    on_read: type[CalendarError],
    read_code: str,
) -> None:
    del on_write, on_read, read_code
    simulator.faults.next(fault)
    await calendar.apply(BOARD, THREE)
    (outcome,) = await calendar.apply(BOARD, [a_create("d")])
    assert isinstance(outcome, Done)


async def test_a_busy_item_keeps_the_outcomes_of_the_others(simulator: Simulator, calendar: EwsCalendar) -> None:
    simulator.faults.next(ThrottleItem(1, back_off_ms=4000))
    first, second, third = await calendar.apply(BOARD, THREE)
    assert isinstance(second, Throttled)
    assert second.retry_after_s == 4.0
    assert [isinstance(outcome, Done) and outcome.ref for outcome in (first, third)] == [
        ItemRef(item_id=event.item_id, change_key=event.change_key) for event in simulator.calendar(BOARD)
    ]
    assert dict(simulator.counts.items) == {"CreateItem": 3}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ErrorQuotaExceeded", Refused),
        ("ErrorMailboxMoveInProgress", Transient),
        ("ErrorMailboxStoreUnavailable", Transient),
        ("ErrorNonExistentMailbox", Refused),
        ("ErrorInternalServerTransientError", Transient),
        ("ErrorTimeoutExpired", Unknown),
        ("ErrorInternalServerError", Unknown),
        ("ErrorIrresolvableConflict", Transient),
        ("ErrorAccessDenied", Refused),
        ("ErrorNeverHeardOf", Refused),
    ],
)
async def test_any_code_on_one_item_keeps_the_others_and_sends_nothing_again(
    simulator: Simulator, calendar: EwsCalendar, code: str, kind: type[CalendarError]
) -> None:
    simulator.faults.next(ItemCode(0, code))
    outcomes = await calendar.apply(BOARD, THREE)
    assert [type(outcome) for outcome in outcomes] == [kind, Done, Done]
    assert simulator.counts.requests.total() == 1
    assert len(simulator.calendar(BOARD)) == 2


async def test_items_after_a_stopped_batch_were_certainly_not_run(simulator: Simulator, calendar: EwsCalendar) -> None:
    simulator.faults.next(StopBatch(0))
    outcomes = await calendar.apply(BOARD, THREE)
    assert [type(outcome) for outcome in outcomes] == [Done, Transient, Transient]


async def test_a_refusal_of_a_whole_request_of_several_items_is_marked_as_such(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    simulator.faults.next(RequestCode("ErrorSchemaValidation"), times=2)
    assert _whole(await calendar.apply(BOARD, THREE)) == [True, True, True]
    assert _whole(await calendar.apply(BOARD, THREE[:1])) == [False]


async def test_a_refusal_of_one_item_is_its_own(simulator: Simulator, calendar: EwsCalendar) -> None:
    simulator.faults.next(ItemCode(1, "ErrorQuotaExceeded"))
    assert _whole(await calendar.apply(BOARD, THREE)) == [False]


def _whole(outcomes: Sequence[Outcome]) -> list[bool]:
    return [outcome.whole_request for outcome in outcomes if isinstance(outcome, Refused)]


async def test_a_code_although_applied_is_told_as_the_code(simulator: Simulator, calendar: EwsCalendar) -> None:
    simulator.faults.next(CodeAlthoughApplied("ErrorQuotaExceeded", index=0))
    assert [type(outcome) for outcome in await calendar.apply(BOARD, [a_create()])] == [Refused]
    assert len(simulator.calendar(BOARD)) == 1


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(Update(mark=a_mark(), ref=NOWHERE, event=a_room_event()), id="update"),
        pytest.param(Remove(ref=NOWHERE), id="removal"),
    ],
)
@pytest.mark.parametrize("code", ["ErrorItemNotFound", "ErrorInvalidId", "ErrorInvalidIdMalformed"])
@pytest.mark.parametrize("whole", [True, False], ids=["as a fault", "as an item"])
async def test_an_id_that_the_server_does_not_know_is_gone(
    simulator: Simulator, calendar: EwsCalendar, operation: Operation, code: str, whole: bool
) -> None:
    simulator.faults.next(RequestCode(code) if whole else ItemCode(0, code))
    assert await calendar.apply(BOARD, [operation]) == [Gone()]


@pytest.mark.parametrize("code", ["ErrorItemNotFound", "ErrorFolderNotFound", "ErrorAccessDenied"])
async def test_a_create_without_a_calendar_lacks_rights(simulator: Simulator, calendar: EwsCalendar, code: str) -> None:
    simulator.faults.next(ItemCode(0, code))
    (outcome,) = await calendar.apply(BOARD, [a_create()])
    assert isinstance(outcome, Refused)
    assert outcome.code == "rights_missing"


async def test_an_event_that_exchange_refuses_spares_the_others(simulator: Simulator, calendar: EwsCalendar) -> None:
    event = a_room_event()
    too_long = a_room_event(ends_at=event.starts_at.replace(year=event.starts_at.year + 7))
    outcomes = await calendar.apply(BOARD, [a_create("a"), Create(mark=a_mark("b"), event=too_long), a_create("c")])
    assert [type(outcome) for outcome in outcomes] == [Done, Refused, Done]
    assert isinstance(outcomes[1], Refused)
    assert (outcomes[1].code, outcomes[1].detail) == ("event_refused", "ErrorCalendarDurationIsTooLong")


async def test_after_a_throttle_the_kinds_that_are_left_are_not_sent(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    (ref,) = await created(calendar, a_create("a"))
    simulator.faults.next(ThrottleItem(0, back_off_ms=9000))
    update = Update(mark=a_mark(), ref=ref, event=a_room_event())
    operations: list[Operation] = [a_create("b"), a_create("c"), Remove(ref=ref), update]
    outcomes = await calendar.apply(BOARD, operations)
    assert [type(outcome) for outcome in outcomes] == [Throttled, Done, Throttled, Throttled]
    assert simulator.counts.early == 0


async def test_after_a_lost_reply_the_kinds_that_are_left_are_sent(simulator: Simulator, calendar: EwsCalendar) -> None:
    (ref,) = await created(calendar, a_create("a"))
    simulator.faults.next(LoseReply())
    assert [type(outcome) for outcome in await calendar.apply(BOARD, [a_create("b"), Remove(ref=ref)])] == [
        Unknown,
        Done,
    ]


async def test_a_write_is_posted_once_in_a_storm_of_trouble(simulator: Simulator) -> None:
    simulator.faults.rate(0.5, seed=7, kinds=STORM)
    async with connected(simulator) as calendar:
        for number in range(60):
            await calendar.apply(BOARD, [a_create(f"B-{number}")])
    assert simulator.counts.requests.total() == 60
    assert len({event.booking for event in simulator.calendar(BOARD)}) == len(simulator.calendar(BOARD))
