"""Run by Alembic: applies the migrations on the connection, and in the transaction, that `upgrading` hands over."""

from alembic import context

from adapters.sql.upgrading import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
