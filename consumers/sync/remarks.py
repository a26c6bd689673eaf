"""Warnings that a write brings back, as a result event carries them."""

from collections.abc import Iterable

from consumers.messages.codes import code_of
from consumers.messages.violations import Remark

_MEMBER = {
    "time_zone_as_utc": "/event/time_zone",
    "time_zone_replaced": "/event/time_zone",
    "all_day_as_times": "/event/all_day",
}


def remarks_on_write(codes: Iterable[str]) -> list[Remark]:
    """The warnings for codes that a calendar answered with."""
    return [Remark(code=code, message=code_of(code).sentence, member=_MEMBER.get(code)) for code in codes]
