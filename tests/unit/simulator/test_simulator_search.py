"""FindItem and SyncFolderItems of the simulator: restrictions, pages, views and what a search does not give."""

import pytest

from adapters.simulator import Simulator
from tests.unit.simulator.soap_client import (
    BOOKING,
    CALENDAR,
    ROOM,
    SoapClient,
    an_item,
    comparison,
    delete_item,
    field,
    find_item,
    item_id,
    set_subject,
    update_item,
)

TRASH = '<t:DistinguishedFolderId Id="deleteditems"/>'
BOOKING_VALUES = "t:ExtendedProperty/t:Value"


def page(offset: int, most: int, base: str = "Beginning") -> str:
    return f'<m:IndexedPageItemView MaxEntriesReturned="{most}" Offset="{offset}" BasePoint="{base}"/>'


async def test_a_mark_is_found_and_compared_without_case(soap: SoapClient) -> None:
    await soap.create(an_item(booking="acme/B-1"), an_item(booking="acme/b-1"), an_item(booking="acme/B-10"))
    reply = await soap.post(find_item(comparison("IsEqualTo", "ACME/B-1")))
    assert reply.texts(BOOKING_VALUES) == ["acme/B-1", "acme/b-1"]


async def test_a_property_that_was_never_written_finds_nothing_and_is_no_error(soap: SoapClient) -> None:
    await soap.create(an_item(booking="acme/B-1"))
    never = BOOKING.replace("roomsync.booking", "never.heard.of")
    reply = await soap.post(find_item(comparison("IsEqualTo", "acme/B-1", never)))
    assert (reply.codes, reply.ids) == (["NoError"], [])


@pytest.mark.parametrize(
    ("restriction", "found"),
    [
        pytest.param(f"<t:Exists>{BOOKING}</t:Exists>", "ABC", id="exists"),
        pytest.param(f"<t:Not><t:Exists>{BOOKING}</t:Exists></t:Not>", "D", id="not exists"),
        pytest.param(comparison("IsNotEqualTo", "acme/a"), "BCD", id="not equal"),
        pytest.param(comparison("IsGreaterThan", "acme/A"), "BC", id="greater"),
        pytest.param(comparison("IsGreaterThanOrEqualTo", "acme/b"), "BC", id="greater or equal"),
        pytest.param(comparison("IsLessThan", "acme/B"), "A", id="less"),
        pytest.param(comparison("IsLessThanOrEqualTo", "acme/B"), "AB", id="less or equal"),
        pytest.param(
            f"<t:Or>{comparison('IsEqualTo', 'acme/A')}{comparison('IsEqualTo', 'acme/C')}</t:Or>", "AC", id="or"
        ),
        pytest.param(
            f"<t:And>{comparison('IsEqualTo', 'acme/A')}"
            f"{comparison('IsEqualTo', 'subject a', field('item:Subject'))}</t:And>",
            "A",
            id="and",
        ),
        pytest.param(
            f"<t:And>{comparison('IsEqualTo', 'acme/A')}{comparison('IsEqualTo', 'x', field('item:Subject'))}</t:And>",
            "",
            id="and that fails",
        ),
        pytest.param(comparison("IsEqualTo", "subject D", field("item:Subject")), "D", id="a plain field"),
        pytest.param(
            comparison("IsGreaterThan", "2026-12-01T10:30:00Z", field("calendar:Start")), "CD", id="an instant"
        ),
        pytest.param(comparison("IsEqualTo", "false", field("calendar:IsAllDayEvent")), "ABCD", id="a truth"),
        pytest.param(
            f'<t:Contains ContainmentMode="Prefixed" ContainmentComparison="IgnoreCase">{BOOKING}'
            '<t:Constant Value="ACME/"/></t:Contains>',
            "ABC",
            id="contains without case",
        ),
        pytest.param(
            f'<t:Contains ContainmentMode="Substring" ContainmentComparison="Exact">{BOOKING}'
            '<t:Constant Value="/b"/></t:Contains>',
            "",
            id="contains with case",
        ),
    ],
)
async def test_restrictions_select(restriction: str, found: str, soap: SoapClient) -> None:
    await soap.create(
        *(
            an_item(
                booking=f"acme/{name}",
                subject=f"Subject {name}",
                start=f"2026-12-01T{hour}:00:00Z",
                end="2026-12-02T00:00:00Z",
            )
            for name, hour in (("A", "09"), ("B", "10"), ("C", "11"))
        ),
        an_item(subject="Subject D", start="2026-12-01T12:00:00Z", end="2026-12-02T00:00:00Z"),
    )
    reply = await soap.post(find_item(restriction, properties=field("item:Subject")))
    assert "".join(subject[-1] for subject in reply.texts("t:Subject")) == found


async def test_the_index_follows_updates_and_moves(soap: SoapClient) -> None:
    item = (await soap.create(an_item(booking="acme/B-1"))).ids[0]
    remark = (
        f"<t:SetItemField>{BOOKING}<t:CalendarItem><t:ExtendedProperty>{BOOKING}<t:Value>acme/B-2</t:Value>"
        "</t:ExtendedProperty></t:CalendarItem></t:SetItemField>"
    )
    await soap.post(update_item((item_id(item), remark)))
    assert (await soap.post(find_item(comparison("IsEqualTo", "acme/B-1")))).ids == []
    assert (await soap.post(find_item(comparison("IsEqualTo", "acme/B-2")))).ids == [item]
    await soap.post(delete_item(item))
    assert (await soap.post(find_item(comparison("IsEqualTo", "acme/B-2")))).ids == []
    assert (await soap.post(find_item(comparison("IsEqualTo", "acme/B-1")))).ids == []
    assert len((await soap.post(find_item(comparison("IsEqualTo", "acme/B-2"), folders=[TRASH]))).ids) == 1


async def test_several_folders_are_searched_by_one_request_with_a_message_for_each(soap: SoapClient) -> None:
    created = await soap.create(an_item(booking="acme/B-1"), an_item(booking="acme/B-2"))
    await soap.post(delete_item(created.ids[1]))
    reply = await soap.post(find_item(f"<t:Exists>{BOOKING}</t:Exists>", folders=[CALENDAR, TRASH]))
    assert reply.codes == ["NoError", "NoError"]
    messages = reply.all("m:FindItemResponseMessage")
    assert [[v.text for v in message.iter("{*}Value")] for message in messages] == [["acme/B-1"], ["acme/B-2"]]


async def test_pages_follow_one_another_until_the_last_says_so(soap: SoapClient) -> None:
    await soap.create(*(an_item(booking=f"acme/B-{n}") for n in range(5)))
    seen: list[str] = []
    offset, last = 0, "false"
    while last == "false":
        reply = await soap.post(find_item(view=page(offset, 2)))
        (root,) = reply.all("m:RootFolder")
        assert root.get("TotalItemsInView") == "5"
        seen += reply.texts(BOOKING_VALUES)
        offset, last = int(root.get("IndexedPagingOffset") or 0), str(root.get("IncludesLastItemInRange"))
    assert seen == [f"acme/B-{n}" for n in range(5)]


async def test_a_page_from_the_end_gives_the_last_ones(soap: SoapClient) -> None:
    await soap.create(*(an_item(booking=f"acme/B-{n}") for n in range(5)))
    assert (await soap.post(find_item(view=page(1, 2, "End")))).texts(BOOKING_VALUES) == ["acme/B-2", "acme/B-3"]


async def test_no_page_is_larger_than_the_server_allows(simulator: Simulator, soap: SoapClient) -> None:
    simulator.limits.find_page = 3
    await soap.create(*(an_item() for _ in range(5)))
    reply = await soap.post(find_item(view=page(0, 1000)))
    assert len(reply.ids) == 3
    assert reply.all("m:RootFolder")[0].get("IncludesLastItemInRange") == "false"


async def test_a_sort_order_is_kept(soap: SoapClient) -> None:
    await soap.create(an_item(subject="b"), an_item(subject="C"), an_item(subject="a"))
    order = f'<t:FieldOrder Order="Descending">{field("item:Subject")}</t:FieldOrder>'
    reply = await soap.post(find_item(properties=field("item:Subject"), sort=order))
    assert reply.texts("t:Subject") == ["C", "b", "a"]


async def test_a_search_gives_the_first_255_characters_of_a_text(soap: SoapClient) -> None:
    created = await soap.create(an_item(booking="x" * 300, after_times=f"<t:Location>{'y' * 300}</t:Location>"))
    found = await soap.post(find_item(properties=field("calendar:Location") + BOOKING))
    assert found.ids == created.ids
    assert found.texts(BOOKING_VALUES) == ["x" * 255]
    assert found.texts("t:Location") == ["y" * 255]


async def test_a_search_gives_no_body(soap: SoapClient) -> None:
    await soap.create(an_item())
    assert (await soap.post(find_item(properties=field("item:Body")))).codes == ["ErrorInvalidPropertyRequest"]


async def test_a_calendar_view_gives_what_overlaps_in_the_order_of_time(soap: SoapClient) -> None:
    await soap.create(
        an_item(subject="later", start="2026-12-01T15:00:00Z", end="2026-12-01T16:00:00Z"),
        an_item(subject="into", start="2026-12-01T08:00:00Z", end="2026-12-01T09:01:00Z"),
        an_item(subject="before", start="2026-12-01T08:00:00Z", end="2026-12-01T09:00:00Z"),
        an_item(subject="after", start="2026-12-01T16:00:00Z", end="2026-12-01T17:00:00Z"),
    )
    view = '<m:CalendarView StartDate="2026-12-01T09:00:00Z" EndDate="2026-12-01T16:00:00Z"/>'
    reply = await soap.post(find_item(view=view, properties=field("item:Subject")))
    assert reply.texts("t:Subject") == ["into", "later"]


async def test_a_restriction_has_at_most_255_nodes(soap: SoapClient) -> None:
    at_the_limit = "".join(comparison("IsEqualTo", f"acme/{n}") for n in range(254))
    assert (await soap.post(find_item(f"<t:Or>{at_the_limit}</t:Or>"))).codes == ["NoError"]
    beyond = at_the_limit + comparison("IsEqualTo", "acme/254")
    assert (await soap.post(find_item(f"<t:Or>{beyond}</t:Or>"))).codes == ["ErrorRestrictionTooLong"]


async def test_synchronising_tells_what_changed_since_the_last_state(soap: SoapClient) -> None:
    created = await soap.create(an_item(booking="acme/B-1"), an_item(booking="acme/B-2"))
    first = await soap.post(synchronise())
    assert len(first.all("t:Create")) == 2
    state = first.texts("m:SyncState")[0]
    await soap.post(update_item((item_id(created.ids[0]), set_subject("changed"))))
    await soap.post(delete_item(created.ids[1]))
    await soap.create(an_item(booking="acme/B-3"))
    second = await soap.post(synchronise(state))
    assert [len(second.all(kind)) for kind in ("t:Create", "t:Update", "t:Delete")] == [1, 1, 1]
    assert second.all("t:Delete/t:ItemId")[0].get("Id") == created.ids[1]
    third = await soap.post(synchronise(second.texts("m:SyncState")[0]))
    assert len(third.all("m:Changes/*")) == 0


async def test_synchronising_in_small_steps_tells_everything(soap: SoapClient) -> None:
    created = await soap.create(*(an_item() for _ in range(3)))
    await soap.post(update_item((item_id(created.ids[0]), set_subject("changed"))))
    state, seen, last = "", set(), "false"
    while last == "false":
        reply = await soap.post(synchronise(state, most=1))
        seen |= {str(found.get("Id")) for found in reply.all("t:Create/t:CalendarItem/t:ItemId")}
        state, last = reply.texts("m:SyncState")[0], reply.texts("m:IncludesLastItemInRange")[0]
    assert seen == set(created.ids)


async def test_a_state_that_nobody_gave_is_refused(soap: SoapClient) -> None:
    assert (await soap.post(synchronise("bm9uc2Vuc2U="))).codes == ["ErrorInvalidSyncStateData"]


async def test_a_large_calendar_is_searched_for_many_marks_at_once(simulator: Simulator, soap: SoapClient) -> None:
    for start in range(0, 2000, 500):
        await soap.create(*(an_item(booking=f"acme/B-{n}") for n in range(start, start + 500)))
    wanted = "".join(comparison("IsEqualTo", f"acme/B-{n * 99}") for n in range(20))
    reply = await soap.post(find_item(f"<t:Or>{wanted}</t:Or>"))
    assert reply.texts(BOOKING_VALUES) == [f"acme/B-{n * 99}" for n in range(20)]
    assert len(simulator.calendar(ROOM)) == 2000


def synchronise(state: str = "", most: int = 512) -> str:
    known = f"<m:SyncState>{state}</m:SyncState>" if state else ""
    return (
        "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"
        f"<m:SyncFolderId>{CALENDAR}</m:SyncFolderId>{known}<m:MaxChangesReturned>{most}</m:MaxChangesReturned>"
        "</m:SyncFolderItems>"
    )
