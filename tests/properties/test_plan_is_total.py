"""The pure deciders answer for every row there can be, also for those no history is known to lead to."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.calendar import BookingId, FoundEvent, ItemRef, Mark, RoomAddress, TenantName
from adapters.ledger import BookingKey, Claim, LedgerRow, State
from consumers.messages.command import ABSENT, BookingCommand
from consumers.sync.plan import CreateEvent, Record, RemoveEvent, Repeat, Rest, UpdateEvent, must_block, plan
from consumers.sync.verify import judge, judge_first_touch
from tests.builders import a_booking_command, an_event

KEY = BookingKey(tenant=TenantName("acme"), room=RoomAddress("board@acme.example"), booking_id=BookingId("B-1001"))

versions = st.integers(1, 4)
digests = st.sampled_from((None, "written", "other"))
commands = st.one_of(
    st.builds(lambda v, s: a_booking_command(version=v, event=an_event(subject=s)), versions, st.sampled_from("xy")),
    st.builds(lambda v: a_booking_command(command="cancel", version=v), versions),
)
claims = st.none() | st.builds(
    Claim, token=st.just("t"), version=versions, remaining_s=st.sampled_from((-1.0, 0.0, 50.0))
)


@st.composite
def rows(draw: st.DrawFn) -> LedgerRow:
    """Any row; only a tombstone holds nothing of an event, as the ledger sees to."""
    state = draw(st.sampled_from(State))
    gone = state is State.ABSENT
    known = [None, ABSENT, a_booking_command(event=an_event(subject="x")).digest]
    return LedgerRow(
        key=KEY,
        state=state,
        version=draw(st.integers(0, 4)),
        removed_version=draw(st.integers(0, 4)),
        item=None if gone else draw(st.sampled_from((None, ItemRef(item_id="item")))),
        command_digest=draw(st.sampled_from(known)),
        written_digest=None if gone else draw(digests),
        snapshot=None if gone else draw(st.sampled_from((None, "{}"))),
        claim=draw(claims),
    )


found = st.lists(
    st.builds(
        lambda version, number: FoundEvent(
            mark=Mark(booking_id=KEY.booking_id, version=version),
            ref=ItemRef(item_id=f"found-{number}"),
            created_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
        ),
        versions,
        st.integers(0, 9),
    ),
    max_size=4,
    unique_by=lambda event: event.ref.item_id,
)


@settings(max_examples=1000)
@given(commands, rows(), digests)
def test_a_plan_never_writes_below_what_is_settled_or_removed(
    command: BookingCommand, row: LedgerRow, digest: str | None
) -> None:
    step = plan(command, row, None if command.is_removal else digest)
    if isinstance(step, CreateEvent | UpdateEvent | RemoveEvent):
        assert command.version >= max(row.version, row.removed_version)
        assert isinstance(step, RemoveEvent) == command.is_removal
        assert isinstance(step, CreateEvent) == (row.item is None)
    if row.claim is not None and row.claim.is_live:
        assert isinstance(step, Rest)


@settings(max_examples=1000)
@given(commands, rows(), digests)
def test_a_planned_row_never_goes_back(command: BookingCommand, row: LedgerRow, digest: str | None) -> None:
    step = plan(command, row, None if command.is_removal else digest)
    if isinstance(step, Record | Repeat) and step.row is not None:
        assert step.row.version >= row.version
        assert step.row.removed_version >= row.removed_version
        assert step.row.claim is None


@settings(max_examples=1000)
@given(commands, rows())
def test_only_a_newer_removal_bars(command: BookingCommand, row: LedgerRow) -> None:
    if must_block(command, row):
        assert command.is_removal
        assert command.version > max(row.version, row.removed_version)


@settings(max_examples=1000)
@given(rows(), found, st.lists(st.builds(Mark, booking_id=st.just(KEY.booking_id), version=versions), max_size=3))
def test_a_look_keeps_one_event_or_none_and_forgets_no_removal(
    row: LedgerRow, events: list[FoundEvent], trashed: list[Mark]
) -> None:
    for judgement in (judge(row, events), judge_first_touch(row, events, trashed)):
        kept = {event.ref for event in events} - set(judgement.surplus)
        assert len(kept) <= 1
        assert judgement.row.claim is None
        assert judgement.row.removed_version >= row.removed_version
        assert judgement.row.item in kept if kept else judgement.row.item is None
        assert (judgement.row.state is State.PRESENT) >= bool(kept)
