"""The kinds of values that settings have, each with its check: files, secrets, addresses, host names."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from worker.secrets import Secret, SecretUnreadable
from worker.settings.complaints import wrong


class Section(BaseModel):
    """A table of the file. Strict, and unknown keys are complaints: a misspelt limit would be no limit.

    A rule stands at the key that it asks to change, and passes when a key that it depends on has a complaint already.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", validate_default=True)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What settings refer to: the folder of their file, and the environment as it was at start."""

    folder: Path
    environment: Mapping[str, str]


def surroundings(info: ValidationInfo) -> Surroundings:
    """The surroundings that the settings are read in."""
    context: Surroundings = info.context  # type: ignore[assignment]  # pydantic's context is Any or None
    return context


def _path(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    if not value:
        raise wrong("must not be empty; name a file, or leave the key out")
    return surroundings(info).folder / value


def _readable(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise wrong("{path} cannot be read ({why})", path=str(path), why=error.strerror) from None


def _secret(value: object) -> object:
    return Secret.given(value) if isinstance(value, str) else value


def _secret_from_environment(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    try:
        return Secret.from_environment(value, surroundings(info).environment)
    except SecretUnreadable as error:
        raise wrong("{why}; set it where the worker is started", why=str(error)) from None


def _secret_from_file(value: object, info: ValidationInfo) -> object:
    path = _path(value, info)
    if not isinstance(path, Path):
        return path
    try:
        return Secret.from_file(path)
    except SecretUnreadable as error:
        raise wrong("{why}; write the secret into it", why=str(error)) from None


File = Annotated[Path, BeforeValidator(_path), AfterValidator(_readable)]
"""A file that is there; a relative path counts from the folder of the configuration file."""
Folder = Annotated[Path, BeforeValidator(_path)]
SecretHere = Annotated[Secret, BeforeValidator(_secret)]
SecretFromEnvironment = Annotated[Secret, BeforeValidator(_secret_from_environment)]
SecretFromFile = Annotated[Secret, BeforeValidator(_secret_from_file)]


def exactly_one(value: Secret | None, info: ValidationInfo, *others: str) -> Secret | None:
    """Check, at the last of several keys, that one of them is given."""
    names = [*others, str(info.field_name)]
    if any(other not in info.data for other in others):
        return value
    given = [name for name in others if info.data[name] is not None] + ([names[-1]] if value is not None else [])
    if len(given) > 1:
        raise wrong("only one of {names} may be given; keep one", at="..", names=" and ".join(given))
    if not given:
        raise wrong("one of {names} is needed", at="..", names=", ".join(names))
    return value


def chosen(*secrets: Secret | None) -> Secret:
    """The one that is given."""
    return next(secret for secret in secrets if secret is not None)


def host_of(url: SplitResult) -> str | None:
    """The host of a URL, or None where there is none or its port is no port."""
    try:
        return url.hostname if url.port is None or url.port else None
    except ValueError:
        return None


def split(url: str) -> SplitResult | None:
    """The parts of a URL; None for what is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts if host_of(parts) else None


def is_loopback(host: str | None) -> bool:
    """Whether the host is this machine, by its address or by the name localhost."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def _domain(value: str) -> str:
    if value != value.lower():
        raise wrong("must be written in lower case")
    if not _DOMAIN.fullmatch(value) or len(value) > 253:
        raise wrong("must be a domain name: the part of the rooms' addresses after the @")
    return value


Domain = Annotated[str, AfterValidator(_domain)]


def checked_service(url: str, *, plain_http_on_loopback: bool, at: str = "") -> str:
    """The URL of a service that secrets are sent to: https, or plain http on loopback where that is allowed.

    Args:
        at: the key inside the checked one that holds the URL.

    Raises:
        PydanticCustomError: it is not.
    """
    parts: Any = split(url)
    if parts is None or parts.scheme not in {"https", "http"}:
        raise wrong("must be an https:// URL", at=at)
    if parts.username is not None or parts.query or parts.fragment:
        raise wrong("must be a URL without user, password, query and fragment", at=at)
    if parts.scheme == "http" and not (plain_http_on_loopback and is_loopback(parts.hostname)):
        raise wrong("must begin with https://; http:// is for loopback only, with allow_plain_http = true", at=at)
    return url
