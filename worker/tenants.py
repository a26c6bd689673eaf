"""The tenants there are at this moment: read again when a file changes, so that tenants come and go without a restart.

What is broken stays as it was: one administrator's slip must not stop the bookings of a tenant that works.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from consumers.bookings.tenants import Tenant
from worker.settings import Settings, SettingsComplaint, TenantSettings, WrongSettings
from worker.settings.reading import TenantReading, TenantsReading, read_tenants, tenant_files

LOOK_EVERY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantChanges:
    """What reading again changed, by name, and what could not be taken over."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    complaints: tuple[SettingsComplaint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    settings: TenantSettings
    tenant: Tenant
    file: Path


class TenantRegistry:
    """The directory of tenants, as the configuration says now. Not for several threads."""

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = settings.file
        self._directory = settings.tenants_directory
        self._environment = environment
        self._monotonic = monotonic
        # Before anything is read: a change that lands later is seen at the next look.
        self._seen = self._signatures()
        self._looked_s = monotonic()
        self._entries: dict[str, _Entry] = {}
        self._complaints: tuple[SettingsComplaint, ...] = ()
        self.reload()

    def get(self, name: str) -> Tenant | None:
        """The tenant of exactly this name, or None."""
        entry = self._entries.get(name)
        return entry.tenant if entry else None

    def settings(self, name: str) -> TenantSettings | None:
        """How to reach the tenant's Exchange, or None."""
        entry = self._entries.get(name)
        return entry.settings if entry else None

    def names(self) -> tuple[str, ...]:
        """Every tenant's name, in alphabetical order."""
        return tuple(sorted(self._entries))

    def reload_if_changed(self) -> TenantChanges | None:
        """Look at the files, at most every `LOOK_EVERY_S`, and read them again if one changed; None if nothing is new.

        While something is broken they are read at every look: what was missing may be a file that they name.
        """
        now_s = self._monotonic()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return None
        self._looked_s = now_s
        known = self._complaints
        if self._signatures() == self._seen and not known:
            return None
        changes = self.reload()
        return None if changes == TenantChanges(complaints=known) and known else changes

    def reload(self) -> TenantChanges:
        """Read the tenants again and take over all that is right."""
        self._seen = self._signatures()
        try:
            reading = read_tenants(self._file, self._environment)
        except WrongSettings as wrong:
            self._complaints = wrong.complaints
            return TenantChanges(complaints=wrong.complaints)
        self._complaints = reading.complaints
        if reading.directory != self._directory:
            self._directory = reading.directory
            self._seen = self._signatures()
        before, self._entries = self._entries, _entries(reading, self._entries)
        after = self._entries
        return TenantChanges(
            added=tuple(sorted(after.keys() - before.keys())),
            changed=tuple(sorted(name for name in after.keys() & before.keys() if after[name] is not before[name])),
            removed=tuple(sorted(before.keys() - after.keys())),
            complaints=reading.complaints,
        )

    def _signatures(self) -> dict[Path, tuple[int, int, int] | None]:
        try:
            files = tenant_files(self._directory) if self._directory else []
        except OSError:
            files = []
        return {file: _signature(file) for file in [self._file, *files]}


def _signature(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _entries(reading: TenantsReading, before: Mapping[str, _Entry]) -> dict[str, _Entry]:
    kept: dict[str, _Entry] = {}
    taken: dict[str, _Entry] = {}
    for tenant in reading.tenants:
        if tenant.settings is None:
            kept |= _kept(tenant, before)
        else:
            taken |= _taken(tenant.settings, tenant.file, before)
    return kept | taken


def _taken(settings: TenantSettings, file: Path, before: Mapping[str, _Entry]) -> dict[str, _Entry]:
    old = before.get(settings.name)
    if old is not None and (old.settings, old.file) == (settings, file):
        # The same object, with secrets that were read again since, so that nobody takes it for a change.
        return {settings.name: old}
    return {settings.name: _Entry(settings=settings, tenant=settings.as_tenant(), file=file)}


def _kept(broken: TenantReading, before: Mapping[str, _Entry]) -> dict[str, _Entry]:
    """What a broken place said before: of its tenant, or of all its tenants where not even the name can be told."""
    if broken.name is not None:
        return {broken.name: before[broken.name]} if broken.name in before else {}
    return {name: entry for name, entry in before.items() if broken.file in {entry.file, entry.file.parent}}
