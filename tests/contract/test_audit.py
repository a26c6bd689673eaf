"""The audit beside a ledger in SQLite and in PostgreSQL."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.audit_contract import AuditContract
from tests.postgres import new_database


class TestSqliteAudit(AuditContract):
    @pytest.fixture
    def audit_url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/ledger.db"


class TestPostgresAudit(AuditContract):
    @pytest.fixture
    def audit_url(self, postgres_url: str) -> Iterator[str]:
        with new_database(postgres_url, f"t{secrets.token_hex(4)}") as url:
            yield url
