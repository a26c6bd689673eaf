"""What the intake tells whoever counts: metrics in the worker, nothing in most tests."""

from typing import Protocol

from adapters.calendar import TenantName
from consumers.bookings.result import ResultEvent


class Observer(Protocol):
    """Told after the fact; must not raise and must not wait."""

    def finished(self, result: ResultEvent) -> None:
        """A command ended well."""
        ...

    def deferred(self, tenant: TenantName, code: str, tier_s: int) -> None:
        """A command was sent away for `tier_s` seconds."""
        ...

    def failed(self, tenant: TenantName | None, code: str) -> None:
        """A message was parked."""
        ...
