"""Checks a table of the configuration and says all that is wrong with it, in words that quote no value.

A value may be a password in the wrong place, so pydantic's own texts, which may quote it, are not used.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from worker.settings.complaints import SettingsComplaint
from worker.settings.kinds import Section, Surroundings
from worker.settings.sections import BrokerSettings, HttpSettings, LedgerSettings, SyncSettings, TenantsSettings
from worker.settings.tenant import (
    BasicAuth,
    CertificateAuth,
    ClientSecretAuth,
    Limits,
    NtlmAuth,
    TenantSettings,
)

COMPLAINTS_MAX = 50
"""About one table; nobody mends more at once."""
KEY_SHOWN_MAX = 60

AnySection = TypeVar("AnySection", bound=Section)

_AUTH: dict[str, type[Section]] = {
    "basic": BasicAuth,
    "ntlm": NtlmAuth,
    "client-secret": ClientSecretAuth,
    "certificate": CertificateAuth,
}

_KEYS: dict[str, set[str]] = {
    "": {"broker", "ledger", "http", "sync", "tenants", "tenant"},
    "broker": set(BrokerSettings.model_fields),
    "ledger": set(LedgerSettings.model_fields),
    "http": set(HttpSettings.model_fields),
    "sync": set(SyncSettings.model_fields),
    "tenants": set(TenantsSettings.model_fields),
    "tenant": set(TenantSettings.model_fields),
    "limits": set(Limits.model_fields),
} | {kind: set(form.model_fields) for kind, form in _AUTH.items()}

_HINTS = {
    "password": "a secret is never in the file; remove it, and name where it is with password_env or password_file",
    "secret": "a secret is never in the file; remove it, and name where it is with secret_env or secret_file",
    "client_secret": "a secret is never in the file; remove it, and name where it is with secret_env or secret_file",
}

_TYPES = {
    "string_type": "must be a string",
    "is_instance_of": "must be a string",
    "path_type": "must be a string",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be a table",
    "missing": "is missing",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}

_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
}


def check(
    section: type[AnySection], table: object, *, file: Path, key: str, around: Surroundings
) -> tuple[AnySection | None, list[SettingsComplaint]]:
    """The section that the table describes, or None and every complaint about it.

    Args:
        key: where the table stands in the file, such as `tenant[1]`; empty for the whole file.
    """
    try:
        return section.model_validate(table, context=around), []
    except ValidationError as wrong:
        errors = wrong.errors(include_url=False, include_input=False)
        return None, [_complaint(error, file, key) for error in errors[:COMPLAINTS_MAX]]


def unknown_key(name: str, within: str) -> str:
    """What to say about a key that nothing knows.

    Args:
        within: the table or kind of authentication it stands in.
    """
    if name in _HINTS:
        return _HINTS[name]
    close = get_close_matches(name, _KEYS.get(within, ()), n=1) if len(name) <= KEY_SHOWN_MAX else []
    return f"is unknown; did you mean {close[0]}?" if close else "is unknown; remove it"


def _complaint(error: ErrorDetails, file: Path, key: str) -> SettingsComplaint:
    parts = list(error["loc"])
    within = str(parts[-2]) if len(parts) > 1 else key.partition("[")[0] or "tenant"
    if len(parts) > 1 and parts[0] == "auth" and parts[1] in _AUTH:
        del parts[1]
    if error["type"] in {"union_tag_not_found", "union_tag_invalid"}:
        parts.append("kind")
    parts = _at(parts, error.get("ctx", {}).get("at", ""))
    return SettingsComplaint(file=file, key=_path(key, parts), message=_message(error, within))


def _at(parts: list[str | int], at: str) -> list[str | int]:
    return parts[:-1] if at == ".." else [*parts, at] if at else parts


def _path(key: str, parts: list[str | int]) -> str:
    steps = "".join(f"[{part}]" if isinstance(part, int) else f".{_cut(part)}" for part in parts)
    return (key + steps).removeprefix(".")


def _cut(part: str) -> str:
    return part if len(part) <= KEY_SHOWN_MAX else f"{part[:KEY_SHOWN_MAX]}…"


def _message(error: ErrorDetails, within: str) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "setting":
        return error["msg"]
    if kind == "extra_forbidden":
        return unknown_key(str(error["loc"][-1]), within)
    return _TYPES.get(kind) or _range(kind, context)


def _range(kind: str, context: Mapping[str, Any]) -> str:
    if kind in _LIMITS:
        words, bound = _LIMITS[kind]
        return f"must be {words} {context[bound]:g}"
    if kind == "literal_error":
        return f"must be one of {str(context['expected']).replace(' or ', ', ')}"
    if kind.startswith("union_tag"):
        return f"must be one of {', '.join(_AUTH)}"
    return f"must have the form {context['pattern']}" if "pattern" in context else "is not valid"
