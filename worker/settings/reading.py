"""Reads the configuration file and the tenants' folder; every complaint is collected before anything is refused."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.settings.checking import check, unknown_key
from worker.settings.complaints import SettingsComplaint, WrongSettings
from worker.settings.kinds import Surroundings
from worker.settings.sections import BrokerSettings, HttpSettings, LedgerSettings, SyncSettings, TenantsSettings
from worker.settings.tenant import TenantSettings

_SECTIONS = {"broker", "ledger", "http", "sync", "tenants", "tenant"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the configuration says. `tenants` are those at start; they come and go (`worker.tenants`)."""

    file: Path
    broker: BrokerSettings
    ledger: LedgerSettings
    http: HttpSettings
    sync: SyncSettings
    tenants_directory: Path | None
    tenants: tuple[TenantSettings, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantReading:
    """What one place (a file, or the tenants' folder as a whole) says about one tenant.

    `name` is None where not even that can be told.
    """

    file: Path
    key: str = ""
    name: str | None = None
    settings: TenantSettings | None = None
    complaints: tuple[SettingsComplaint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantsReading:
    """What the configuration says about tenants, and where else it looks for them."""

    directory: Path | None
    tenants: tuple[TenantReading, ...]

    @property
    def complaints(self) -> tuple[SettingsComplaint, ...]:
        """Every complaint about a tenant."""
        return tuple(complaint for reading in self.tenants for complaint in reading.complaints)


def find_settings(given: Path | None, environment: Mapping[str, str]) -> Path:
    """The configuration file: the one given, else `ROOMSYNC_CONFIG`, else `./roomsync.toml`."""
    return given or Path(environment.get("ROOMSYNC_CONFIG") or "roomsync.toml")


def read_settings(file: Path, environment: Mapping[str, str]) -> Settings:
    """Read the whole configuration.

    Raises:
        WrongSettings: with every complaint.
    """
    table = _table(file)
    around = Surroundings(folder=file.parent, environment=environment)
    complaints = [
        SettingsComplaint(file=file, key=key, message=unknown_key(key, "")) for key in table if key not in _SECTIONS
    ]
    broker, about_broker = check(BrokerSettings, table.get("broker", {}), file=file, key="broker", around=around)
    ledger, about_ledger = check(LedgerSettings, table.get("ledger", {}), file=file, key="ledger", around=around)
    http, about_http = check(HttpSettings, table.get("http", {}), file=file, key="http", around=around)
    sync, about_sync = check(SyncSettings, table.get("sync", {}), file=file, key="sync", around=around)
    reading, about_tenants = _tenants_or_why_not(table, file, environment)
    complaints += [*about_broker, *about_ledger, *about_http, *about_sync, *about_tenants]
    if complaints or broker is None or ledger is None or http is None or sync is None:
        raise WrongSettings(tuple(complaints))
    return Settings(
        file=file,
        broker=broker,
        ledger=ledger,
        http=http,
        sync=sync,
        tenants_directory=reading.directory,
        tenants=tuple(tenant.settings for tenant in reading.tenants if tenant.settings),
    )


def read_tenants(file: Path, environment: Mapping[str, str]) -> TenantsReading:
    """Read what the configuration says about tenants, good or bad.

    Raises:
        WrongSettings: the configuration file cannot be read, or does not say where tenants are.
    """
    return _tenants(_table(file), file, environment)


def _table(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        advice = "name the configuration file with --config or ROOMSYNC_CONFIG"
        raise _unreadable(file, f"cannot be read ({error.strerror}); {advice}") from None
    except UnicodeDecodeError:
        raise _unreadable(file, "is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(file, f"is not TOML: {error}") from None


def _unreadable(file: Path, message: str) -> WrongSettings:
    return WrongSettings((SettingsComplaint(file=file, key="", message=message),))


def _tenants_or_why_not(
    table: Mapping[str, object], file: Path, environment: Mapping[str, str]
) -> tuple[TenantsReading, tuple[SettingsComplaint, ...]]:
    try:
        reading = _tenants(table, file, environment)
    except WrongSettings as wrong:
        return TenantsReading(directory=None, tenants=()), wrong.complaints
    return reading, reading.complaints


def _tenants(table: Mapping[str, object], file: Path, environment: Mapping[str, str]) -> TenantsReading:
    around = Surroundings(folder=file.parent, environment=environment)
    place, complaints = check(TenantsSettings, table.get("tenants", {}), file=file, key="tenants", around=around)
    if place is None:
        raise WrongSettings(tuple(complaints))
    readings = _tenants_of_file(table.get("tenant", []), file, around)
    if place.directory is not None:
        readings += _tenants_of_directory(place.directory, file, environment)
    elif not readings:
        readings.append(_about(file, "tenant", "no tenant is configured; add [[tenant]] or [tenants] directory"))
    return TenantsReading(directory=place.directory, tenants=tuple(_with_distinct_names(readings)))


def _tenants_of_file(tables: object, file: Path, around: Surroundings) -> list[TenantReading]:
    if not isinstance(tables, list):
        return [_about(file, "tenant", "must be a list of tables; write [[tenant]]")]
    return [_tenant(table, file, f"tenant[{index}]", around) for index, table in enumerate(tables)]


def _tenants_of_directory(directory: Path, file: Path, environment: Mapping[str, str]) -> list[TenantReading]:
    try:
        files = tenant_files(directory)
    except OSError as error:
        complaint = SettingsComplaint(
            file=file, key="tenants.directory", message=f"{directory} cannot be read ({error.strerror})"
        )
        return [TenantReading(file=directory, complaints=(complaint,))]
    around = Surroundings(folder=file.parent, environment=environment)
    readings = []
    for each in files:
        try:
            readings.append(_tenant(_table(each), each, "", around))
        except WrongSettings as wrong:
            readings.append(TenantReading(file=each, complaints=wrong.complaints))
    return readings


def tenant_files(directory: Path) -> list[Path]:
    """The tenants' files in a folder, hidden ones left out. Raises OSError where it is no folder."""
    return sorted(each for each in directory.iterdir() if each.suffix == ".toml" and not each.name.startswith("."))


def _tenant(table: object, file: Path, key: str, around: Surroundings) -> TenantReading:
    settings, complaints = check(TenantSettings, table, file=file, key=key, around=around)
    name = table.get("name") if isinstance(table, dict) else None
    return TenantReading(
        file=file,
        key=key,
        name=name if isinstance(name, str) else None,
        settings=settings,
        complaints=tuple(complaints),
    )


def _about(file: Path, key: str, message: str) -> TenantReading:
    return TenantReading(file=file, complaints=(SettingsComplaint(file=file, key=key, message=message),))


def _with_distinct_names(readings: Iterable[TenantReading]) -> Iterable[TenantReading]:
    first: dict[str, TenantReading] = {}
    for reading in readings:
        if reading.name is None or first.setdefault(reading.name.lower(), reading) is reading:
            yield reading
            continue
        other = first[reading.name.lower()]
        complaint = SettingsComplaint(
            file=reading.file,
            key=f"{reading.key}.name".removeprefix("."),
            message=f"is taken by a tenant of {other.file} (case does not count); names differ by more than case",
        )
        yield TenantReading(file=reading.file, name=None, complaints=(*reading.complaints, complaint))
