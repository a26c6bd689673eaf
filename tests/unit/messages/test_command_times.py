"""Times, time zones and whole days of a command."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.messages.command import parse_command
from consumers.messages.violations import BadMessage
from tests.builders import Tenants, a_body, a_booking_command, a_tenant, an_event

TENANTS = Tenants(a_tenant())


def code_of_issued_at(text: str) -> str:
    with pytest.raises(BadMessage) as refused:
        parse_command(a_body(issued_at=text), TENANTS)
    assert [complaint.member for complaint in refused.value.complaints] == ["/issued_at"]
    return refused.value.first.code


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        pytest.param("2026-12-01T09:00:00Z", datetime(2026, 12, 1, 9, tzinfo=UTC), id="UTC"),
        pytest.param("2026-12-01t09:00:00z", datetime(2026, 12, 1, 9, tzinfo=UTC), id="in lower case"),
        pytest.param("2026-12-01T09:00:00-00:00", datetime(2026, 12, 1, 9, tzinfo=UTC), id="unknown offset"),
        pytest.param("2026-12-01T09:00:00+05:45", datetime(2026, 12, 1, 3, 15, tzinfo=UTC), id="quarter of an hour"),
        pytest.param("2026-01-01T00:00:00+23:59", datetime(2025, 12, 31, 0, 1, tzinfo=UTC), id="the day before"),
        pytest.param("2026-12-01T09:00:00.5Z", datetime(2026, 12, 1, 9, 0, 0, 500_000, tzinfo=UTC), id="half a second"),
        pytest.param(
            "2026-12-01T09:00:00.1234567891Z", datetime(2026, 12, 1, 9, 0, 0, 123_456, tzinfo=UTC), id="many digits"
        ),
        pytest.param("4000-12-31T23:59:59+23:59", datetime(4000, 12, 31, 0, 0, 59, tzinfo=UTC), id="far away"),
        pytest.param("1753-01-01T00:00:00Z", datetime(1753, 1, 1, tzinfo=UTC), id="long ago"),
    ],
)
def test_rfc_3339_is_read_into_utc(text: str, instant: datetime) -> None:
    assert a_booking_command(issued_at=text).issued_at == instant


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026-12-01T09:00:00", "naive_time"),
        ("2026-12-01", "time_invalid"),
        ("2026-12-01 09:00:00Z", "time_invalid"),
        ("2026-12-01T09:00Z", "time_invalid"),
        ("2026-12-01T09:00:00+0100", "time_invalid"),
        ("2026-12-01T09:00:00+24:00", "time_invalid"),
        ("2026-12-01T24:00:00Z", "time_invalid"),
        ("2026-12-31T23:59:60Z", "time_invalid"),
        ("2026-02-29T09:00:00Z", "time_invalid"),
        ("2026-W49-2T09:00:00Z", "time_invalid"),
        ("2026-12-01T09:00:00,5Z", "time_invalid"),
        ("2026-12-01T09:00:00Z\n", "time_invalid"),
        ("٢٠٢٦-12-01T09:00:00Z", "time_invalid"),
        ("1752-12-31T23:59:59Z", "time_invalid"),
        ("1753-01-01T00:00:00+01:00", "time_invalid"),
        ("4001-01-01T00:00:00Z", "time_invalid"),
        ("4000-12-31T23:59:59-01:00", "time_invalid"),
        ("9999-12-31T23:59:59-23:59", "time_invalid"),
        ("0001-01-01T00:00:00+23:59", "time_invalid"),
        ("", "time_invalid"),
    ],
)
def test_what_is_no_rfc_3339_is_refused(text: str, code: str) -> None:
    assert code_of_issued_at(text) == code


def test_a_leap_second_and_an_hour_24_are_refused_in_clear_words() -> None:
    with pytest.raises(BadMessage, match="00 to 59"):
        parse_command(a_body(issued_at="2026-12-31T23:59:60Z"), TENANTS)
    with pytest.raises(BadMessage, match="00:00:00 of the next day"):
        parse_command(a_body(issued_at="2026-12-31T24:00:00Z"), TENANTS)


@given(st.datetimes(datetime(1754, 1, 1), datetime(3999, 1, 1), timezones=st.timezones()))  # noqa: DTZ001  # hypothesis wants naive bounds
def test_every_instant_is_read_as_it_was_written(instant: datetime) -> None:
    moment = instant.astimezone(UTC)
    assert a_booking_command(issued_at=moment.isoformat()).issued_at == moment


@pytest.mark.parametrize("zone", ["Asia/Calcutta", "UTC", "Etc/GMT+3", "America/Argentina/Buenos_Aires"])
def test_links_and_odd_names_are_zones(zone: str) -> None:
    event = a_booking_command(event=an_event(time_zone=zone)).event
    assert event is not None
    assert event.time_zone == zone


@pytest.mark.parametrize(
    ("start", "end", "zone"),
    [
        pytest.param("2026-12-01T00:00:00+01:00", "2026-12-02T00:00:00+01:00", "Europe/Brussels", id="a day"),
        pytest.param("2026-11-30T23:00:00Z", "2026-12-01T23:00:00Z", "Europe/Brussels", id="written in UTC"),
        pytest.param("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", "Europe/Brussels", id="of 23 hours"),
        pytest.param("2024-04-26T00:00:00+02:00", "2024-04-27T00:00:00+03:00", "Africa/Cairo", id="without midnight"),
        pytest.param("2024-11-03T00:00:00-05:00", "2024-11-04T00:00:00-05:00", "America/Havana", id="two midnights"),
    ],
)
def test_whole_days_begin_and_end_at_midnight_in_their_zone(start: str, end: str, zone: str) -> None:
    event = a_booking_command(event=an_event(all_day=True, start=start, end=end, time_zone=zone)).event
    assert event is not None
    assert event.all_day


@pytest.mark.parametrize(
    ("start", "end", "member"),
    [
        pytest.param("2026-12-01T00:00:01+01:00", "2026-12-02T00:00:00+01:00", "/event/start", id="a second late"),
        pytest.param("2026-12-01T00:00:00+01:00", "2026-12-01T23:59:59+01:00", "/event/end", id="the last second"),
        pytest.param("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", "/event/start", id="midnights of another zone"),
    ],
)
def test_whole_days_that_do_not_are_refused(start: str, end: str, member: str) -> None:
    with pytest.raises(BadMessage) as refused:
        parse_command(a_body(event=an_event(all_day=True, start=start, end=end)), TENANTS)
    assert [(c.code, c.member) for c in refused.value.complaints] == [("all_day_not_midnight", member)]


def test_an_event_within_a_second_does_not_end_after_it_starts() -> None:
    times = {"start": "2026-12-01T09:00:00.2Z", "end": "2026-12-01T09:00:00.9Z"}
    with pytest.raises(BadMessage) as refused:
        parse_command(a_body(event=an_event(**times)), TENANTS)
    assert [(one.code, one.member) for one in refused.value.complaints] == [("end_before_start", "/event/end")]
    assert a_booking_command(command="end", event=an_event(**times)).is_removal


def test_fractions_of_a_second_keep_no_day_from_beginning() -> None:
    event = an_event(
        start="2026-12-01T00:00:00.25+01:00",
        end="2026-12-02T00:00:00.25+01:00",
        time_zone="Europe/Brussels",
        all_day=True,
    )
    assert a_booking_command(event=event).event is not None


def test_a_repetition_with_other_fractions_is_other_content_as_it_was_published() -> None:
    digests = {a_booking_command(event=an_event(start=f"2026-12-01T08:00:00{it}Z")).digest for it in ("", ".5", ".6")}
    assert len(digests) == 3
