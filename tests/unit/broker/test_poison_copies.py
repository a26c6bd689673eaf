"""What the journeys take for a copy byte for byte lacks no header of its publisher's, whatever it begins like."""

import pytest

from tests.bare_publisher import Lying
from tests.poison import PUBLISHERS_OWN, Poison, headers, is_copy_of, text

VALUE = text(b"B\xe2t")
ADDED = (b"x-death", b"x-first-death-reason", b"x-last-death-queue", b"x-delivery-count", b"x-acquired-count")
NOTED = (b"x-roomsync-failed-at", b"x-roomsync-error-code", b"x-roomsync-publisher")


def is_copy(sent: tuple[bytes, ...], lying: tuple[bytes, ...]) -> bool:
    poison = Poison(booking="B-1", body=b"{}", properties=headers(*((name, VALUE) for name in sent)))
    there = headers(*((name, VALUE) for name in lying))
    return is_copy_of(Lying(poison.routing_key, there, b"{}"), poison)


@pytest.mark.parametrize("lost", PUBLISHERS_OWN)
def test_one_that_lacks_a_publishers_header_is_no_copy(lost: bytes) -> None:
    assert not is_copy(PUBLISHERS_OWN, tuple(name for name in PUBLISHERS_OWN if name != lost))


def test_what_the_broker_and_a_worker_add_takes_nothing_from_a_copy() -> None:
    assert is_copy(PUBLISHERS_OWN, (*PUBLISHERS_OWN, *ADDED, *NOTED))
