"""The settings of a tenant: its domains, how to reach its Exchange, its limits (docs/contract.md#configuration)."""

import re
from typing import Annotated, Literal, cast

from pydantic import Field, ValidationInfo, field_validator

from adapters.calendar import TenantName
from consumers.tenants import Tenant
from worker.secrets import Secret
from worker.settings.complaints import wrong
from worker.settings.kinds import (
    Authorities,
    Domain,
    SecretFromEnvironment,
    SecretFromFile,
    Section,
    chosen,
    exactly_one,
)
from worker.settings.urls import UnusableUrl, service_url

EXCHANGE_ONLINE_EWS = "https://outlook.office365.com/EWS/Exchange.asmx"
GRAPH = "https://graph.microsoft.com/v1.0"
LOGIN = "https://login.microsoftonline.com"


class _PasswordAuth(Section):
    username: Annotated[str, Field(min_length=1)]
    password_env: SecretFromEnvironment | None = None
    password_file: SecretFromFile | None = None

    @field_validator("password_file")
    @classmethod
    def _one_password(cls, value: Secret | None, info: ValidationInfo) -> Secret | None:
        return exactly_one(value, info, "password_env")

    @property
    def password(self) -> Secret:
        """The password of the service account."""
        return chosen(self.password_env, self.password_file)


class BasicAuth(_PasswordAuth):
    """User and password in every request."""

    kind: Literal["basic"]


class NtlmAuth(_PasswordAuth):
    """User (DOMAIN\\user or address) and password by NTLM."""

    kind: Literal["ntlm"]


class _ApplicationAuth(Section):
    tenant_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")]
    client_id: Annotated[str, Field(pattern="^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")]
    authority: str = LOGIN


class ClientSecretAuth(_ApplicationAuth):
    """An application of Microsoft Entra ID with a secret."""

    kind: Literal["client-secret"]
    secret_env: SecretFromEnvironment | None = None
    secret_file: SecretFromFile | None = None

    @field_validator("secret_file")
    @classmethod
    def _one_secret(cls, value: Secret | None, info: ValidationInfo) -> Secret | None:
        return exactly_one(value, info, "secret_env")

    @property
    def secret(self) -> Secret:
        """The application's secret."""
        return chosen(self.secret_env, self.secret_file)


class CertificateAuth(_ApplicationAuth):
    """An application of Microsoft Entra ID with a certificate."""

    kind: Literal["certificate"]
    certificate_file: SecretFromFile
    thumbprint: Annotated[str, Field(pattern="^(?:[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$")]


Auth = BasicAuth | NtlmAuth | ClientSecretAuth | CertificateAuth


class Limits(Section):
    """Requests at once: ceilings that the worker stays below when Exchange asks for it."""

    mailbox_concurrency: Annotated[int, Field(ge=1, le=100)] = 4
    tenant_concurrency: Annotated[int, Field(ge=1, le=1000)] = 32

    @field_validator("tenant_concurrency")
    @classmethod
    def _holds_a_mailbox(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("mailbox_concurrency", 1):
            raise wrong("must be at least mailbox_concurrency")
        return value


NAME_FORM = "[A-Za-z0-9_-]{1,50}"


class TenantSettings(Section):
    """One tenant."""

    name: Annotated[str, Field(pattern=f"^{NAME_FORM}$")]
    domains: Annotated[list[Domain], Field(min_length=1)]
    backend: Literal["ews", "graph"] = "ews"
    access: Literal["impersonation", "delegate"] = "impersonation"
    allow_plain_http: bool = False
    ca_file: Authorities | None = None
    subject: str = "{subject}"
    auth: Annotated[Auth, Field(discriminator="kind")]
    service_url: str | None = None
    limits: Limits = Limits()

    @field_validator("subject")
    @classmethod
    def _placeholders_are_known(cls, value: str) -> str:
        if unknown := set(re.findall(r"\{[^{}]*\}", value)) - {"{subject}", "{organizer}"}:
            raise wrong("has unknown {unknown}; placeholders are {known}", unknown=min(unknown), known=_PLACEHOLDERS)
        return value

    @field_validator("auth")
    @classmethod
    def _fits_the_backend(cls, value: Auth, info: ValidationInfo) -> Auth:
        if info.data.get("backend") == "graph" and isinstance(value, _PasswordAuth):
            raise wrong('must be client-secret or certificate with backend = "graph"', at="kind")
        if isinstance(value, _ApplicationAuth) and "allow_plain_http" in info.data:
            authority = _service(value.authority, plain=info.data["allow_plain_http"], at="authority")
            return value.model_copy(update={"authority": authority})
        return value

    @field_validator("service_url")
    @classmethod
    def _is_safe(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            if isinstance(info.data.get("auth"), _PasswordAuth):
                raise wrong("is needed with basic and ntlm, such as https://mail.example.com/EWS/Exchange.asmx")
            return None
        return _service(value, plain=info.data.get("allow_plain_http", True))

    @property
    def url(self) -> str:
        """Where the tenant's Exchange is: `service_url`, else Microsoft's own."""
        return self.service_url or (GRAPH if self.backend == "graph" else EXCHANGE_ONLINE_EWS)

    @property
    def unserved(self) -> str | None:
        """Why this version cannot serve the tenant, rightly configured as it is, or None."""
        if self.backend != "ews":
            return f'backend = "{self.backend}" is not in this version of roomsync'
        if not isinstance(self.auth, _PasswordAuth):
            return f'auth.kind = "{self.auth.kind}" is not in this version of roomsync'
        return None

    def as_tenant(self) -> Tenant:
        """What the consumers know of the tenant."""
        return Tenant(
            name=cast(TenantName, self.name),
            domains=frozenset(self.domains),
            backend=self.backend,
            subject_template=self.subject,
            mailbox_concurrency=self.limits.mailbox_concurrency,
            tenant_concurrency=self.limits.tenant_concurrency,
        )


def _service(url: str, *, plain: bool, at: str = "") -> str:
    try:
        return service_url(url, plain_http_on_loopback=plain).text
    except UnusableUrl as why:
        raise wrong("{why}", why=str(why), at=at) from None


_PLACEHOLDERS = "{subject} and {organizer}"
