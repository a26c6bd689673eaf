"""Commands of equal version in one batch share one fate (docs/protocol.md#rule-8)."""

from adapters.errors import Refused
from consumers.messages.disposition import Completed, DeadLettered, Finished
from tests.room_harness import RoomHarness, versioned


async def test_a_refusal_parks_every_command_of_equal_version_and_asks_once() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Refused(), kind="create")
    verdicts = await harness.run(versioned(1), versioned(1), versioned(1))
    assert [type(verdict) for verdict in verdicts] == [DeadLettered, DeadLettered, DeadLettered]
    assert harness.kinds() == ["create"]


async def test_what_one_of_equal_version_made_true_is_true_for_all() -> None:
    harness = RoomHarness()
    verdicts = await harness.run(versioned(1), versioned(1))
    assert [verdict.outcome for verdict in verdicts if isinstance(verdict, Completed)] == [Finished.SYNCED] * 2
    assert harness.kinds() == ["create"]
