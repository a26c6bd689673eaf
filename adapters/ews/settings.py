"""What the EWS adapter needs to know about a tenant; passwords never show in a repr."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from adapters.calendar import TenantName

Access = Literal["impersonation", "delegate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    """A service account that logs in with HTTP Basic."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NtlmAuth:
    """A service account that logs in with NTLM; each connection costs a handshake of two more HTTP requests."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EwsSettings:
    """One tenant's way to Exchange.

    `ca_file` replaces the public authorities for this tenant alone. `concurrency` is the ceiling of requests in flight.
    """

    tenant: TenantName
    service_url: str
    access: Access
    auth: BasicAuth | NtlmAuth
    ca_file: Path | None
    request_timeout_s: float
    concurrency: int
