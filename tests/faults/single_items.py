"""The table of what can befall one item in the middle of a CreateItem request of three, and what happens next."""

from adapters.simulator import CodeAlthoughApplied, ItemCode, StopBatch, ThrottleItem
from tests.faults.stories import AT_ONCE_S, LOOKED_FOR, LOOKED_FOR_AT_S, SYNCED, Story

BOTH_SYNCED = (SYNCED, SYNCED)
WITHOUT_IT = ("B-0", "B-2")


def sent_again(**changes: object) -> Story:
    """Certainly not applied: it alone is sent again."""
    story = {"told": SYNCED, "others": BOTH_SYNCED, "done_s": (0.5, 1.5), "requests": {"CreateItem": 2}}
    return Story(**(story | changes))  # type: ignore[arg-type]  # a builder takes any


def looked_for(**changes: object) -> Story:
    """It alone may have been applied, rests, is looked for, and looked at once more; `written`: whether it was."""
    story = {
        "told": LOOKED_FOR,
        "others": BOTH_SYNCED,
        "done_s": LOOKED_FOR_AT_S,
        "requests": {"CreateItem": 2, "FindItem": 2},
    }
    return Story(**(story | changes))  # type: ignore[arg-type]  # a builder takes any


def refused(code: str, **changes: object) -> Story:
    """It alone is parked, at once."""
    story = {
        "told": (f"failed: {code}",),
        "others": BOTH_SYNCED,
        "done_s": AT_ONCE_S,
        "requests": {"CreateItem": 1},
        "written": 2,
        "stand": WITHOUT_IT,
    }
    return Story(**(story | changes))  # type: ignore[arg-type]  # a builder takes any


SINGLE_ITEMS = {
    "ErrorServerBusy for 5 s": sent_again(fault=ThrottleItem(1, 5000), done_s=(5.0, 5.5)),
    "ErrorServerBusy for two minutes": sent_again(
        fault=ThrottleItem(1, 120_000),
        told=("back in 60 s: throttled", "back in 60 s: throttled", "synced"),
        done_s=(120.0, 120.5),
    ),
    "ErrorServerBusy without a time": sent_again(fault=ThrottleItem(1, None)),
    "ErrorInternalServerTransientError": sent_again(fault=ItemCode(1, "ErrorInternalServerTransientError")),
    "ErrorTimeoutExpired, not applied": looked_for(fault=ItemCode(1, "ErrorTimeoutExpired")),
    "ErrorTimeoutExpired, applied": looked_for(
        fault=CodeAlthoughApplied("ErrorTimeoutExpired", index=1), requests={"CreateItem": 1, "FindItem": 2}
    ),
    "ErrorBatchProcessingStopped after it": sent_again(fault=StopBatch(1), others=BOTH_SYNCED, done_s=AT_ONCE_S),
    "ErrorBatchProcessingStopped from it on": sent_again(fault=StopBatch(0)),
    "refused, and ErrorBatchProcessingStopped after it": refused(
        "mailbox_full",
        fault=StopBatch(1, "ErrorQuotaExceeded"),
        requests={"CreateItem": 2},
    ),
    "ErrorMailboxMoveInProgress": sent_again(fault=ItemCode(1, "ErrorMailboxMoveInProgress")),
    "ErrorMailboxStoreUnavailable": sent_again(fault=ItemCode(1, "ErrorMailboxStoreUnavailable")),
    "ErrorIrresolvableConflict": sent_again(fault=ItemCode(1, "ErrorIrresolvableConflict")),
    "ErrorNonExistentMailbox": refused("room_not_found", fault=ItemCode(1, "ErrorNonExistentMailbox")),
    "ErrorAccessDenied": refused("rights_missing", fault=ItemCode(1, "ErrorAccessDenied")),
    "ErrorQuotaExceeded": refused("mailbox_full", fault=ItemCode(1, "ErrorQuotaExceeded")),
    "ErrorQuotaExceeded although applied": refused(
        "mailbox_full",
        fault=CodeAlthoughApplied("ErrorQuotaExceeded", index=1),
        written=3,
        stand=("B-0", "B-1", "B-2"),
    ),
    "ErrorCalendarDurationIsTooLong": refused("event_refused", fault=ItemCode(1, "ErrorCalendarDurationIsTooLong")),
    "an unknown response code": refused("exchange_refused", fault=ItemCode(1, "ErrorNeverHeardOf")),
}
"""By what befalls the item. Nothing here opens the tenant's breaker or costs another item its outcome."""
