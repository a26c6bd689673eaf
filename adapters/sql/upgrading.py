"""Brings the tables up to date through Alembic, inside the caller's transaction and under its lock."""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from adapters.ledger import LedgerError

VERSION_TABLE = "roomsync_schema"

_MIGRATIONS = Path(__file__).parent / "migrations"
_alembic = threading.Lock()  # its context is one for the process


def upgrade(connection: Connection, name: str) -> None:
    """Bring the tables to the newest version. Raises `LedgerError` where they are newer than this program."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = ScriptDirectory.from_config(config)
    found = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
    if found == known.get_current_head():
        return
    if found is not None and found not in {script.revision for script in known.walk_revisions()}:
        raise LedgerError(
            f"{name}: made by a newer roomsync (tables {found}, this one knows {known.get_current_head()}); "
            "install that version, or restore a ledger of this one."
        )
    with _alembic:
        command.upgrade(config, "head")
