"""What a change makes of a row that nobody else touches meanwhile: the rules of compare and swap, no database."""

import random
from dataclasses import replace

from adapters.ledger import BookingKey, Claim, ClaimRequest, CompareAndSwap, LedgerRow, State

# Tells claims apart and is no secret. `secrets` would ask the system for each, and wait for Python's lock after each.
_TOKENS = random.Random()  # noqa: S311


def claimed(row: LedgerRow | None, wish: ClaimRequest, for_s: float) -> LedgerRow | None:
    """The row with a fresh claim, or None where it changed since it was read or is claimed by somebody at work."""
    current = row or LedgerRow(key=wish.row.key)
    if _as_read(current) != _as_read(wish.row) or (current.claim is not None and current.claim.is_live):
        return None
    claim = Claim(token=f"{_TOKENS.getrandbits(64):016x}", version=wish.version, remaining_s=for_s)
    removed_version = max(current.removed_version, wish.row.removed_version)
    return replace(current, claim=claim, state=wish.state or current.state, removed_version=removed_version)


def swapped(row: LedgerRow | None, swap: CompareAndSwap) -> LedgerRow | None:
    """The row that the swap leaves behind, or None where the row changed since it was read."""
    if not _may_swap(row, swap.before):
        return None
    if row is None:
        return swap.after
    claim = swap.after.claim
    if claim is not None and row.claim is not None and claim.token == row.claim.token:
        claim = replace(claim, remaining_s=row.claim.remaining_s)
    return replace(swap.after, claim=claim, removed_version=max(swap.after.removed_version, row.removed_version))


def barred(row: LedgerRow | None, key: BookingKey, version: int) -> LedgerRow:
    """The row with nothing at or below the version to come back."""
    current = row or LedgerRow(key=key)
    return replace(current, removed_version=max(current.removed_version, version))


def _may_swap(row: LedgerRow | None, before: LedgerRow | None) -> bool:
    if before is None or row is None:
        return row is None and (before is None or _as_read(before) == _as_read(LedgerRow(key=before.key)))
    return _as_read(row) == _as_read(before)


def _as_read(row: LedgerRow) -> tuple[str | None, State, int, str | None]:
    return (row.claim.token if row.claim else None, row.state, row.version, row.item.item_id if row.item else None)
