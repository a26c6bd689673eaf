import pytest

from adapters.ledger import LedgerIdentity
from consumers.intake.ledger_seat import LedgerRefused, Seat, judge_seat


def ledger(ledger_id: str = "a", generation: int = 3, *, is_empty: bool = False) -> LedgerIdentity:
    return LedgerIdentity(ledger_id=ledger_id, generation=generation, is_empty=is_empty)


SEAT = Seat(ledger_id="a", generation=3)


def test_the_first_ledger_takes_the_seat() -> None:
    assert judge_seat(None, ledger()) == "first"


@pytest.mark.parametrize("generation", [3, 4])
def test_the_ledger_in_use_keeps_its_seat(generation: int) -> None:
    assert judge_seat(SEAT, ledger(generation=generation)) == "same"


def test_an_empty_ledger_replaces_one_that_was_lost() -> None:
    assert judge_seat(SEAT, ledger("b", 0, is_empty=True)) == "replaces"


def test_another_ledger_is_refused() -> None:
    with pytest.raises(LedgerRefused, match="Another ledger is in use"):
        judge_seat(SEAT, ledger("b"))


def test_an_older_copy_of_the_ledger_in_use_is_refused() -> None:
    with pytest.raises(LedgerRefused, match="older copy"):
        judge_seat(SEAT, ledger(generation=2))


def test_the_seat_survives_its_way_through_the_broker() -> None:
    assert Seat.from_body(SEAT.to_message().body) == SEAT


@pytest.mark.parametrize("body", [b"", b"[]", b'{"ledger_id": "a"}', b"\xff"])
def test_a_message_that_is_none_of_ours_seats_nobody(body: bytes) -> None:
    assert Seat.from_body(body) is None
