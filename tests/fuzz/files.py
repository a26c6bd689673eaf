"""The configuration as a broken editor, a half-copied template or a hostile neighbour leaves it: bytes and tables.

Each input spoils one file of a sound configuration; a worker starts with it, and one that runs reads it again.
"""

import json
import tempfile
from codecs import BOM_UTF8
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

from tests.fuzz.fuzz_harness import Target
from tests.fuzz.mutations import mutate_bytes, mutate_json
from worker.settings import WrongSettings, read_usable_settings
from worker.settings.warnings import warnings_about
from worker.tenants import TenantRegistry

_SECRET = "correct-horse-7"
_ENVIRONMENT = {"PASSWORD": _SECRET}
_MAIN = {
    "broker": {"url": "amqp://guest:guest@127.0.0.1:5672/", "prefix": "roomsync", "partitions": 4},
    "ledger": {"url": "sqlite:///var/ledger.db", "keep_days": 180},
    "http": {"bind": "127.0.0.1:9464"},
    "sync": {"hold_s": 60, "claim_s": 90, "second_look_s": 300},
    "tenants": {"directory": "tenants.d"},
}
_TENANT = {
    "name": "spoilt",
    "domains": ["acme.example"],
    "backend": "ews",
    "service_url": "https://mail.acme.example/EWS/Exchange.asmx",
    "subject": "{subject}",
    "auth": {"kind": "basic", "username": "svc", "password_file": "password"},
    "limits": {"mailbox_concurrency": 4, "tenant_concurrency": 32},
}
_SOUND = _TENANT | {"name": "sound", "auth": {"kind": "ntlm", "username": "svc", "password_env": "PASSWORD"}}


@cache
def _folder() -> tuple[tempfile.TemporaryDirectory[str], Path]:
    # Kept with the path, or it would be gone at once.
    folder = tempfile.TemporaryDirectory(prefix="roomsync-fuzz-")
    return folder, Path(folder.name)


def _toml(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_toml(str(name))} = {_toml(each)}" for name, each in value.items()) + "}"
        case list():
            # What is long is long enough: the parser's own time for megabytes is not what is looked for.
            return "[" + ", ".join(map(_toml, value[:300])) + "]"
        case str():
            return json.dumps(value[:300], ensure_ascii=False)
        case bool():
            return str(value).lower()
        case None:
            return ""
        case _:
            return str(value)


def _file(table: object) -> bytes:
    lines = table.items() if isinstance(table, dict) else [("x", table)]
    return "".join(f"{_toml(str(name))} = {_toml(value)}\n" for name, value in lines).encode("utf-8", "surrogatepass")


def _spoil(random: Random, table: dict[str, object]) -> bytes:
    spoilt = _file(mutate_json(random, table))
    match random.randrange(6):
        case 0 | 1:
            return mutate_bytes(random, spoilt)
        case 2:
            return BOM_UTF8 + spoilt
        case 3:
            return spoilt.decode("utf-8", "replace").encode("utf-16")
        case _:
            return spoilt


def _attack(random: Random) -> None:
    folder = _folder()[1]
    (folder / "tenants.d").mkdir(exist_ok=True)
    main, tenant = folder / "roomsync.toml", folder / "tenants.d" / "spoilt.toml"
    main.write_bytes(_file(_MAIN))
    tenant.write_bytes(_file(_TENANT))
    (folder / "tenants.d" / "sound.toml").write_bytes(_file(_SOUND))
    (folder / "password").write_text(_SECRET)
    running = TenantRegistry(read_usable_settings(main, _ENVIRONMENT), _ENVIRONMENT)
    in_main = random.random() < 0.3
    (main if in_main else tenant).write_bytes(_spoil(random, _MAIN if in_main else _TENANT))
    told = [*map(str, running.reload().complaints), *_started(main, in_main=in_main)]
    if not in_main:
        assert "sound" in running.names(), "another tenant's file took a tenant away"
    _asked(running)
    assert all(line.isprintable() for line in told), "a complaint could write onto a terminal"
    assert _SECRET not in "".join(told), "a complaint tells a secret"


def _started(main: Path, *, in_main: bool) -> list[str]:
    try:
        settings = read_usable_settings(main, _ENVIRONMENT)
    except WrongSettings as wrong:
        assert in_main, "a tenant's file ended a start"
        return list(map(str, wrong.complaints))
    registry = TenantRegistry(settings, _ENVIRONMENT)
    assert in_main or "sound" in registry.names()
    _asked(registry)
    return [*map(str, settings.troubles), *map(str, warnings_about(settings))]


def _asked(registry: TenantRegistry) -> None:
    for name in (*registry.names(), *registry.troubles(), "nobody"):
        registry.get(name)
        registry.away_s(name)
        settings = registry.settings(name)
        if settings is not None:
            settings.auth.model_dump_json()
            with suppress(AttributeError):
                settings.auth.password.read()  # type: ignore[union-attr]
    for trouble in registry.troubles().values():
        trouble.why.encode("utf-8")


FILES = Target(name="files", attack=_attack, bounded_count=1000)
