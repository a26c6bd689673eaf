"""The worker's own settings: broker, ledger, HTTP port, synchronisation (docs/contract.md#configuration)."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from consumers.policy import CLAIM_MARGIN_S, DEFER_TIERS_S
from worker.secrets import Secret
from worker.settings.complaints import wrong
from worker.settings.kinds import (
    File,
    Folder,
    SecretFromEnvironment,
    SecretFromFile,
    SecretHere,
    Section,
    chosen,
    exactly_one,
    surroundings,
)
from worker.settings.urls import CheckedUrl, UnusableUrl, broker_url, ledger_url


class _WithUrl(Section):
    url: SecretHere | None = None
    url_env: SecretFromEnvironment | None = None
    url_file: SecretFromFile | None = None

    @field_validator("url_file")
    @classmethod
    def _one_url(cls, value: Secret | None, info: ValidationInfo) -> Secret | None:
        return exactly_one(value, info, "url", "url_env")

    @property
    def secret_url(self) -> Secret:
        """The URL with its credentials, as it is written."""
        return chosen(self.url, self.url_env, self.url_file)


class BrokerSettings(_WithUrl):
    """RabbitMQ. Plain amqp:// leaves the machine only where `allow_plain` says so."""

    allow_plain: bool = False
    ca_file: File | None = None
    certificate_file: File | None = None
    key_file: File | None = None
    prefix: Annotated[str, Field(pattern="^[A-Za-z0-9_.-]{1,100}$")] = "roomsync"
    partitions: Annotated[int, Field(ge=1, le=1000)] = 16

    @field_validator("url", "url_env", "url_file")
    @classmethod
    def _is_a_broker(cls, value: Secret | None) -> Secret | None:
        _check_broker(value, allow_plain=True)
        return value

    @field_validator("allow_plain")
    @classmethod
    def _plain_stays_here(cls, value: bool, info: ValidationInfo) -> bool:
        for url in (info.data.get("url"), info.data.get("url_env"), info.data.get("url_file")):
            _check_broker(url, allow_plain=value)
        return value

    @field_validator("key_file")
    @classmethod
    def _key_goes_with_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if "certificate_file" in info.data and (value is None) != (info.data["certificate_file"] is None):
            raise wrong("certificate_file and key_file go together; give both or none", at="..")
        return value

    def url_now(self) -> CheckedUrl:
        """The URL as it is at this moment: a file is read again. Raises `UnusableUrl`."""
        # Whatever its time stamp says: a refused password may be behind the connect, and connects are few.
        self.secret_url.refresh()
        return broker_url(self.secret_url.read(), allow_plain=self.allow_plain)


class LedgerSettings(_WithUrl):
    """The ledger. A relative path of SQLite counts from the folder of the configuration file."""

    # Less a day of margin this is how old a message may be (docs/protocol.md#tombstones), so never near nothing.
    keep_days: Annotated[int, Field(ge=7, le=36500)] = 180
    story_days: Annotated[int, Field(ge=1, le=36500)] = 30

    @field_validator("url", "url_env", "url_file")
    @classmethod
    def _is_a_ledger(cls, value: Secret | None, info: ValidationInfo) -> Secret | None:
        if not value:
            return value
        try:
            checked = ledger_url(value.read())
        except UnusableUrl as why:
            raise wrong("{why}", why=str(why)) from None
        if checked.parts.scheme != "sqlite":
            return value
        # An absolute path stays as it is: the folder is dropped in front of it.
        return Secret.given(f"sqlite:///{surroundings(info).folder.absolute() / checked.parts.path[1:]}")

    def url_now(self) -> CheckedUrl:
        """The URL as it is at this moment: a file is read again. Raises `UnusableUrl`."""
        return ledger_url(self.secret_url.read())


def _check_broker(url: Secret | None, *, allow_plain: bool) -> None:
    try:
        if url:
            broker_url(url.read(), allow_plain=allow_plain)
    except UnusableUrl as why:
        raise wrong("{why}", why=str(why)) from None


class HttpSettings(Section):
    """Where health, metrics and status are served."""

    bind: str = "127.0.0.1:9464"

    @field_validator("bind")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})", value)
        if match is None or int(match[2]) > 65535:
            raise wrong('must be host:port, such as "127.0.0.1:9464" or "[::1]:9464"')
        return value

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on; 0 lets the system choose."""
        return int(self.bind.rpartition(":")[2])


class SyncSettings(Section):
    """How long to hold, claim and wait."""

    # Nothing stays unacknowledged for more than five minutes (docs/protocol.md#waiting).
    hold_s: Annotated[float, Field(ge=0, le=240)] = 60.0
    batch_max: Annotated[int, Field(ge=1, le=100)] = 20
    request_timeout_s: Annotated[float, Field(ge=1, le=120)] = 30.0
    claim_s: Annotated[float, Field(ge=1, le=3600)] = 90.0
    second_look_s: int = 300
    give_up_after_h: Annotated[float, Field(gt=0, le=8760)] = 24.0

    @field_validator("claim_s")
    @classmethod
    def _outlasts_a_request(cls, value: float, info: ValidationInfo) -> float:
        timeout_s = info.data.get("request_timeout_s")
        if timeout_s is not None and value <= timeout_s + CLAIM_MARGIN_S:
            raise wrong(
                "must be longer than request_timeout_s plus {margin} s; raise it, or lower request_timeout_s",
                margin=f"{CLAIM_MARGIN_S:g}",
            )
        return value

    @field_validator("second_look_s")
    @classmethod
    def _is_a_tier_after_the_claim(cls, value: int, info: ValidationInfo) -> int:
        if value not in DEFER_TIERS_S:
            raise wrong("must be one of {tiers}", tiers=", ".join(map(str, DEFER_TIERS_S)))
        if value < info.data.get("claim_s", 0):
            raise wrong("must be at least claim_s: before, the write it looks after may still be under way")
        return value


class TenantsSettings(Section):
    """Where tenants are kept one by one."""

    directory: Folder | None = None
