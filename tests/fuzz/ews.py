"""Answers of Exchange as a broken server, a proxy or a hostile neighbour sends them, through all that reads them.

The answers are the simulator's own, taken once; status, headers, bytes, tree and values are spoilt.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from random import Random
from xml.etree import ElementTree

from adapters.calendar import BookingId, Create, FoundEvent, ItemRef, Operation, Outcome, Remove, TenantName, Update
from adapters.errors import CalendarError
from adapters.ews import answers
from adapters.ews.calendar import EwsCalendar
from adapters.ews.client import Exchange
from adapters.ews.full_read import Reading
from adapters.ews.reads import Search, marked
from adapters.ews.settings import BasicAuth, EwsSettings
from adapters.ews.writes import Batch
from adapters.exchange.http import READ_LIMIT_BYTES, Answer, ReplyLost
from adapters.exchange.marks import Marks
from adapters.exchange.response_body import Body
from adapters.exchange.zones import Zones
from adapters.ledger import BookingKey, LedgerRow, State
from adapters.simulator import Simulator
from consumers.reconcile.compare import Wanted, compare
from consumers.sync.verify import judge, judge_first_touch
from tests.contract.calendar_harness import BOARD, EVERY_MEMBER, a_create, a_mark, a_room_event
from tests.fuzz.fuzz_harness import Target
from tests.fuzz.mutations import NUMBERS, TEXTS, mutate_bytes

ACCOUNT, PASSWORD, ACME = "svc@acme.example", "fuzz", TenantName("acme")
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)

_HEADERS = {
    "Content-Type": ("text/html", "text/xml", "\x00", "x" * 9000),
    "Retry-After": (
        "9" * 400,
        "-1",
        "NaN",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "soon",
        "7",
        "",
        "Mon, 01 Jan 1 0:0:0 X",
    ),
    "X-EWS-Policy-Reason": ("\x1b[2J[red]", "x" * 9000, "", "\u202e"),
    "WWW-Authenticate": ("Negotiate", 'Basic realm="', ",,,,", "NTLM" * 500, "a" * 9000, '"' * 3000),
    "Location": ("/ews/genericerrorpage.htm?aspxerrorpath=/", "", "\n", "https://elsewhere.example/"),
}
_ENCODINGS = ("gzip", "deflate", "br", "gzip, gzip", "x" * 99)
_VALUES = (
    *TEXTS,
    *map(str, NUMBERS),
    "\x01",
    "NoError",
    "ErrorServerBusy",
    "ErrorItemNotFound",
    "ErrorTimeZone",
    "ErrorInternalServerError",
    "acme/B-1",
    "acme/" + "x" * 300,
    "9" * 255,
    "0001-01-01T00:00:00+05:00",
    "2026-12-01T08:00:00",
)


@dataclass(frozen=True)
class _Case:
    """An answer, and what reads it: `reader` has the calendar's own path for it."""

    content: bytes
    is_write: bool
    reader: Callable[[Answer], object]


def _attack(random: Random) -> None:
    case = random.choice(_cases())
    content = _spoilt(random, case.content)
    status = 200 if random.random() < 0.85 else random.choice((*range(100, 600), 999))
    names = random.sample(sorted(_HEADERS), random.randint(0, 3))
    headers = {name: random.choice(_HEADERS[name]) for name in names}
    with suppress(CalendarError, ReplyLost):
        body = Body(random.choice(_ENCODINGS) if random.random() < 0.05 else "", READ_LIMIT_BYTES)
        while body.feed(content):
            content = b""
        case.reader(Answer(status, headers, body.whole()))


def _spoilt(random: Random, content: bytes) -> bytes:
    kind = random.randrange(8)
    if kind:
        root = ElementTree.fromstring(content)  # noqa: S314  # the simulator's
        for _ in range(random.randint(1, 6)):
            _spoil_one(random, root)
        content = ElementTree.tostring(root).replace(b"\x01", b"&#x1;")
    return mutate_bytes(random, content) if kind in (0, 1) else content


def _spoil_one(random: Random, root: ElementTree.Element) -> None:
    parents = [each for each in root.iter() if len(each)]
    parent = random.choice(parents) if parents else root
    child = random.choice(list(parent)) if len(parent) else root
    value = random.choice(_VALUES).encode("utf-8", "replace").decode()
    match random.randrange(7):
        case 0 if child is not root:
            parent.remove(child)
        case 1 if child is not root:
            parent.append(child)
        case 2:
            child.text = value
        case 3 if child.attrib:
            child.attrib[random.choice(list(child.attrib))] = value
        case 4 if child.attrib:
            del child.attrib[random.choice(list(child.attrib))]
        case 5:
            child.tag = random.choice(["x", f"{answers.T}ItemId", f"{answers.M}ResponseCode", child.tag])
        case _:
            leaves = [each for each in root.iter() if not len(each)]
            random.choice(leaves or [root]).text = value


@cache
def _cases() -> tuple[_Case, ...]:
    """Taken in an event loop of its own: an attack runs in none."""
    with asyncio.Runner() as runner:
        contents, settings = runner.run(_recorded())
    exchange, zones, marks = Exchange(settings), Zones(), Marks(ACME)
    calendar = EwsCalendar(settings)
    cases = []
    for name, content in contents:
        is_write = name in ("CreateItem", "UpdateItem", "DeleteItem")
        if is_write:
            operations = _OPERATIONS[name]
            batch = Batch(ACME, operations, zones, whole_tenant=False)
            cases.append(_Case(content, True, partial(_write, exchange, batch)))
            continue
        for read in (_find, _whole, _bodies):
            reader = partial(read, exchange, calendar, marks)
            cases.append(_Case(content, False, reader))
    return tuple(cases)


_REF = ItemRef(item_id="AAMk")
_OPERATIONS: dict[str, list[Operation]] = {
    "CreateItem": [a_create("B-1"), Create(mark=a_mark("B-2"), event=EVERY_MEMBER)],
    "UpdateItem": [Update(mark=a_mark("B-1", 2), ref=_REF, event=a_room_event())] * 2,
    "DeleteItem": [Remove(ref=_REF)] * 2,
}


async def _recorded() -> tuple[list[tuple[str, bytes]], EwsSettings]:
    simulator = Simulator({ACCOUNT: PASSWORD}, tls=False, record=True)
    await simulator.start()
    settings = EwsSettings(
        tenant=ACME,
        service_url=simulator.url,
        access="impersonation",
        auth=BasicAuth(username=ACCOUNT, password=PASSWORD),
        ca_file=None,
        request_timeout_s=20,
        concurrency=1,
    )
    calendar = EwsCalendar(settings)
    try:
        refs = [ref for one in await calendar.apply(BOARD, _OPERATIONS["CreateItem"]) if (ref := _ref(one))]
        simulator.outlook.repeat(BOARD, refs[0].item_id)
        await calendar.scan(BOARD)
        await calendar.find(BOARD, [BookingId("B-1"), BookingId("B-2")])
        await calendar.read(BOARD, [])
        await calendar.apply(BOARD, [Update(mark=a_mark("B-1", 2), ref=ref, event=a_room_event()) for ref in refs])
        await calendar.apply(BOARD, [Remove(ref=ref) for ref in refs])
    finally:
        await calendar.close()
        await simulator.stop()
    return [(each.operation, each.response) for each in simulator.requests], settings


def _ref(outcome: Outcome) -> ItemRef | None:
    return getattr(outcome, "ref", None)


def _write(exchange: Exchange, batch: Batch, answer: Answer) -> None:
    try:
        outcomes = exchange._read(answer, batch.outcomes, True)
    except CalendarError as error:
        outcomes = batch.outcomes_of_failure(error)
    for outcome in outcomes:
        ref = _ref(outcome)
        assert ref is None or 0 < len(ref.item_id) <= 512


def _find(exchange: Exchange, calendar: EwsCalendar, marks: Marks, answer: Answer) -> None:
    del marks
    search = marked(exchange, BOARD, ["calendar", "deleteditems"])
    pages = exchange._read(answer, partial(search._read, folders=2, offset=0), False)
    found = [event for page in pages for event in calendar._ours(BOARD, _items(page))]
    row = _row()
    judge(row, found)
    judge_first_touch(row, found, [event.mark for event in found])
    _check(found)


def _whole(exchange: Exchange, calendar: EwsCalendar, marks: Marks, answer: Answer) -> None:
    reading = Reading(exchange, marks, BOARD)
    search = Search(exchange, BOARD, ["calendar"], lambda *_: None, reading._item)  # type: ignore[arg-type,return-value]  # not asked
    (page,) = exchange._read(answer, partial(search._read, folders=1, offset=0), False)
    items = _items(page)
    read = reading.result(items, {item.ref.item_id: "text" for item in items})
    wanted = Wanted(members=calendar.as_stored(a_room_event()), written_digest="x")
    compare({BookingId("B-1"): _row()}, [], read, lambda _: wanted, NOW)
    _check([event.found for event in read.events])


def _bodies(exchange: Exchange, calendar: EwsCalendar, marks: Marks, answer: Answer) -> None:
    del calendar
    exchange._read(answer, partial(Reading(exchange, marks, BOARD)._texts, ["a", "b"]), False)


def _items(page: object) -> list:  # type: ignore[type-arg]  # of either search
    if isinstance(page, CalendarError):
        raise page
    return list(page.items)  # type: ignore[attr-defined]  # a page


def _check(found: list[FoundEvent]) -> None:
    for event in found:
        assert 0 <= event.mark.version < 2**53
        assert 0 < len(event.mark.booking_id) <= 200
        event.created_at.timestamp()


def _row() -> LedgerRow:
    key = BookingKey(tenant=ACME, room=BOARD, booking_id=BookingId("B-1"))
    return LedgerRow(key=key, backend="ews", state=State.PRESENT, version=1, item=_REF, snapshot="{}")


EWS = Target(name="ews", attack=_attack)
