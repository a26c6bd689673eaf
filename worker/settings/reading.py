"""Reads the configuration; every complaint is collected before anything is refused.

What concerns all (broker, ledger, HTTP port, waits, the file itself) must be right; of tenants those are left out
that cannot be used, where the caller bears that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.settings.checking import check, unknown_key
from worker.settings.complaints import SettingsComplaint, WrongSettings
from worker.settings.kinds import Surroundings
from worker.settings.sections import BrokerSettings, HttpSettings, LedgerSettings, SyncSettings
from worker.settings.tenant import TenantSettings
from worker.settings.tenant_reading import TenantReading, TenantsReading, read_tenants_of
from worker.settings.toml import MAIN_MAX_BYTES, read_table

_SECTIONS = {"broker", "ledger", "http", "sync", "tenants", "tenant"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the configuration says. Tenants are those at start; they come and go (`worker.tenants`).

    `tenants`: with right settings, also those that this version does not serve; `unusable`: what is left out.
    """

    file: Path
    broker: BrokerSettings
    ledger: LedgerSettings
    http: HttpSettings
    sync: SyncSettings
    tenants_directory: Path | None
    tenants: tuple[TenantSettings, ...]
    unusable: tuple[TenantReading, ...] = ()

    @property
    def troubles(self) -> tuple[SettingsComplaint, ...]:
        """Why tenants are left out."""
        return tuple(trouble for reading in self.unusable for trouble in reading.troubles)


def find_settings(given: Path | None, environment: Mapping[str, str]) -> Path:
    """The configuration file: the one given, else `ROOMSYNC_CONFIG`, else `./roomsync.toml`."""
    return given or Path(environment.get("ROOMSYNC_CONFIG") or "roomsync.toml")


def read_settings(file: Path, environment: Mapping[str, str]) -> Settings:
    """Read the whole configuration.

    Raises:
        WrongSettings: with every complaint, about tenants too.
    """
    settings = read_usable_settings(file, environment)
    complaints = tuple(complaint for reading in settings.unusable for complaint in reading.complaints)
    if complaints:
        raise WrongSettings(complaints)
    return settings


def read_usable_settings(file: Path, environment: Mapping[str, str]) -> Settings:
    """Read the whole configuration, without the tenants whose settings cannot be used.

    Raises:
        WrongSettings: something that concerns all is wrong; with every complaint, about tenants too.
    """
    table = _table(file)
    around = Surroundings(folder=file.parent, environment=environment)
    complaints = _about_unknown(table, file)
    broker, about_broker = check(BrokerSettings, table.get("broker", {}), file=file, key="broker", around=around)
    ledger, about_ledger = check(LedgerSettings, table.get("ledger", {}), file=file, key="ledger", around=around)
    http, about_http = check(HttpSettings, table.get("http", {}), file=file, key="http", around=around)
    sync, about_sync = check(SyncSettings, table.get("sync", {}), file=file, key="sync", around=around)
    reading, about_place = _tenants_or_why_not(table, file, environment)
    complaints += [*about_broker, *about_ledger, *about_http, *about_sync, *about_place]
    if complaints or broker is None or ledger is None or http is None or sync is None:
        raise WrongSettings((*complaints, *reading.complaints))
    return Settings(
        file=file,
        broker=broker,
        ledger=ledger,
        http=http,
        sync=sync,
        tenants_directory=reading.directory,
        tenants=tuple(tenant.settings for tenant in reading.tenants if tenant.settings),
        unusable=tuple(tenant for tenant in reading.tenants if tenant.usable is None),
    )


def read_tenants(file: Path, environment: Mapping[str, str]) -> TenantsReading:
    """Read what the configuration says about tenants, good or bad.

    Raises:
        WrongSettings: the configuration file cannot be read, or does not say where tenants are.
    """
    table = _table(file)
    # A misspelt section may be the one that says where tenants are.
    if complaints := _about_unknown(table, file):
        raise WrongSettings(tuple(complaints))
    return read_tenants_of(table, file, environment)


def _about_unknown(table: Mapping[str, object], file: Path) -> list[SettingsComplaint]:
    return [
        SettingsComplaint(file=file, key=key, message=unknown_key(key, "")) for key in table if key not in _SECTIONS
    ]


def _table(file: Path) -> dict[str, object]:
    advice = "; name the configuration file with --config or ROOMSYNC_CONFIG"
    return read_table(file, max_bytes=MAIN_MAX_BYTES, advice=advice)


def _tenants_or_why_not(
    table: Mapping[str, object], file: Path, environment: Mapping[str, str]
) -> tuple[TenantsReading, tuple[SettingsComplaint, ...]]:
    try:
        return read_tenants_of(table, file, environment), ()
    except WrongSettings as wrong:
        return TenantsReading(directory=None, tenants=()), wrong.complaints
