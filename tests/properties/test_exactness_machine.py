"""A sceptic's proof of promises 1 to 3: whatever befalls workers, ledger, broker and Exchange, the calendars are exact.

ROOMSYNC_MACHINE_EXAMPLES=20000 looks longer than `make test` does.
"""

import os
from collections.abc import Sequence
from typing import Any, TypeVar

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from adapters.calendar import RoomAddress
from adapters.errors import CalendarError, Misconfigured, Refused, Throttled, Transient, Unknown
from tests.properties.broker import BrokerTrouble
from tests.properties.exchange import Fate, Trouble, Violation
from tests.properties.history_harness import HistoryHarness
from tests.properties.ledgers import LedgerTrouble
from tests.properties.promises import check_exact, check_settled
from tests.properties.stories import ROOMS, Told, stories
from tests.properties.workers import Worker

# Looking longer, and shrinking what was found, take their time.
pytestmark = pytest.mark.timeout(0)

EXAMPLES = int(os.environ.get("ROOMSYNC_MACHINE_EXAMPLES", "250"))
BOOKINGS = ("A", "B", "C")

PEOPLE_DO = ("delete and undelete", "delete", "edit", "copy", "restore", "move away")

numbers = st.integers(0, 5)
fates = st.sampled_from(("applied", "never", "late", "far"))
items = st.sampled_from((None, 0, 1))
write_troubles = st.one_of(
    st.builds(lambda fate, item: Trouble(error=Unknown(), fate=fate, item=item), fates, items),
    st.builds(
        lambda fate, item: Trouble(error=Refused("event_refused"), fate=fate, item=item),
        st.sampled_from(("never", "applied")),
        items,
    ),
    st.builds(lambda item: Trouble(error=Transient(), item=item), items),
    st.builds(lambda wait_s: Trouble(error=Throttled(wait_s)), st.sampled_from((None, 20.0, 297.0))),
    st.just(Trouble(error=Refused("event_refused", whole_request=True))),
    st.just(Trouble(error=Misconfigured())),
)
read_troubles: st.SearchStrategy[CalendarError] = st.sampled_from(
    (Transient(), Unknown(), Throttled(20.0), Throttled(297.0), Refused("rights_missing"), Misconfigured())
)


WHAT_HAPPENS: dict[str, tuple[int, tuple[st.SearchStrategy[Any], ...]]] = {
    "publish": (
        12,
        (
            st.sampled_from((0, 0, 0, 0, 1, 2, 5)),
            st.sampled_from((1, 1, 1, 2, 3)),
            st.sampled_from(("done", "sent", "done", "sent", "claimed", "nothing")),
        ),
    ),
    "publish_again": (1, (numbers,)),
    "work": (5, (numbers, st.sampled_from((20, 1, 2)), st.integers(0, 25))),
    "go_on": (3, (numbers, st.integers(1, 12), st.booleans())),
    "go_on_until": (4, (numbers, st.sampled_from(("sent", "sent", "claimed")))),
    "let_run": (4, (st.sampled_from((0.0, 0.0, 20.0, 95.0, 200.0, 700.0)), st.booleans())),
    "pass_time": (2, (st.sampled_from((1.0, 16.0, 34.0, 56.0, 95.0, 310.0, 90_000.0)),)),
    "replay": (1, ()),
    "come_to_rest": (1, ()),
    "trouble_writing": (4, (write_troubles, st.sampled_from((1.0, 30.0, 100.0)))),
    "trouble_reading": (1, (read_troubles,)),
    "trouble_publishing": (1, (st.sampled_from(("not published", "published but not confirmed")),)),
    "trouble_recording": (1, (st.sampled_from(("unavailable", "committed, then unavailable")),)),
    "kill": (2, (numbers, fates)),
    "take_over": (2, (numbers, st.booleans())),
    "back_up_ledger": (1, ()),
    "lose_ledger": (1, (st.booleans(), fates)),
    "people": (2, (st.sampled_from(PEOPLE_DO), st.sampled_from(ROOMS), numbers)),
}
"""Actions with their weights and arguments. One rule draws them all: Hypothesis leaves out rules at random, and a
history without publishing, or without time, proves nothing."""

actions = st.sampled_from([name for name, (weight, _) in WHAT_HAPPENS.items() for _ in range(weight)]).flatmap(
    lambda name: st.tuples(st.just(name), *WHAT_HAPPENS[name][1])
)

Thing = TypeVar("Thing")


def _one_of(things: Sequence[Thing], which: int) -> Sequence[Thing]:
    """One of them, or none where there is none."""
    return [things[which % len(things)]] if things else []


class ExactnessMachine(RuleBasedStateMachine):
    """A history, drawn action by action; where it ends, everything comes to rest and is checked."""

    def __init__(self) -> None:
        super().__init__()
        self.logging = structlog.get_config()
        self.unpublished: list[Told] = []
        self.history = HistoryHarness(batch_max=20)
        self.befalls = "no more"

    @initialize(
        data=st.data(),
        count=st.sampled_from((1, 1, 2, 3)),
        batch_max=st.sampled_from((20, 1, 2)),
        befalls=st.sampled_from(("no more", "no more", "ledger", "people", "both")),
    )
    def begin(self, data: st.DataObject, count: int, batch_max: int, befalls: str) -> None:
        self.befalls = befalls
        for booking in BOOKINGS[:count]:
            self.unpublished += data.draw(stories(booking), label=f"story of {booking}")
        self.history = HistoryHarness(batch_max=batch_max)
        structlog.configure(processors=[self.history.listen])

    @rule(action=st.deferred(lambda: actions))
    def then(self, action: tuple[str, ...]) -> None:
        name, *arguments = action
        getattr(self, name)(*arguments)

    # -- what should happen

    def publish(self, which: int, count: int, then: str) -> None:
        for _ in range(min(count, len(self.unpublished))):
            self.history.publish(self.unpublished.pop(which % len(self.unpublished)))
        if then == "done":
            self.history.run(self.history.clock.now_s)
        elif then != "nothing":
            for room in self.history.deliverable():
                self.history.deliver(room, count)
                self._go_on_until(self.history.workers[room], then)

    def publish_again(self, which: int) -> None:
        for told in _one_of(self.history.published, which):
            self.history.publish(told)

    def work(self, which: int, count: int, steps: int) -> None:
        for room in _one_of(self.history.deliverable(), which):
            self.history.deliver(room, count)
            for _ in range(steps):
                self.history.step(self.history.workers[room])

    def go_on(self, which: int, steps: int, newest: bool) -> None:
        for worker in _one_of(self.history.busy(), which):
            for _ in range(steps):
                self.history.step(worker, -1 if newest else 0)

    def go_on_until(self, which: int, what: str) -> None:
        for worker in _one_of(self.history.busy(), which):
            self._go_on_until(worker, what)

    def _go_on_until(self, worker: Worker, what: str) -> None:
        """Until a worker has claimed, and not sent yet what it claimed for; or has sent, and not got its answer yet."""
        begins = "answer to" if what == "sent" else "go on, having claimed"
        for _ in range(40):
            ready = self.history.steps.of(worker.process, self.history.clock.now_s)
            if not any(step.what.startswith(begins) for step in ready):
                self.history.step(worker)

    def let_run(self, for_s: float, zombies: bool) -> None:
        self.history.run(self.history.clock.now_s + for_s, zombies=zombies)

    def pass_time(self, for_s: float) -> None:
        self.history.pass_time(for_s)

    def replay(self) -> None:
        self.history.replay()

    def come_to_rest(self) -> None:
        self.settle_everything()

    # -- what may go wrong

    def trouble_writing(self, trouble: Trouble, lateness_s: float) -> None:
        self.history.exchange.lateness_s = lateness_s
        self.history.exchange.write_troubles.append(trouble)

    def trouble_reading(self, error: CalendarError) -> None:
        self.history.exchange.read_troubles.append(error)

    def trouble_publishing(self, trouble: BrokerTrouble) -> None:
        self.history.broker.troubles.append(trouble)

    def trouble_recording(self, trouble: LedgerTrouble) -> None:
        self.history.ledger_troubles.append(trouble)

    def kill(self, which: int, fate: Fate) -> None:
        for room in _one_of(self.history.at_work(), which):
            self.history.kill(room, fate)

    def take_over(self, which: int, knows: bool) -> None:
        for room in _one_of(self.history.at_work(), which):
            self.history.take_over(room, knows=knows)

    def back_up_ledger(self) -> None:
        self.history.back_up()

    def lose_ledger(self, restore: bool, fate: Fate) -> None:
        if self.befalls in ("ledger", "both") and not self.history.exchange.is_far_behind():
            if not restore:
                self.history.lose_ledger(fate)
            elif self.history.backup is not None:
                self.history.restore_ledger(fate)

    def people(self, what: str, room: RoomAddress, which: int) -> None:
        if self.befalls in ("people", "both"):
            self.history.people(what, room, which)

    def teardown(self) -> None:
        try:
            for told in self.unpublished:
                self.history.publish(told)
            self.settle_everything()
        finally:
            structlog.configure(**self.logging)

    def settle_everything(self) -> None:
        history = self.history
        try:
            history.calm_down()
            history.run()
            check_settled(history)
            history.replay_all()
            check_exact(history)
        except Violation as violation:
            raise Violation(f"{violation}\n\n" + "\n".join(history.history)) from None


TestExactness = ExactnessMachine.TestCase
TestExactness.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    report_multiple_bugs=False,
    print_blob=False,
    suppress_health_check=list(HealthCheck),  # a whole history is a large and slow example
)
