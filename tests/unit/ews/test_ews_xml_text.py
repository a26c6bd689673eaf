"""The XML of an answer: what is forbidden is dropped, and what would take long or much memory is refused."""

import pytest

from adapters.ews import answers
from adapters.ews.answers import Complaint
from adapters.ews.xml_text import Unreadable, without_forbidden
from tests.unit.ews.envelopes import soap


def with_text(text: bytes) -> bytes:
    return soap("<s:Fault><faultcode>a:ErrorServerBusy</faultcode><faultstring>X</faultstring></s:Fault>").replace(
        b"X", text
    )


@pytest.mark.parametrize(
    "text",
    [
        b"a&#x1;b", b"&#11;", b"&#xB;&#0;", b"&#xFFFE;&#xD800;&#65535;", b"&#x99999999999999999999;",
        b"\x01\x0b\x1f", b"\xef\xbf\xbe", b"\xed\xa0\x80", b"&#x" + b"0" * 30 + b"1;",
    ],
)  # fmt: skip
def test_characters_that_xml_forbids_are_dropped(text: bytes) -> None:
    assert answers.messages(with_text(text)) == Complaint(code="ErrorServerBusy")


def test_characters_that_xml_allows_stay_when_others_are_dropped() -> None:
    assert without_forbidden("é&#xe9;&#9;&amp;🎉\x02".encode()) == "é&#xe9;&#9;&amp;🎉".encode()


def test_forbidden_characters_are_dropped_from_answers_of_any_length() -> None:
    for length in (65_530, 65_536, 200_000):
        assert (
            without_forbidden(b"x " * (length // 2) + b"a&#x1;b<c>" * 9000) == b"x " * (length // 2) + b"ab<c>" * 9000
        )


@pytest.mark.parametrize("cut", [20, 200, 300])
def test_an_answer_that_was_cut_off_stays_unreadable_also_with_forbidden_characters(cut: int) -> None:
    with pytest.raises(Unreadable):
        answers.messages(with_text(b"&#x1;")[:-cut])


def test_an_answer_of_tags_without_end_is_not_built() -> None:
    with pytest.raises(Unreadable, match="too many"):
        answers.messages(with_text(b"<a/>" * 600_000))


_LONG = b"x" * 300_000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b"<!--" + _LONG + b"-->", id="a comment"),
        pytest.param(b"<!--" + _LONG.replace(b"xxxx", b"><&;") + b"-->", id="a comment of markup"),
        pytest.param(b"<!--" + _LONG, id="a comment cut off"),
        pytest.param(b'<a b="' + _LONG + b'"/>', id="an attribute"),
        pytest.param(
            b'<a b="' + _LONG.replace(b"x", b">") + b'"/>', id="an attribute that looks like the end of a tag"
        ),
        pytest.param(b"<a" + _LONG, id="a tag cut off"),
        pytest.param(b"<a></a" + _LONG.replace(b"x", b" ") + b">", id="the end of an element"),
        pytest.param(b"<?a " + _LONG + b"?>", id="an instruction"),
        pytest.param(b"&" + _LONG + b";", id="a reference"),
    ],
)
def test_what_the_parser_would_begin_anew_with_each_piece_is_bounded(part: bytes, encoding: str) -> None:
    content = with_text(part).decode().encode(encoding)
    with pytest.raises(Unreadable, match="without end"):
        answers.messages(content)


@pytest.mark.parametrize("text", [_LONG, b"<![CDATA[" + _LONG + b"]]>", b"<!-- it's -->" + _LONG, b"> ' &amp;" + _LONG])
def test_a_long_text_is_no_long_tag(text: bytes) -> None:
    assert answers.messages(with_text(text)) == Complaint(code="ErrorServerBusy")


@pytest.mark.parametrize(
    ("text", "said"),
    [(b"&#1;" * 600_000, "too many char"), (b"\x01a" * 200_000, "too many char"), (b"\n" * 2**21, "lines")],
)
def test_what_costs_a_step_for_each_of_its_bytes_is_bounded(text: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        answers.messages(with_text(text))


def test_forbidden_characters_are_dropped_from_utf_16_too() -> None:
    declared = '<?xml version="1.0" encoding="utf-16"?>' + with_text(b"a\x01&#x1;\xef\xbf\xbe").decode()
    assert answers.messages(declared.encode("utf-16")) == Complaint(code="ErrorServerBusy")


def test_a_reference_is_dropped_wherever_the_pieces_end() -> None:
    for at in range(65_400, 65_600):
        assert without_forbidden(b"x" * at + b"&#x000001;" + b"x" * 70_000) == b"x" * (at + 70_000)
        assert without_forbidden(b"x" * at + b"\xef\xbf\xbf" + b"x" * 70_000) == b"x" * (at + 70_000)


def test_references_are_dropped_by_what_they_stand_for() -> None:
    for code in (*range(0x110), *range(0xD700, 0xE100), *range(0xFF00, 0x10100), *range(0x10FF00, 0x110100), 2**40):
        allowed = code in (9, 10, 13) or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000
        for written in (f"&#{code};", f"&#x{code:x};", f"&#x00{code:X};"):
            assert without_forbidden(written.encode()) == (written.encode() if allowed else b""), written
