"""Reads what the configuration says about tenants, each by itself: what is wrong with one is said beside the others."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from worker.settings.checking import check
from worker.settings.complaints import SettingsComplaint, WrongSettings, printable
from worker.settings.kinds import Surroundings
from worker.settings.sections import TenantsSettings
from worker.settings.tenant import NAME_FORM, TenantSettings
from worker.settings.toml import TENANT_MAX_BYTES, read_table


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantReading:
    """What one place says about one tenant: a file, a table of the main file, or all that a place should hold.

    `name` is None where not even that can be told. `settings` may be right and still not served by this version.
    `is_all`: the tenants' folder, or the main file, does not say at all which tenants there are.
    """

    file: Path
    key: str = ""
    name: str | None = None
    settings: TenantSettings | None = None
    complaints: tuple[SettingsComplaint, ...] = ()
    is_all: bool = False

    @property
    def usable(self) -> TenantSettings | None:
        """The settings that this version can work with."""
        return None if self.settings is None or self.settings.unserved else self.settings

    @property
    def troubles(self) -> tuple[SettingsComplaint, ...]:
        """Every reason why the settings cannot be used."""
        unserved = self.settings.unserved if self.settings else None
        if unserved is None:
            return self.complaints
        return (*self.complaints, SettingsComplaint(file=self.file, key=self.key, message=unserved))

    @property
    def label(self) -> str:
        """The tenant's name; where that cannot be told, of its place, which as a rule is named for it."""
        return self.name or printable(self.key or self.file.stem)

    @property
    def has_file_of_its_own(self) -> bool:
        """Whether the place is a file of the tenants' folder, or that folder."""
        return not self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantsReading:
    """What the configuration says about tenants, and where else it looks for them."""

    directory: Path | None
    tenants: tuple[TenantReading, ...]

    @property
    def complaints(self) -> tuple[SettingsComplaint, ...]:
        """Everything that is wrong with a tenant."""
        return tuple(complaint for reading in self.tenants for complaint in reading.complaints)

    @property
    def troubles(self) -> tuple[SettingsComplaint, ...]:
        """The same, and which tenants this version does not serve."""
        return tuple(trouble for reading in self.tenants for trouble in reading.troubles)

    @property
    def nameless(self) -> tuple[SettingsComplaint, ...]:
        """Why tenants may be configured whose names cannot be told; empty where every name is known."""
        return tuple(each for reading in self.tenants if reading.name is None for each in reading.complaints)


def read_tenants_of(table: Mapping[str, object], file: Path, environment: Mapping[str, str]) -> TenantsReading:
    """Read the tenants of the configuration file and of the folder that it names, good or bad.

    Raises:
        WrongSettings: the file does not say where tenants are.
    """
    around = Surroundings(folder=file.parent, environment=environment)
    place, complaints = check(TenantsSettings, table.get("tenants", {}), file=file, key="tenants", around=around)
    if place is None:
        raise WrongSettings(tuple(complaints))
    readings = _tenants_of_file(table.get("tenant", []), file, around)
    if place.directory is not None:
        readings += _tenants_of_directory(place.directory, file, around)
    elif not readings:
        readings.append(_about(file, "tenant", "no tenant is configured; add [[tenant]] or [tenants] directory"))
    return TenantsReading(directory=place.directory, tenants=tuple(_with_distinct_names(readings)))


def tenant_files(directory: Path) -> list[Path]:
    """The tenants' files in a folder, hidden ones left out. Raises OSError where it is no folder."""
    try:
        return sorted(each for each in directory.iterdir() if each.suffix == ".toml" and not each.name.startswith("."))
    except ValueError as error:
        raise OSError(None, "no folder can have this name") from error


def _tenants_of_file(tables: object, file: Path, around: Surroundings) -> list[TenantReading]:
    if not isinstance(tables, list):
        return [_about(file, "tenant", "must be a list of tables; write [[tenant]]")]
    return [_tenant(table, file, f"tenant[{index}]", around) for index, table in enumerate(tables)]


def _tenants_of_directory(directory: Path, file: Path, around: Surroundings) -> list[TenantReading]:
    try:
        files = tenant_files(directory)
    except OSError as error:
        complaint = SettingsComplaint(
            file=file, key="tenants.directory", message=f"{directory} cannot be read ({error.strerror})"
        )
        return [TenantReading(file=directory, complaints=(complaint,), is_all=True)]
    readings = []
    for each in files:
        try:
            readings.append(_tenant(read_table(each, max_bytes=TENANT_MAX_BYTES), each, "", around))
        except WrongSettings as wrong:
            readings.append(TenantReading(file=each, complaints=wrong.complaints))
    return readings


def _tenant(table: object, file: Path, key: str, around: Surroundings) -> TenantReading:
    settings, complaints = check(TenantSettings, table, file=file, key=key, around=around)
    name = table.get("name") if isinstance(table, dict) else None
    return TenantReading(
        file=file,
        key=key,
        # A name that no command can bear tells nobody's: it may be anyone's, misspelt.
        name=name if isinstance(name, str) and re.fullmatch(NAME_FORM, name) else None,
        settings=settings,
        complaints=tuple(complaints),
    )


def _about(file: Path, key: str, message: str) -> TenantReading:
    complaint = SettingsComplaint(file=file, key=key, message=message)
    return TenantReading(file=file, complaints=(complaint,), is_all=True)


def _with_distinct_names(readings: Sequence[TenantReading]) -> Iterable[TenantReading]:
    owners: dict[str, TenantReading] = {}
    for reading in sorted(readings, key=_claim):
        if reading.name is not None:
            owners.setdefault(reading.name.lower(), reading)
    for reading in readings:
        owner = owners[reading.name.lower()] if reading.name is not None else reading
        yield reading if owner is reading else _without_its_name(reading, owner)


def _claim(reading: TenantReading) -> tuple[bool, bool]:
    """Who comes first by its name: a copy that somebody has begun to edit must not take it from what works."""
    is_a_copy = reading.has_file_of_its_own and reading.file.stem != reading.name
    return reading.settings is None, is_a_copy


def _without_its_name(reading: TenantReading, owner: TenantReading) -> TenantReading:
    complaint = SettingsComplaint(
        file=reading.file,
        key=f"{reading.key}.name".removeprefix("."),
        message=f"is taken by a tenant of {owner.file} (case does not count); names differ by more than case",
    )
    return replace(reading, settings=None, complaints=(*reading.complaints, complaint))
