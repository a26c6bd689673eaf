"""What works and should not stay so: secrets where others read them, and ways that others may listen to."""

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

from worker.secrets import Secret
from worker.settings.complaints import SettingsComplaint
from worker.settings.kinds import Section
from worker.settings.reading import Settings
from worker.settings.urls import CheckedUrl, UnusableUrl, is_loopback

_ENCRYPTED = {"require", "verify-ca", "verify-full"}


def warnings_about(settings: Settings) -> tuple[SettingsComplaint, ...]:
    """Everything that `config check` warns of, and a worker at its start."""
    told = [*_about_broker(settings), *_about_ledger(settings), *_about_files(settings)]
    if not settings.tenants and not settings.unusable:
        told.append(("tenants.directory", "no tenant is configured; every command waits until one is"))
    return tuple(SettingsComplaint(file=settings.file, key=key, message=message) for key, message in told)


_Told = Iterator[tuple[str, str]]


def _about_broker(settings: Settings) -> _Told:
    broker = settings.broker
    try:
        url = broker.url_now()
    except UnusableUrl:
        return  # replaced at this very moment; who connects is told
    is_default = (url.parts.username, url.parts.password) == ("guest", "guest") and is_loopback(url.parts.hostname)
    if broker.secret_url.is_given and url.has_password and not is_default:
        yield "broker.url", _in_the_file("url")
    if url.parts.scheme == "amqp" and not is_loopback(url.parts.hostname):
        yield "broker.allow_plain", "amqp:// sends passwords and bookings unencrypted to another machine; use amqps://"


def _about_ledger(settings: Settings) -> _Told:
    try:
        url = settings.ledger.url_now()
    except UnusableUrl:
        return  # the same
    if settings.ledger.secret_url.is_given and url.has_password:
        yield "ledger.url", _in_the_file("url")
    if url.parts.scheme == "postgresql" and not _is_encrypted(url):
        yield "ledger", "the way to the database may be unencrypted; add ?sslmode=verify-full to its url"


def _in_the_file(key: str) -> str:
    return f"a password stands in the configuration; name where it is with {key}_env or {key}_file"


def _is_encrypted(url: CheckedUrl) -> bool:
    hosts = (url.parts.hostname or "").split(",")
    return all(map(is_loopback, hosts)) or not _ENCRYPTED.isdisjoint(parse_qs(url.parts.query).get("sslmode", []))


def _about_files(settings: Settings) -> _Told:
    sections: list[tuple[str, Section]] = [("broker", settings.broker), ("ledger", settings.ledger)]
    sections += [(f"tenant {tenant.name}: auth", tenant.auth) for tenant in settings.tenants]
    for place, section in sections:
        for key, path in _secret_files(section):
            if _others_read(path):
                yield f"{place}.{key}", f"other users of this machine can read {path}; take that right away (chmod o-r)"


def _secret_files(section: Section) -> Iterable[tuple[str, Path]]:
    values = {key: getattr(section, key) for key in type(section).model_fields}
    yield from ((key, value.path) for key, value in values.items() if isinstance(value, Secret) and value.path)
    if isinstance(values.get("key_file"), Path):
        yield "key_file", values["key_file"]


def _others_read(path: Path) -> bool:
    # Not of the group: it is how a secret is given to a service on purpose.
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
