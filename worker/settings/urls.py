"""What the URLs of broker, ledger and Exchange must be: checked when they are configured and at every later read.

A URL in a file may be another one tomorrow; what it was when the worker started says nothing of where a password goes.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, urlsplit

_HOST = re.compile(r"[^\W_](?:[\w-]*\w)?(?:\.\w(?:[\w-]*\w)?)*\.?")
_SQLITE = re.compile("sqlite:///", re.IGNORECASE)
_BLANK = re.compile(r"[\s\x00-\x20\x7f-\xa0]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME_MAX, _LABEL_MAX = 253, 63

PLAIN_LEAVES = (
    "amqp:// sends passwords unencrypted to another machine; use amqps://, or set allow_plain = true in [broker]"
)


class UnusableUrl(Exception):
    """Why a URL cannot be used; quotes nothing of it. `is_plain`: it only must not leave this machine so."""

    def __init__(self, why: str, *, is_plain: bool = False) -> None:
        super().__init__(why)
        self.is_plain = is_plain


@dataclass(frozen=True, slots=True)
class CheckedUrl:
    """A URL that was checked; its scheme is in lower case. `text` may hold a password: it is not shown."""

    text: str
    parts: SplitResult

    def __repr__(self) -> str:
        return "CheckedUrl(…)"

    @property
    def has_password(self) -> bool:
        """Whether a password stands in it."""
        return bool(self.parts.password) or "password" in parse_qs(self.parts.query)


def broker_url(url: str, *, allow_plain: bool) -> CheckedUrl:
    """The URL of the broker. Raises `UnusableUrl`."""
    checked = _checked(url, {"amqp", "amqps"}, "must be amqps://user:password@host:port/vhost")
    if checked.parts.scheme == "amqp" and not allow_plain and not is_loopback(checked.parts.hostname):
        raise UnusableUrl(PLAIN_LEAVES, is_plain=True)
    return checked


def ledger_url(url: str) -> CheckedUrl:
    """The URL of the ledger. Raises `UnusableUrl`."""
    form = "must be sqlite:///path/to/ledger.db or postgresql://user:password@host/database"
    if (match := _SQLITE.match(url)) is None:
        return _checked(url, {"postgresql"}, form)
    path = url[match.end() :]
    if path in {"", ":memory:"} or "?" in path or _CONTROL.search(path):
        raise UnusableUrl(form)
    return CheckedUrl(f"sqlite:///{path}", SplitResult("sqlite", "", f"/{path}", "", ""))


def service_url(url: str, *, plain_http_on_loopback: bool) -> CheckedUrl:
    """The URL of a service that secrets are sent to: https, or plain http on loopback where that is allowed.

    Raises:
        UnusableUrl: it is not.
    """
    checked = _checked(url, {"https", "http"}, "must be an https:// URL")
    parts = checked.parts
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UnusableUrl("must be a URL without user, password, query and fragment")
    if parts.scheme == "http" and not (plain_http_on_loopback and is_loopback(parts.hostname)):
        raise UnusableUrl("must begin with https://; http:// is for loopback only, with allow_plain_http = true")
    if not _is_reachable(checked):
        raise UnusableUrl("has a host that no client can look up; parts of a name have 63 characters at the most")
    return checked


def _is_reachable(url: CheckedUrl) -> bool:
    """Whether the clients take the host: they refuse some letters, and names that are too long for DNS."""
    host = url.parts.hostname or ""
    if not host.isascii():
        # Only for them: it takes long to load.
        import idna  # noqa: PLC0415

        try:
            host = idna.encode(host.lower(), strict=True, std3_rules=True).decode("ascii")
        except idna.IDNAError:
            return False
    host = host.removesuffix(".")
    return len(host) <= _NAME_MAX and all(len(label) <= _LABEL_MAX for label in host.split("."))


def is_loopback(host: str | None) -> bool:
    """Whether the host is this machine, by its address or by the name localhost."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _checked(url: str, schemes: set[str], form: str) -> CheckedUrl:
    # Before it is parsed: the parser drops some of them, and the clients' parsers drop others.
    if _BLANK.search(url):
        raise UnusableUrl("holds a blank or a control character; remove it, or in a password write it as %20")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UnusableUrl(form) from None
    if parts.scheme not in schemes or port == 0 or not _is_host(host or "", several=parts.scheme == "postgresql"):
        raise UnusableUrl(form)
    return CheckedUrl(parts.scheme + url[len(parts.scheme) :], parts)


def _is_host(host: str, *, several: bool) -> bool:
    try:
        return bool(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        hosts = host.split(",") if several else [host]
        return all(_HOST.fullmatch(each) for each in hosts)
