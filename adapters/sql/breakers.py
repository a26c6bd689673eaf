"""Statements on open breakers; each stands alone in its transaction, under the lock of the tenant's row."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Update, delete, insert, select, update

from adapters.calendar import TenantName
from adapters.ledger import BreakerRow
from adapters.sql.schema import breakers

_SECOND_US = 1_000_000


def read(connection: Connection, now_us: int, tenant: TenantName) -> BreakerRow | None:
    """The tenant's open breaker, or None."""
    record = connection.execute(select(breakers).where(breakers.c.tenant == tenant)).first()
    return None if record is None else _row_of(record, now_us)


def read_all(connection: Connection, now_us: int) -> list[BreakerRow]:
    """All open breakers, by tenant."""
    records = connection.execute(select(breakers).order_by(breakers.c.tenant))
    return [_row_of(record, now_us) for record in records]


def open_one(connection: Connection, now_us: int, row: BreakerRow) -> BreakerRow:
    """Open a breaker as the row says, or tell anew why it is open; returns the row that is there then."""
    found = _locked(connection, now_us, row.tenant)
    if found is None:
        connection.execute(insert(breakers), _record_of(row, now_us))
    else:
        connection.execute(_of(row.tenant).values(code=row.code, detail=row.detail))
    kept = read(connection, now_us, row.tenant)
    assert kept is not None  # noqa: S101 - it was written in this transaction
    return kept


def take_probe(connection: Connection, now_us: int, tenant: TenantName, fingerprint: str, next_in_s: float) -> bool:
    """Take the probe if it is due, or if nobody has tried with this fingerprint yet."""
    found = _locked(connection, now_us, tenant)
    if found is None or (found.next_probe_in_s > 0 and fingerprint in found.tried):
        return False
    connection.execute(
        _of(tenant).values(
            next_probe_us=now_us + round(next_in_s * _SECOND_US),
            probes=breakers.c.probes + 1,
            tried=_joined({*found.tried, fingerprint}),
        )
    )
    return True


def close_one(connection: Connection, tenant: TenantName) -> bool:
    """Forget an open breaker; returns whether it was open."""
    return connection.execute(delete(breakers).where(breakers.c.tenant == tenant)).rowcount > 0


def hasten(connection: Connection, now_us: int, tenant: TenantName) -> bool:
    """Make the next probe due; returns whether the breaker is open."""
    return connection.execute(_of(tenant).values(next_probe_us=now_us)).rowcount > 0


def _of(tenant: TenantName) -> Update:
    return update(breakers).where(breakers.c.tenant == tenant)


def _locked(connection: Connection, now_us: int, tenant: TenantName) -> BreakerRow | None:
    # Under the lock: of two replicas that both see a probe due, the second must see that the first has taken it.
    record = connection.execute(select(breakers).where(breakers.c.tenant == tenant).with_for_update()).first()
    return None if record is None else _row_of(record, now_us)


def _row_of(record: Sequence[Any], now_us: int) -> BreakerRow:
    tenant, code, detail, opened_us, next_probe_us, probes, tried = record
    return BreakerRow(
        tenant=TenantName(tenant),
        code=code,
        detail=detail,
        open_for_s=(now_us - opened_us) / _SECOND_US,
        next_probe_in_s=(next_probe_us - now_us) / _SECOND_US,
        probes=probes,
        tried=frozenset(tried.split()),
    )


def _record_of(row: BreakerRow, now_us: int) -> dict[str, object]:
    return {
        "tenant": row.tenant,
        "code": row.code,
        "detail": row.detail,
        "opened_us": now_us,
        "next_probe_us": now_us + round(row.next_probe_in_s * _SECOND_US),
        "probes": row.probes,
        "tried": _joined(row.tried),
    }


def _joined(fingerprints: Collection[str]) -> str:
    return " ".join(sorted(fingerprints))
