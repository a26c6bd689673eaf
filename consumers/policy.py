"""The waits and sizes that operators may set (docs/contract.md#configuration, `[sync]`), and the fixed ones."""

from dataclasses import dataclass

DEFER_TIERS_S = (15, 60, 300, 900, 3600)
"""The deferred queues (docs/contract.md#queues)."""
OWN_BACK_OFF_S = 1.0
OWN_BACK_OFF_MAX_S = 8.0
"""Our own wait where Exchange names none doubles from the one to the other: short, to notice soon that it ends."""
PAUSE_MAX_S = 7 * 24 * 3600.0
"""A longer time named by Exchange is a slip of somebody's."""
SLOW_SHARE = 0.25
"""An answer that takes this share of `request_timeout_s` is slow: the next batches are smaller."""
SLOT_WITHIN_S = 60.0
"""How long a request waits for its turn before its commands go back to the broker."""
CLAIM_MARGIN_S = 5.0
"""What a claim must outlast a request's time-out by, for the way to Exchange and back."""
BREAKER_FIRST_WAIT_S = 60.0
BREAKER_LATER_WAIT_S = 300.0
BREAKER_LATER_AFTER_S = 600.0
BREAKER_READ_EVERY_S = 10.0
"""How long a worker may take no notice of what others do to a tenant's breaker."""
DOUBT_S = 2.0
"""How long a tenant waits after a first odd answer, such as a 401 that was meant as a throttle."""
ASKING_LOOK_S = 1.0
"""How often those look who wait for the one request that tells whether the tenant works."""
PROBE_EVERY_S = 60.0
REJECTED_PROBES_MAX = 3
REJECTED_PROBE_EVERY_S = 900.0
"""After three rejected logins: domains lock an account after five or ten within a quarter of an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPolicy:
    """How long to hold, claim and wait."""

    hold_s: float = 60.0
    batch_max: int = 20
    claim_s: float = 90.0
    second_look_s: int = 300
    request_timeout_s: float = 30.0
    give_up_after_s: float = 24 * 3600.0
    too_old_after_s: float = 179 * 24 * 3600.0
    """`keep_days` less a day: an older command may be one whose tombstone was dropped."""
