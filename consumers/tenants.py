"""What the consumers know about a tenant; how to reach its Exchange is the adapters' business."""

from dataclasses import dataclass
from typing import Literal, Protocol

from adapters.calendar import TenantName


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A configured tenant. `domains` are in lower case; the limits are requests at once."""

    name: TenantName
    domains: frozenset[str]
    backend: Literal["ews", "graph"] = "ews"
    subject_template: str = "{subject}"
    mailbox_concurrency: int = 4
    tenant_concurrency: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A tenant whose settings cannot be used, or a name that may be one's: its commands wait for an administrator.

    Nothing else is known of it, not even its domains.
    """

    name: str


class TenantDirectory(Protocol):
    """Which tenants there are at this moment; tenants come, change and go while the worker runs."""

    def get(self, name: str) -> Tenant | Unusable | None:
        """The tenant of exactly this name (case counts), or None for certain where there is no such tenant."""
        ...
