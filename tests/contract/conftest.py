"""What contract tests share: a private PostgreSQL server, started once and only if asked for."""

from tests.postgres import postgres_url

__all__ = ["postgres_url"]
