"""A room's status costs what the room has, however many other rooms there are."""

from collections.abc import Hashable
from typing import Any

import pytest

from adapters.calendar import RoomAddress
from adapters.errors import Throttled
from consumers.broker.parsing import Reader
from tests.builders import Tenants, a_tenant
from tests.room_harness import BOARD
from tests.unit.worker.operating import Insides

OTHERS = 300


class Asked(str):
    """A room's address that counts what it is compared with."""

    __slots__ = ("compared",)
    compared: int

    def __eq__(self, other: object) -> bool:
        self.compared = getattr(self, "compared", 0) + 1
        return str.__eq__(self, other)  # type: ignore[no-any-return]  # typed so for any object

    __hash__ = str.__hash__


@pytest.fixture
def insides() -> Insides:
    insides = Insides()
    insides.consuming()
    insides.reader = Reader(Tenants(a_tenant()), insides.intake.clocks)
    return insides


def of_room(told: dict[str, Any]) -> list[Hashable]:
    return [(lane["tenant"], lane["room"], lane["waiting"] + lane["in_work"]) for lane in told["lanes"]]


async def test_it_is_looked_up_among_many(insides: Insides) -> None:
    lanes = insides.intake.lanes
    for number in range(OTHERS):
        lanes.put(*insides.arrived(room=f"room-{number}@acme.example"))
    asked = Asked("room-7@acme.example")
    told = insides.view.status(RoomAddress(asked))
    await lanes.stop(0)
    assert of_room(told) == [("acme", asked, 1)]
    assert asked.compared < OTHERS / 10


async def test_it_shows_the_room_of_each_tenant_that_has_one(insides: Insides) -> None:
    lanes = insides.intake.lanes
    for tenant in ("acme", "bravo"):
        lanes.put(*insides.arrived(room=BOARD, tenant=tenant))
    told = insides.view.status(RoomAddress(BOARD))
    await lanes.stop(0)
    assert of_room(told) == [("acme", BOARD, 1), ("bravo", BOARD, 1)]


async def test_a_room_whose_work_is_done_has_no_lane(insides: Insides) -> None:
    insides.intake.lanes.put(*insides.arrived(room=BOARD))
    await insides.intake.lanes.stop(0)
    assert insides.view.status(RoomAddress(BOARD))["lanes"] == []


async def test_of_throttled_rooms_it_shows_the_one(insides: Insides) -> None:
    gate = insides.gate()
    for room in (BOARD, "hall@acme.example"):
        async with gate.slot(RoomAddress(room)) as turn:
            await turn.report([Throttled(30.0)])
    told: Any = insides.view.status(RoomAddress(BOARD))["tenants"]
    assert list(told["acme"]["throttled_rooms"]) == [BOARD]
    assert (told["acme"]["throttled_rooms_left_out"], told["acme"]["room_limits_left_out"]) == (0, 0)
