"""Carries out Alembic's migrations inside the caller's transaction."""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from adapters.ledger import LedgerError

_alembic = threading.Lock()  # its context is one for the process


def migrate(connection: Connection, name: str, migrations: Path, *, found: str | None) -> None:
    """Bring tables of the version that was found to the newest one. Raises `LedgerError` where that is unknown."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = ScriptDirectory.from_config(config)
    if found is not None and found not in {script.revision for script in known.walk_revisions()}:
        raise LedgerError(
            f"{name}: made by a newer roomsync (tables {found}, this one knows {known.get_current_head()}); "
            "install that version, or restore a ledger of this one."
        )
    with _alembic:
        command.upgrade(config, "head")
