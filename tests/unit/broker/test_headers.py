from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest
from aio_pika.abc import AbstractIncomingMessage

from consumers.broker.delivery import published_at
from consumers.broker.headers import RoomsyncHeaders, copy_of, plausible, returned_count, was_parked_by_us
from consumers.failed.message import describe
from tests.builders import Tenants, a_tenant
from tests.fake_broker import FakeMessage, FakeSession

FIRST_SEEN_AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


def a_message(**changes: object) -> AbstractIncomingMessage:
    return cast("AbstractIncomingMessage", FakeMessage(b"{}", FakeSession(), **changes))  # type: ignore[arg-type]  # a builder takes any


def test_what_the_broker_wrote_and_what_would_harm_is_not_kept() -> None:
    message = a_message(
        headers={
            "x-death": [{}],
            "x-first-death-queue": "q",
            "x-last-death-reason": "expired",
            "x-delivery-count": 3,
            "x-acquired-count": 4,
            "CC": ["elsewhere"],
            "BCC": ["elsewhere"],
            "x-publishers-own": "kept",
            "traceparent": "00-abc",
        },
        user_id="spaceiq",
        expiration=1000,
    )
    copy = copy_of(message)
    assert copy.headers == {"x-publishers-own": "kept", "traceparent": "00-abc", "x-roomsync-publisher": "spaceiq"}
    told = copy.properties
    assert (told.user_id, told.expiration) == (None, None)
    assert (told.message_id, told.app_id, told.content_type) == ("m-1", "spaceiq", "application/json")


def test_a_publisher_noted_before_stays_noted() -> None:
    copy = copy_of(a_message(headers={"x-roomsync-publisher": "spaceiq"}))
    assert copy.headers["x-roomsync-publisher"] == "spaceiq"


def test_notes_survive_their_way_through_the_broker() -> None:
    notes = RoomsyncHeaders.read(
        copy_of(a_message(), attempts=2, first_seen_at="2026-11-20T09:00:00.000Z", look="booking", delayed=True).headers
    )
    assert (notes.attempts, notes.look, notes.delayed_told) == (2, "booking", True)
    assert notes.first_seen_at is not None


def test_headers_that_are_not_as_we_write_them_count_as_absent() -> None:
    headers = {"attempts": "7", "first-seen-at": "yesterday", "look": "sharp", "derived": "yes"}
    notes = RoomsyncHeaders.read({f"x-roomsync-{name}": value for name, value in headers.items()})
    assert notes == RoomsyncHeaders()
    assert returned_count({"x-delivery-count": "many"}) == 0


def test_a_command_that_was_sent_away_and_parked_by_the_broker_later_was_not_parked_by_us() -> None:
    sent_away = copy_of(a_message(), attempts=2, error_code="throttled", error_message="Exchange asked to wait.")
    parked = copy_of(a_message(), error_code="event_refused", failed_at="2026-11-20T09:00:00.000Z")
    assert not was_parked_by_us(sent_away.headers)
    assert was_parked_by_us(parked.headers)


@pytest.mark.parametrize(
    "instant",
    [
        pytest.param(datetime.min, id="the first"),  # noqa: DTZ901 - the client decodes without a zone
        pytest.param(datetime.max, id="the last"),  # noqa: DTZ901 - the same
        pytest.param(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))), id="before the first"),
        pytest.param(datetime(1999, 12, 31, tzinfo=UTC), id="too early"),
        pytest.param(datetime(2200, 1, 1, tzinfo=UTC), id="too late"),
        pytest.param(1764500000, id="a number"),
        pytest.param(None, id="none"),
    ],
)
def test_an_instant_that_no_clock_shows_is_none(instant: object) -> None:
    assert plausible(instant) is None
    message = cast(Any, a_message(timestamp=instant))
    assert published_at(message, RoomsyncHeaders(), FIRST_SEEN_AT) == FIRST_SEEN_AT
    assert describe(message, Tenants(a_tenant())).failed_at is None


def test_an_instant_without_a_zone_is_utc() -> None:
    assert plausible(datetime(2026, 11, 20, 9)) == FIRST_SEEN_AT  # noqa: DTZ001 - as the client decodes it
