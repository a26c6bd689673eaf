import pytest

from adapters.ledger import LedgerIdentity
from consumers.broker.ledger_registration import LedgerRefused, Registration, check_registration


def ledger(ledger_id: str = "a", generation: int = 3, *, is_empty: bool = False) -> LedgerIdentity:
    return LedgerIdentity(ledger_id=ledger_id, generation=generation, is_empty=is_empty)


SEAT = Registration(ledger_id="a", generation=3)


def test_the_first_ledger_takes_the_seat() -> None:
    assert check_registration(None, ledger()) == "first"


@pytest.mark.parametrize("generation", [3, 4])
def test_the_ledger_in_use_keeps_its_seat(generation: int) -> None:
    assert check_registration(SEAT, ledger(generation=generation)) == "same"


def test_an_empty_ledger_replaces_one_that_was_lost() -> None:
    assert check_registration(SEAT, ledger("b", 0, is_empty=True)) == "replaces"


def test_another_ledger_is_refused() -> None:
    with pytest.raises(LedgerRefused, match="Another ledger is in use"):
        check_registration(SEAT, ledger("b"))


def test_an_older_copy_of_the_ledger_in_use_is_refused() -> None:
    with pytest.raises(LedgerRefused, match="older copy"):
        check_registration(SEAT, ledger(generation=2))


def test_the_seat_survives_its_way_through_the_broker() -> None:
    assert Registration.from_body(SEAT.to_message().body) == SEAT


@pytest.mark.parametrize("body", [b"", b"[]", b'{"ledger_id": "a"}', b"\xff"])
def test_a_message_that_is_none_of_ours_seats_nobody(body: bytes) -> None:
    assert Registration.from_body(body) is None
