"""Items in the simulator: written, changed, moved and read back as Exchange does it."""

from datetime import UTC, datetime

import pytest

from adapters.simulator import Simulator
from tests.unit.simulator.soap_client import (
    ACCOUNT,
    BOOKING,
    CALENDAR,
    ROOM,
    SET,
    SoapClient,
    an_item,
    create_item,
    delete_item,
    field,
    find_item,
    get_item,
    item_id,
    set_field,
    set_subject,
    update_item,
)

TRASH = '<t:DistinguishedFolderId Id="deleteditems"/>'


async def test_a_created_item_stands_in_the_calendar_of_the_impersonated_room(
    simulator: Simulator, soap: SoapClient
) -> None:
    reply = await soap.create(an_item(booking="acme/B-1", subject="Planning"))
    assert (reply.status, reply.codes) == (200, ["NoError"])
    (event,) = simulator.calendar("Board@ACME.example")
    assert (event.booking, event.subject, event.version) == ("acme/B-1", "Planning", None)
    assert (event.start, event.end) == (datetime(2026, 12, 1, 9, tzinfo=UTC), datetime(2026, 12, 1, 10, tzinfo=UTC))
    assert (event.item_id, event.change_key) == (reply.ids[0], reply.change_keys[0])
    assert not event.is_meeting
    assert event.reminder_set, "a client that says nothing about the reminder gets one"


async def test_many_items_are_created_by_one_request_in_order(simulator: Simulator, soap: SoapClient) -> None:
    reply = await soap.create(*(an_item(booking=f"acme/B-{n}") for n in range(20)))
    assert reply.codes == ["NoError"] * 20
    assert simulator.counts.items["CreateItem"] == simulator.counts.applied["CreateItem"] == 20
    assert {event.booking for event in simulator.calendar(ROOM)} == {f"acme/B-{n}" for n in range(20)}


async def test_every_settable_field_is_read_back_as_it_was_written(soap: SoapClient) -> None:
    written = (
        "<t:CalendarItem><t:Subject>A &amp; B</t:Subject><t:Sensitivity>Private</t:Sensitivity>"
        '<t:Body BodyType="HTML">&lt;p&gt;Agenda&lt;/p&gt;</t:Body>'
        "<t:Categories><t:String>Red</t:String><t:String>Blue</t:String></t:Categories>"
        "<t:Importance>High</t:Importance><t:ReminderIsSet>false</t:ReminderIsSet>"
        f"<t:ExtendedProperty>{BOOKING}<t:Value>acme/B-1</t:Value></t:ExtendedProperty>"
        "<t:UID>uid-1</t:UID><t:Start>2026-12-01T09:00:00</t:Start><t:End>2026-12-01T10:00:00</t:End>"
        "<t:LegacyFreeBusyStatus>Tentative</t:LegacyFreeBusyStatus><t:Location>4th floor</t:Location>"
        '<t:StartTimeZone Id="Romance Standard Time"/><t:EndTimeZone Id="Romance Standard Time"/></t:CalendarItem>'
    )
    created = await soap.create(written)
    more = f"<t:AdditionalProperties>{BOOKING}</t:AdditionalProperties>"
    read = await soap.post(get_item(created.ids[0], more=more))
    assert read.texts("t:Subject") == ["A & B"]
    assert read.texts("t:Sensitivity") == ["Private"]
    assert read.texts("t:Body") == ["<p>Agenda</p>"]
    assert read.texts("t:TextBody") == ["Agenda"]
    assert read.texts("t:Categories/t:String") == ["Red", "Blue"]
    assert read.texts("t:ReminderIsSet") == ["false"]
    assert read.texts("t:ExtendedProperty/t:Value") == ["acme/B-1"]
    assert read.texts("t:UID") == ["uid-1"]
    assert read.texts("t:Start") == ["2026-12-01T08:00:00Z"]
    assert read.texts("t:LegacyFreeBusyStatus") == ["Tentative"]
    assert read.texts("t:Location") == ["4th floor"]
    assert [zone.get("Id") for zone in read.all("t:StartTimeZone")] == ["Romance Standard Time"]


async def test_two_items_with_the_same_uid_and_the_same_mark_are_both_accepted(
    simulator: Simulator, soap: SoapClient
) -> None:
    twin = an_item(booking="acme/B-1").replace("<t:Start>", "<t:UID>one</t:UID><t:Start>")
    assert (await soap.create(twin, twin)).codes == ["NoError", "NoError"]
    assert [event.uid for event in simulator.calendar(ROOM)] == ["one", "one"]


async def test_attendees_make_a_meeting(simulator: Simulator, soap: SoapClient) -> None:
    invited = (
        "<t:RequiredAttendees><t:Attendee><t:Mailbox><t:EmailAddress>ada@acme.example</t:EmailAddress></t:Mailbox>"
        "</t:Attendee></t:RequiredAttendees>"
    )
    await soap.create(an_item(after_times=invited))
    (event,) = simulator.calendar(ROOM)
    assert event.is_meeting
    assert [person.email for person in event.attendees] == ["ada@acme.example"]


async def test_an_update_changes_what_it_names_and_gives_a_new_change_key_under_the_same_id(
    simulator: Simulator, soap: SoapClient
) -> None:
    created = await soap.create(an_item(booking="acme/B-1", subject="Before"))
    updated = await soap.post(update_item((item_id(created.ids[0]), set_subject("After"))))
    assert updated.codes == ["NoError"]
    assert updated.ids == created.ids
    assert updated.change_keys != created.change_keys
    (event,) = simulator.calendar(ROOM)
    assert (event.subject, event.booking) == ("After", "acme/B-1")


async def test_an_update_that_changes_nothing_still_gives_a_new_change_key(soap: SoapClient) -> None:
    created = await soap.create(an_item(subject="Same"))
    updated = await soap.post(update_item((item_id(created.ids[0]), set_subject("Same"))))
    assert updated.change_keys != created.change_keys


async def test_deleting_a_field_empties_it(simulator: Simulator, soap: SoapClient) -> None:
    created = await soap.create(an_item(booking="acme/B-1", after_times="<t:Location>Here</t:Location>"))
    updates = (
        f"<t:DeleteItemField>{field('calendar:Location')}</t:DeleteItemField>"
        f"<t:DeleteItemField>{BOOKING}</t:DeleteItemField>"
    )
    assert (await soap.post(update_item((item_id(created.ids[0]), updates)))).codes == ["NoError"]
    (event,) = simulator.calendar(ROOM)
    assert (event.location, event.booking) == ("", None)


async def test_an_update_is_all_or_nothing(simulator: Simulator, soap: SoapClient) -> None:
    created = await soap.create(an_item(subject="Before"))
    bad_end = set_field(field("calendar:End"), "<t:End>2020-01-01T00:00:00Z</t:End>")
    reply = await soap.post(update_item((item_id(created.ids[0]), set_subject("After") + bad_end)))
    assert reply.codes == ["ErrorCalendarEndDateIsEarlierThanStartDate"]
    assert [event.subject for event in simulator.calendar(ROOM)] == ["Before"]


@pytest.mark.parametrize("resolution", ["NeverOverwrite", "AutoResolve"])
async def test_a_stale_change_key_is_a_conflict_unless_the_client_always_overwrites(
    resolution: str, soap: SoapClient
) -> None:
    created = await soap.create(an_item())
    item, stale = created.ids[0], created.change_keys[0]
    await soap.post(update_item((item_id(item), set_subject("Somebody else"))))
    refused = await soap.post(update_item((item_id(item, stale), set_subject("Mine")), resolution=resolution))
    assert refused.codes == ["ErrorIrresolvableConflict"]
    assert (await soap.post(update_item((item_id(item, stale), set_subject("Mine"))))).codes == ["NoError"]


async def test_a_current_change_key_is_no_conflict(soap: SoapClient) -> None:
    created = await soap.create(an_item())
    target = item_id(created.ids[0], created.change_keys[0])
    reply = await soap.post(update_item((target, set_subject("Mine")), resolution="NeverOverwrite"))
    assert reply.codes == ["NoError"]


async def test_moving_to_deleted_items_gives_a_new_id_and_keeps_the_mark(
    simulator: Simulator, soap: SoapClient
) -> None:
    created = await soap.create(an_item(booking="acme/B-1"))
    assert (await soap.post(delete_item(created.ids[0]))).codes == ["NoError"]
    assert simulator.calendar(ROOM) == []
    (trashed,) = simulator.deleted_items(ROOM)
    assert (trashed.booking, trashed.item_id != created.ids[0]) == ("acme/B-1", True)
    assert (await soap.post(delete_item(created.ids[0]))).codes == ["ErrorItemNotFound"]
    assert (await soap.post(get_item(trashed.item_id))).codes == ["NoError"]


@pytest.mark.parametrize(
    ("kind", "folder"),
    [("SoftDelete", "recoverableitemsdeletions"), ("HardDelete", "recoverableitemspurges")],
)
async def test_deeper_deletions_leave_nothing_in_deleted_items(
    kind: str, folder: str, simulator: Simulator, soap: SoapClient
) -> None:
    created = await soap.create(an_item(booking="acme/B-1"))
    assert (await soap.post(delete_item(created.ids[0], kind=kind))).codes == ["NoError"]
    assert simulator.deleted_items(ROOM) == []
    found = await soap.post(find_item(folders=[f'<t:DistinguishedFolderId Id="{folder}"/>']))
    assert found.texts("t:ExtendedProperty/t:Value") == ["acme/B-1"]


async def test_ids_are_compared_with_case(soap: SoapClient) -> None:
    item = (await soap.create(an_item())).ids[0]
    assert (await soap.post(get_item(item.swapcase()))).codes in (["ErrorInvalidIdMalformed"], ["ErrorItemNotFound"])


async def test_a_malformed_id_is_told_from_an_unknown_one(soap: SoapClient) -> None:
    item = (await soap.create(an_item())).ids[0]
    await soap.post(delete_item(item, kind="HardDelete"))
    reply = await soap.post(get_item("no id at all", item))
    assert reply.codes == ["ErrorInvalidIdMalformed", "ErrorItemNotFound"]


async def test_a_deleted_item_cannot_be_updated(simulator: Simulator, soap: SoapClient) -> None:
    await soap.post(delete_item((await soap.create(an_item())).ids[0]))
    (trashed,) = simulator.deleted_items(ROOM)
    reply = await soap.post(update_item((item_id(trashed.item_id), set_subject("Again"))))
    assert reply.codes == ["ErrorCalendarCannotUpdateDeletedItem"]


async def test_one_bad_item_of_a_batch_spares_the_others(simulator: Simulator, soap: SoapClient) -> None:
    backwards = an_item(start="2026-12-01T10:00:00Z", end="2026-12-01T09:00:00Z")
    reply = await soap.create(an_item(booking="acme/B-1"), backwards, an_item(booking="acme/B-3"))
    assert reply.codes == ["NoError", "ErrorCalendarEndDateIsEarlierThanStartDate", "NoError"]
    assert len(reply.ids) == 2
    assert [event.booking for event in simulator.calendar(ROOM)] == ["acme/B-1", "acme/B-3"]


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        pytest.param(create_item(an_item(), send=None), "ErrorSendMeetingInvitationsRequired", id="create"),
        pytest.param(
            update_item(("ITEM", set_subject("x")), send=None),
            "ErrorSendMeetingInvitationsOrCancellationsRequired",
            id="update",
        ),
        pytest.param(delete_item("ITEM", send=None), "ErrorSendMeetingCancellationsRequired", id="delete"),
    ],
)
async def test_calendar_items_demand_a_word_about_invitations(operation: str, code: str, soap: SoapClient) -> None:
    item = (await soap.create(an_item())).ids[0]
    reply = await soap.post(
        operation.replace(item_id("ITEM"), item_id(item)).replace(
            "<t:ItemChange>ITEM", f"<t:ItemChange>{item_id(item)}"
        )
    )
    assert reply.codes == [code]


async def test_an_item_goes_into_no_folder_but_a_calendar(soap: SoapClient) -> None:
    reply = await soap.post(create_item(an_item(), folder=TRASH))
    assert reply.codes == ["ErrorCannotCreateCalendarItemInNonCalendarFolder"]


async def test_without_impersonation_the_account_writes_into_its_own_calendar(
    simulator: Simulator, soap: SoapClient
) -> None:
    await soap.create(an_item(), room=None)
    assert len(simulator.calendar(ACCOUNT)) == 1


async def test_a_body_is_given_in_the_kind_that_is_asked_for(soap: SoapClient) -> None:
    created = await soap.create(an_item(before_times='<t:Body BodyType="Text">a &lt; b</t:Body>'))
    more = "<t:BodyType>HTML</t:BodyType><t:AdditionalProperties>" + field("item:Body") + "</t:AdditionalProperties>"
    read = await soap.post(get_item(created.ids[0], shape="IdOnly", more=more))
    assert [body.get("BodyType") for body in read.all("t:Body")] == ["HTML"]
    assert "a &lt; b" in read.texts("t:Body")[0]


async def test_a_property_may_be_addressed_by_its_number_in_a_well_known_set(soap: SoapClient) -> None:
    by_name = '<t:ExtendedFieldURI DistinguishedPropertySetId="Appointment" PropertyId="33280" PropertyType="Integer"/>'
    by_guid = (
        '<t:ExtendedFieldURI PropertySetId="00062002-0000-0000-C000-000000000046" PropertyId="33280" '
        'PropertyType="Integer"/>'
    )
    value = f"<t:ExtendedProperty>{by_name}<t:Value>7</t:Value></t:ExtendedProperty>"
    created = await soap.create(an_item(before_times=value))
    more = f"<t:AdditionalProperties>{by_guid}</t:AdditionalProperties>"
    assert (await soap.post(get_item(created.ids[0], shape="IdOnly", more=more))).texts(
        "t:ExtendedProperty/t:Value"
    ) == ["7"]


async def test_the_property_set_is_compared_without_case_and_the_name_with_it(soap: SoapClient) -> None:
    created = await soap.create(an_item(booking="acme/B-1"))
    upper_set = BOOKING.replace(SET, SET.upper())
    upper_name = BOOKING.replace("roomsync.booking", "RoomSync.Booking")
    more = f"<t:AdditionalProperties>{upper_set}{upper_name}</t:AdditionalProperties>"
    read = await soap.post(get_item(created.ids[0], shape="IdOnly", more=more))
    assert read.texts("t:ExtendedProperty/t:Value") == ["acme/B-1"]


async def test_an_item_of_another_folder_id_form_is_found_too(simulator: Simulator, soap: SoapClient) -> None:
    folder = await soap.post(
        "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>"
        f"<m:FolderIds>{CALENDAR}</m:FolderIds></m:GetFolder>"
    )
    target = f'<t:FolderId Id="{folder.all("t:FolderId")[0].get("Id")}"/>'
    assert (await soap.post(create_item(an_item(), folder=target))).codes == ["NoError"]
    assert len((await soap.post(find_item(folders=[target]))).ids) == len(simulator.calendar(ROOM)) == 1
