"""What the simulator refuses, as Exchange does: a whole request against the schema, single items against the rules."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from adapters.simulator import Simulator
from adapters.simulator.ews.grammar import CALENDAR_ITEM_ORDER
from tests.unit.simulator.conftest import XSD, Schemas
from tests.unit.simulator.soap_client import (
    BOOKING,
    ROOM,
    SET,
    SoapClient,
    an_item,
    create_item,
    delete_item,
    field,
    find_item,
    item_id,
    set_field,
    update_item,
)


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(create_item(an_item(), an_item(after_times="<t:Subject>late</t:Subject>")), id="wrong order"),
        pytest.param(create_item(an_item(), an_item(after_times="<t:Bogus/>")), id="unknown element"),
        pytest.param(create_item(an_item(), an_item(before_times="<t:Subject>x</t:Subject>")), id="element twice"),
        pytest.param(
            create_item(an_item(), an_item(after_times="<t:LegacyFreeBusyStatus>Perhaps</t:LegacyFreeBusyStatus>")),
            id="unknown choice",
        ),
        pytest.param(create_item(an_item(), an_item(start="tomorrow")), id="no date"),
        pytest.param(create_item(an_item(), an_item(start="2026-02-30T09:00:00Z")), id="no such day"),
        pytest.param(create_item(an_item(), an_item(before_times="<t:Body>x</t:Body>")), id="body without its kind"),
        pytest.param(
            create_item(an_item(), an_item(before_times="<t:ReminderIsSet>maybe</t:ReminderIsSet>")), id="no truth"
        ),
        pytest.param(create_item(an_item(), an_item(booking="x").replace(SET, "no-guid")), id="no guid"),
        pytest.param(create_item(), id="no items"),
        pytest.param(
            create_item(an_item()).replace("<m:Items>", "<t:Items>").replace("</m:Items>", "</t:Items>"), id="ns"
        ),
        pytest.param(delete_item(), id="no ids"),
        pytest.param(delete_item("x").replace(' DeleteType="MoveToDeletedItems"', ""), id="attribute missing"),
        pytest.param(delete_item("x").replace("MoveToDeletedItems", "Shred"), id="attribute value"),
        pytest.param(find_item(folders=[]), id="no folders"),
        pytest.param(find_item().replace("Shallow", "Abyssal"), id="unknown traversal"),
        pytest.param(find_item(properties="<t:FieldURI/>"), id="path without uri"),
        pytest.param(find_item("<t:Or/>"), id="empty or"),
    ],
)
async def test_one_wrong_element_faults_the_whole_request(
    operation: str, simulator: Simulator, soap: SoapClient, schemas: Schemas | None
) -> None:
    reply = await soap.post(operation)
    assert (reply.status, reply.fault) == (500, "ErrorSchemaValidation")
    assert simulator.calendar(ROOM) == []
    if schemas is not None:
        with pytest.raises(Exception, match=r"(?i)element|attribute"):
            schemas.check(simulator.requests[-1].body)


async def test_what_is_no_xml_is_a_schema_fault_too(simulator: Simulator, soap: SoapClient) -> None:
    assert (await soap.post("<m:CreateItem>")).fault == "ErrorSchemaValidation"


async def test_an_operation_that_is_not_simulated_says_so(soap: SoapClient) -> None:
    assert (await soap.post("<m:GetUserPhoto/>")).fault == "ErrorInvalidRequest"


@pytest.mark.parametrize(
    ("item", "code"),
    [
        pytest.param(
            an_item(end="2026-12-01T08:59:59Z"), "ErrorCalendarEndDateIsEarlierThanStartDate", id="end before start"
        ),
        pytest.param(an_item(end="2031-12-05T10:00:00Z"), "ErrorCalendarDurationIsTooLong", id="more than five years"),
        pytest.param(an_item(subject="x" * 256), "ErrorItemSavePropertyError", id="subject of 256"),
        pytest.param(
            an_item(after_times='<t:StartTimeZone Id="Mars Standard Time"/>'), "ErrorTimeZone", id="unknown zone"
        ),
        pytest.param(
            an_item(after_times="<t:IsMeeting>true</t:IsMeeting>"), "ErrorInvalidPropertySet", id="not for clients"
        ),
    ],
)
async def test_an_item_against_the_rules_is_refused_alone(item: str, code: str, soap: SoapClient) -> None:
    assert (await soap.create(item, an_item())).codes == [code, "NoError"]


async def test_a_subject_of_255_characters_and_an_event_of_no_length_are_fine(soap: SoapClient) -> None:
    reply = await soap.create(an_item(subject="x" * 255), an_item(end="2026-12-01T09:00:00Z"))
    assert reply.codes == ["NoError", "NoError"]


@pytest.mark.parametrize(
    "uri",
    [
        f'PropertySetId="{SET}" PropertyType="String"',
        f'PropertySetId="{SET}" PropertyName="a" PropertyId="1" PropertyType="String"',
        f'PropertySetId="{SET}" DistinguishedPropertySetId="Common" PropertyName="a" PropertyType="String"',
        'PropertyName="a" PropertyType="String"',
        f'PropertyTag="0x1000" PropertySetId="{SET}" PropertyType="String"',
        'PropertyTag="0x8001" PropertyType="String"',
        f'PropertySetId="{SET}" PropertyName="a" PropertyType="Error"',
    ],
)
async def test_attributes_of_a_property_that_do_not_go_together_refuse_the_item(uri: str, soap: SoapClient) -> None:
    bad = f"<t:ExtendedProperty><t:ExtendedFieldURI {uri}/><t:Value>1</t:Value></t:ExtendedProperty>"
    assert (await soap.create(an_item(before_times=bad), an_item())).codes == [
        "ErrorInvalidExtendedProperty",
        "NoError",
    ]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("Integer", "<t:Value>seven</t:Value>"),
        ("Boolean", "<t:Value>yes</t:Value>"),
        ("SystemTime", "<t:Value>noon</t:Value>"),
        ("String", "<t:Values><t:Value>a</t:Value></t:Values>"),
        ("StringArray", "<t:Value>a</t:Value>"),
    ],
)
async def test_a_value_that_does_not_fit_its_type_refuses_the_item(kind: str, value: str, soap: SoapClient) -> None:
    uri = f'<t:ExtendedFieldURI PropertySetId="{SET}" PropertyName="a" PropertyType="{kind}"/>'
    bad = f"<t:ExtendedProperty>{uri}{value}</t:ExtendedProperty>"
    assert (await soap.create(an_item(before_times=bad))).codes == ["ErrorInvalidExtendedPropertyValue"]


@pytest.mark.parametrize(
    ("updates", "code"),
    [
        pytest.param(
            set_field(field("item:Subject"), "<t:Location>x</t:Location>"), "ErrorUpdatePropertyMismatch", id="mismatch"
        ),
        pytest.param(
            set_field(field("item:Subject"), "<t:Subject>x</t:Subject><t:Location>x</t:Location>"),
            "ErrorIncorrectUpdatePropertyCount",
            id="two properties",
        ),
        pytest.param(
            set_field(field("calendar:IsMeeting"), "<t:IsMeeting>true</t:IsMeeting>"),
            "ErrorInvalidPropertySet",
            id="not for clients",
        ),
        pytest.param(
            f"<t:DeleteItemField>{field('calendar:Start')}</t:DeleteItemField>",
            "ErrorInvalidPropertyDelete",
            id="start",
        ),
        pytest.param(
            f"<t:AppendToItemField>{field('item:Subject')}<t:CalendarItem><t:Subject>x</t:Subject></t:CalendarItem>"
            "</t:AppendToItemField>",
            "ErrorInvalidPropertyAppend",
            id="append",
        ),
    ],
)
async def test_a_change_against_the_rules_is_refused(updates: str, code: str, soap: SoapClient) -> None:
    item = (await soap.create(an_item())).ids[0]
    assert (await soap.post(update_item((item_id(item), updates)))).codes == [code]


async def test_a_change_key_that_is_none_is_refused(soap: SoapClient) -> None:
    item = (await soap.create(an_item())).ids[0]
    subject = set_field(field("item:Subject"), "<t:Subject>x</t:Subject>")
    assert (await soap.post(update_item((item_id(item, "junk"), subject)))).codes == ["ErrorInvalidChangeKey"]
    without = await soap.post(update_item((item_id(item), subject), resolution="NeverOverwrite"))
    assert without.codes == ["ErrorChangeKeyRequiredForWriteOperations"]


@pytest.mark.parametrize(
    ("zone", "context", "starts_at"),
    [
        pytest.param("Romance Standard Time", "Tokyo Standard Time", 8, id="the event's own zone comes first"),
        pytest.param(None, "Tokyo Standard Time", 0, id="then the request's"),
        pytest.param(None, None, 9, id="then UTC"),
    ],
)
async def test_a_time_without_an_offset_is_read_in_a_zone(
    zone: str | None, context: str | None, starts_at: int, simulator: Simulator, soap: SoapClient
) -> None:
    own = f'<t:StartTimeZone Id="{zone}"/>' if zone else ""
    await soap.create(an_item(start="2026-12-01T09:00:00", end="2026-12-01T19:00:00", after_times=own), zone=context)
    (event,) = simulator.calendar(ROOM)
    assert event.start == datetime(2026, 12, 1, starts_at, tzinfo=UTC)
    assert event.start_zone == (zone or context or "UTC")


async def test_an_all_day_event_is_rounded_to_midnights_of_its_zone(simulator: Simulator, soap: SoapClient) -> None:
    all_day = '<t:IsAllDayEvent>true</t:IsAllDayEvent><t:StartTimeZone Id="Romance Standard Time"/>'
    await soap.create(an_item(start="2026-12-01T09:00:00Z", end="2026-12-02T09:00:00Z", after_times=all_day))
    (event,) = simulator.calendar(ROOM)
    assert event.start == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert event.end == datetime(2026, 12, 2, 23, tzinfo=UTC)


async def test_midnights_of_the_right_zone_are_kept(simulator: Simulator, soap: SoapClient) -> None:
    all_day = '<t:IsAllDayEvent>true</t:IsAllDayEvent><t:StartTimeZone Id="Romance Standard Time"/>'
    await soap.create(an_item(start="2026-11-30T23:00:00Z", end="2026-12-01T23:00:00Z", after_times=all_day))
    (event,) = simulator.calendar(ROOM)
    assert (event.end - event.start).days == 1


@pytest.mark.skipif(not XSD.is_dir(), reason="needs the schemas in ../shared/xsd, which are no part of the project")
def test_the_order_of_an_items_fields_is_that_of_the_schema() -> None:

    namespace = {"xs": "http://www.w3.org/2001/XMLSchema"}
    types = etree.parse(str(XSD / "types.xsd"))
    of_schema = [
        str(element.get("name"))
        for kind in ("ItemType", "CalendarItemType")
        for element in types.iterfind(f".//xs:complexType[@name='{kind}']//xs:element", namespace)
    ]
    assert [name.rstrip("*") for name in CALENDAR_ITEM_ORDER] == of_schema


async def test_a_mark_with_markup_in_it_comes_back_as_it_was(soap: SoapClient) -> None:
    await soap.create(an_item(booking="acme/<&>\"'"))
    assert (await soap.post(find_item(properties=BOOKING))).texts("t:ExtendedProperty/t:Value") == ["acme/<&>\"'"]
