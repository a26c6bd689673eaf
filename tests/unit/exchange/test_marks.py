"""Marks as people and other programs spoil them: read by rules that cannot raise, and told."""

import pytest
from structlog.testing import capture_logs

from adapters.calendar import ItemRef, RoomAddress, TenantName
from adapters.exchange.marks import NEVER, MarkedItem, Marks

BOARD = RoomAddress("board@acme.example")


def an_item(booking: str = "acme/B-1", version: str = "7") -> MarkedItem:
    return MarkedItem(ref=ItemRef(item_id="AAMk"), created_at=NEVER, booking=booking, version=version)


@pytest.mark.parametrize(
    ("version", "read"),
    [("7", 7), ("9007199254740991", 2**53 - 1), ("", 0), ("five", 0), ("-1", 0), ("1e3", 0), ("٣", 0), (" 7", 0)],
)
def test_a_version_is_a_number_or_the_oldest_of_all(version: str, read: int) -> None:
    found = Marks(TenantName("acme")).ours(BOARD, an_item(version=version))
    assert found is not None
    assert found.mark.version == read


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(an_item(version="9" * 255), id="255 nines"),
        pytest.param(an_item(version="9007199254740992"), id="one too many"),
        pytest.param(an_item(booking="acme/two words"), id="a blank"),
        pytest.param(an_item(booking="acme/" + "x" * 201), id="too long"),
        pytest.param(an_item(booking="acme/é"), id="no ASCII"),
    ],
)
def test_a_mark_that_cannot_be_ours_is_ignored_and_told_once_a_room(item: MarkedItem) -> None:
    marks = Marks(TenantName("acme"))
    with capture_logs() as logs:
        assert [marks.ours(BOARD, item) for _ in range(3)] == [None] * 3
    assert [(entry["event"], entry["room"]) for entry in logs] == [("mark.ignored", BOARD)]


@pytest.mark.parametrize("booking", ["", "acme/", "acme", "ACME/B-1", "globex/B-1"])
def test_what_bears_no_mark_of_this_tenant_is_not_told(booking: str) -> None:
    with capture_logs() as logs:
        assert Marks(TenantName("acme")).ours(BOARD, an_item(booking=booking)) is None
    assert logs == []
