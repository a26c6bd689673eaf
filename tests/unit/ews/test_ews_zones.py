"""Windows zones for ours, and the days that their own rules make of an event."""

from datetime import UTC, datetime
from importlib import resources

import pytest

from adapters.calendar import Done, RoomEvent
from adapters.ews.calendar import EwsCalendar
from adapters.exchange.zones import Zones
from adapters.simulator import Simulator
from tests.contract.calendar_harness import BOARD, Create, a_mark, a_room_event

WITHOUT_A_WINDOWS_ZONE = {"Antarctica/Troll", "Factory", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT"}


def a_day(time_zone: str, start_utc: tuple[int, ...], end_utc: tuple[int, ...]) -> RoomEvent:
    starts_at, ends_at = (datetime(*parts, tzinfo=UTC) for parts in (start_utc, end_utc))  # type: ignore[arg-type,misc]  # year to hour
    return a_room_event(time_zone=time_zone, starts_at=starts_at, ends_at=ends_at, all_day=True)


SCORESBYSUND = a_day("America/Scoresbysund", (2026, 12, 1, 2), (2026, 12, 2, 2))


@pytest.mark.parametrize(
    ("iana", "windows_id"),
    [
        ("Europe/Brussels", "Romance Standard Time"),
        ("Asia/Kolkata", "India Standard Time"),
        ("Asia/Calcutta", "India Standard Time"),
        ("Europe/Kyiv", "FLE Standard Time"),
        ("Europe/Uzhgorod", "FLE Standard Time"),
        ("GMT", "UTC"),
        ("US/East-Indiana", "US Eastern Standard Time"),
        ("America/Vancouver", "British Columbia Standard Time"),
    ],
)
def test_a_zone_or_link_has_its_windows_zone(iana: str, windows_id: str) -> None:
    assert Zones().id_of(iana) == windows_id


def test_nearly_every_name_of_the_database_has_a_windows_zone() -> None:
    names = set((resources.files("tzdata") / "zones").read_text("utf-8").split())
    assert {name for name in names if Zones().id_of(name) is None} <= WITHOUT_A_WINDOWS_ZONE


async def test_whole_days_stay_on_their_days_where_exchange_s_rules_are_others(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    (outcome,) = await calendar.apply(BOARD, [Create(mark=a_mark(), event=SCORESBYSUND)])
    assert isinstance(outcome, Done)
    assert outcome.warnings == ("time_zone_replaced",)
    (event,) = simulator.calendar(BOARD)
    assert (event.start, event.end, event.all_day) == (SCORESBYSUND.starts_at, SCORESBYSUND.ends_at, True)
    (read,) = (await calendar.read(BOARD, [])).events
    assert read.members == calendar.as_stored(SCORESBYSUND), "so that a repair comes to its end"


async def test_days_that_no_zone_of_exchange_has_are_kept_as_instants(
    simulator: Simulator, calendar: EwsCalendar
) -> None:
    # Half a year apart, over two changes of clocks that only this zone makes so.
    odd = a_day("America/Scoresbysund", (2024, 3, 1, 1), (2024, 12, 1, 2))
    (outcome,) = await calendar.apply(BOARD, [Create(mark=a_mark(), event=odd)])
    assert isinstance(outcome, Done)
    assert outcome.warnings == ("all_day_as_times",)
    (event,) = simulator.calendar(BOARD)
    assert (event.start, event.end, event.all_day) == (odd.starts_at, odd.ends_at, False)
    (read,) = (await calendar.read(BOARD, [])).events
    assert read.members == calendar.as_stored(odd)


def test_a_zone_whose_rules_are_exchange_s_is_kept_as_it_is() -> None:
    kept = Zones().kept(a_day("Europe/Brussels", (2026, 11, 30, 23), (2026, 12, 1, 23)))
    assert (kept.zone_id, kept.all_day, kept.warnings) == ("Romance Standard Time", True, ())


def test_whole_days_of_a_zone_that_this_server_refused_go_into_one_with_the_same_days() -> None:
    zones = Zones()
    zones.forget("British Columbia Standard Time")
    kept = zones.kept(a_day("America/Vancouver", (2026, 7, 1, 7), (2026, 7, 2, 7)))
    assert (kept.all_day, kept.warnings) == (True, ("time_zone_replaced",))


def test_midnight_half_a_world_away_is_another_day() -> None:
    zones = Zones()
    zones.forget("UTC+12")
    kept = zones.kept(a_day("Etc/GMT-12", (2026, 7, 1, 12), (2026, 7, 2, 12)))
    assert kept.zone_id != "Dateline Standard Time"
    assert kept.all_day
