"""Reading answers: strictly, in order, and never the text that may hold subjects and people."""

import pytest

from adapters.calendar import ItemRef
from adapters.ews import answers
from adapters.ews.answers import Complaint
from adapters.ews.names import Element
from adapters.ews.xml_text import Unreadable
from adapters.exchange.marks import NEVER, MarkedItem
from tests.unit.ews.envelopes import soap


def a_page(attributes: str, items: str = "") -> str:
    folder = f"<m:RootFolder {attributes}><t:Items>{items}</t:Items></m:RootFolder>"
    return f"<m:FindItemResponseMessage>{folder}</m:FindItemResponseMessage>"


BUSY = soap(
    "<s:Fault><faultcode>a:ErrorServerBusy</faultcode><faultstring>secret</faultstring><detail>"
    "<e:ResponseCode>ErrorServerBusy</e:ResponseCode><e:Message>secret</e:Message>"
    '<t:MessageXml><t:Value Name="BackOffMilliseconds">297749</t:Value></t:MessageXml></detail></s:Fault>'
)


def test_a_fault_tells_its_code_and_the_wait_that_the_server_named() -> None:
    assert answers.messages(BUSY) == Complaint(code="ErrorServerBusy", back_off_s=297.749)


def test_a_fault_without_detail_tells_its_code_all_the_same() -> None:
    bare = soap("<s:Fault><faultcode>a:ErrorQuotaExceeded</faultcode><faultstring>full</faultstring></s:Fault>")
    assert answers.messages(bare) == Complaint(code="ErrorQuotaExceeded")


@pytest.mark.parametrize(
    "code", ["", "Error <b>", "board@acme.example", "Error" * 40], ids=["none", "markup", "a person", "too long"]
)
def test_only_a_word_passes_as_a_code(code: str) -> None:
    code = code.replace("<", "&lt;")
    found = answers.messages(soap(f"<s:Fault><faultcode>{code}</faultcode></s:Fault>"))
    assert found == Complaint(code="(no code)")


def test_an_inner_code_is_kept_apart() -> None:
    (message,) = messages_of(
        '<m:ResponseCode>ErrorInternalServerError</m:ResponseCode><m:MessageXml><t:Value Name="InnerErrorResponseCode">'
        'ErrorServerBusy</t:Value><t:Value Name="BackOffMilliseconds">0</t:Value></m:MessageXml>'
    )
    inner = Complaint(code="ErrorInternalServerError", inner_code="ErrorServerBusy", back_off_s=0.0)
    assert answers.complaint(message) == inner


def test_a_success_is_no_complaint() -> None:
    (message,) = messages_of("<m:ResponseCode>NoError</m:ResponseCode>")
    assert answers.complaint(message) is None
    assert answers.written_ref(message) is None


def messages_of(content: str) -> list[Element]:
    found = answers.messages(
        soap(
            "<m:CreateItemResponse><m:ResponseMessages><m:CreateItemResponseMessage>"
            f"{content}</m:CreateItemResponseMessage></m:ResponseMessages></m:CreateItemResponse>"
        )
    )
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<!DOCTYPE html><html><head><title>Sign in</title>", id="a page"),
        pytest.param(BUSY[: len(BUSY) * 2 // 3], id="truncated"),
        pytest.param(soap(""), id="an empty body"),
        pytest.param(soap("<m:CreateItemResponse/>"), id="no messages"),
        pytest.param(b"<x/>", id="other XML"),
        pytest.param("<x>é</x>".encode("latin-1"), id="wrong encoding"),
    ],
)
def test_what_is_not_a_whole_answer_is_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable):
        answers.messages(content)
    assert answers.fault(content) is None


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param('<!ENTITY a SYSTEM "file:///etc/passwd">', id="one to be fetched"),
        pytest.param('<!ENTITY a "ErrorServerBusy">', id="one that would expand"),
        pytest.param("", id="none"),
    ],
)
def test_an_answer_that_could_declare_entities_is_refused(declared: str) -> None:
    fault = soap(f"<s:Fault><faultcode>{'&a;' if declared else 'a'}</faultcode></s:Fault>")
    bomb = f"<!DOCTYPE x [{declared}]>".encode() + fault
    with pytest.raises(Unreadable, match="a document type"):
        answers.messages(bomb)


MARKED = (
    '<t:ExtendedProperty><t:ExtendedFieldURI PropertyName="roomsync.booking"/><t:Value>acme/B-1</t:Value>'
    "</t:ExtendedProperty>"
)


def page_of(xml: str, offset: int = 0) -> answers.Page[MarkedItem]:
    body = f"<m:FindItemResponse><m:ResponseMessages>{xml}</m:ResponseMessages></m:FindItemResponse>"
    found = answers.messages(soap(body))
    assert isinstance(found, list)
    return answers.page(found[0], answers.marked_item, offset=offset)


def test_the_last_page_has_no_next() -> None:
    page = page_of(a_page('TotalItemsInView="0" IncludesLastItemInRange="true"'))
    assert (page.items, page.next_offset, page.total) == ((), None, 0)


def test_a_page_goes_on_where_the_server_says() -> None:
    attributes = 'TotalItemsInView="9" IncludesLastItemInRange="false" IndexedPagingOffset="4"'
    assert page_of(a_page(attributes)).next_offset == 4


_TWO_ITEMS = '<t:CalendarItem><t:ItemId Id="a"/></t:CalendarItem><t:CalendarItem><t:ItemId Id="b"/></t:CalendarItem>'


def test_a_page_without_an_offset_goes_on_after_its_items() -> None:
    attributes = 'TotalItemsInView="9" IncludesLastItemInRange="false"'
    assert page_of(a_page(attributes, _TWO_ITEMS), offset=3).next_offset == 5


@pytest.mark.parametrize(
    ("xml", "missing"),
    [
        pytest.param("<m:FindItemResponseMessage/>", "RootFolder", id="no folder"),
        pytest.param(a_page('TotalItemsInView="1"'), "IncludesLastItemInRange", id="not told whether it is the last"),
        *(
            pytest.param(
                a_page(f'IncludesLastItemInRange="true" TotalItemsInView="{count}"'), "TotalItemsInView", id=count[:12]
            )
            for count in ("many", "-1", "9" * 5000, "99999999999", "1_0")
        ),
        pytest.param(
            a_page('IncludesLastItemInRange="false" IndexedPagingOffset="4e9" TotalItemsInView="1"'),
            "IndexedPagingOffset",
            id="no offset",
        ),
        pytest.param(
            a_page(
                'IncludesLastItemInRange="true" TotalItemsInView="1"',
                f"<t:CalendarItem>{MARKED}</t:CalendarItem>",
            ),
            "ItemId",
            id="a marked item without an id",
        ),
    ],
)
def test_a_page_that_lacks_what_it_must_have_is_unreadable_and_says_what(xml: str, missing: str) -> None:
    with pytest.raises(Unreadable, match=missing):
        page_of(xml)


def test_an_unmarked_item_without_an_id_is_left_out() -> None:
    attributes = 'TotalItemsInView="3" IncludesLastItemInRange="true"'
    items = page_of(a_page(attributes, f"{_TWO_ITEMS}<t:CalendarItem/>")).items
    assert [item.ref.item_id for item in items] == ["a", "b"]


def an_item(inside: str) -> MarkedItem:
    (item,) = page_of(
        a_page(
            'TotalItemsInView="1" IncludesLastItemInRange="true"',
            f'<t:CalendarItem><t:ItemId Id="a" ChangeKey="{"k" * 600}"/>{inside}{MARKED}</t:CalendarItem>',
        )
    ).items
    return item


@pytest.mark.parametrize(
    "text",
    ["", "soon", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "2026-13-45T99:00:00Z", "9" * 5000],
    ids=["none", "a word", "before time", "after time", "no date", "digits"],
)
def test_an_instant_that_cannot_be_read_is_never(text: str) -> None:
    item = an_item(f"<t:DateTimeCreated>{text}</t:DateTimeCreated>")
    assert item.created_at == NEVER
    assert item.ref == ItemRef(item_id="a"), "and a change key that is none is none"


def test_the_first_instant_of_all_can_be_read() -> None:
    assert an_item("<t:DateTimeCreated>0001-01-01T00:00:00Z</t:DateTimeCreated>").created_at.year == 1
