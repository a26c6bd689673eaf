"""The kinds of values that settings have, each with its check: files, secrets, addresses, host names."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from worker.files import FileUnusable, check_readable
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
        check_readable(path)
    except FileUnusable as why:
        raise wrong("{path} {why}", path=str(path), why=str(why)) from None
    return path


def _certificates(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError):
        raise wrong("{path} holds no certificate that can be used; it must be PEM", path=str(path)) from None
    return path


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
Authorities = Annotated[Path, BeforeValidator(_path), AfterValidator(_readable), AfterValidator(_certificates)]
"""A file of certificates that servers are trusted by."""
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


_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def _domain(value: str) -> str:
    if value != value.lower():
        raise wrong("must be written in lower case")
    if not _DOMAIN.fullmatch(value) or len(value) > 253:
        raise wrong("must be a domain name: the part of the rooms' addresses after the @")
    return value


Domain = Annotated[str, AfterValidator(_domain)]
