"""How often a message came back: the broker's count is a header, and headers are anybody's."""

from typing import Any, cast

import pytest

from consumers.broker.redeliveries import REMEMBERED_MAX, Mishaps, Returns, came_back
from tests.fake_broker import FakeMessage, FakeSession


def a_message(count: object, *, redelivered: bool, message_id: str = "m-1") -> Any:  # noqa: ANN401 - as it is handed over
    headers = {"x-delivery-count": count}
    return FakeMessage(b"{}", FakeSession(), headers=headers, redelivered=redelivered, message_id=message_id)


@pytest.mark.parametrize("count", [50, 2**62, -1, True, "7", b"7", None, [], {}, 1.5])
def test_a_count_on_a_first_delivery_counts_for_nothing(count: object) -> None:
    assert Returns().count(a_message(count, redelivered=False)) == 0


@pytest.mark.parametrize("count", [-1, True, "7", b"7", None, [], {}, 1.5])
def test_a_count_that_is_none_counts_for_nothing(count: object) -> None:
    assert came_back(a_message(count, redelivered=True)) == 0


@pytest.mark.parametrize(
    ("borne", "told", "count"),
    [
        pytest.param(0, 3, 3, id="the broker's own"),
        pytest.param(50, 1, 1, id="the broker begins anew"),
        pytest.param(50, 51, 1, id="the broker counts on"),
        pytest.param(12, 12, 0, id="the broker does not count this return"),
    ],
)
def test_a_count_is_taken_from_what_the_message_bore_at_first(borne: int, told: int, count: int) -> None:
    returns = Returns()
    returns.count(a_message(borne, redelivered=False))
    assert returns.count(a_message(told, redelivered=True)) == count


def test_a_count_above_the_delivery_limit_is_not_the_brokers() -> None:
    assert Returns().count(a_message(51, redelivered=True)) == 1


def test_what_is_remembered_has_an_end() -> None:
    mishaps = Mishaps()
    for number in range(REMEMBERED_MAX + 1):
        mishaps.again(a_message(0, redelivered=False, message_id=str(number)))
    assert mishaps.again(a_message(0, redelivered=False, message_id="0")) == 1
    assert mishaps.again(a_message(0, redelivered=False, message_id=str(REMEMBERED_MAX))) == 2
    assert cast(Any, mishaps)._met.__len__() == REMEMBERED_MAX
