"""The tenants there are at this moment: read again when a file changes, so that tenants come and go without a restart.

What is broken stays as it was: one administrator's slip must not stop the bookings of a tenant that works. What was
broken from the start, or is gone, keeps its commands waiting (docs/decisions/0024).
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from consumers.policy import BREAKER_FIRST_WAIT_S, BREAKER_LATER_AFTER_S, BREAKER_LATER_WAIT_S
from consumers.tenants import Tenant, Unusable
from worker.files import Signature, signature_of
from worker.settings import Settings, SettingsComplaint, TenantSettings, WrongSettings
from worker.settings.reading import read_tenants
from worker.settings.tenant_reading import TenantReading, TenantsReading, tenant_files

LOOK_EVERY_S = 5.0
FORGIVEN_S = 600.0
"""How long commands of a tenant wait whose settings are gone: a file that is being replaced may be away for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantChanges:
    """What reading again changed, by name, and what could not be taken over."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    complaints: tuple[SettingsComplaint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantTrouble:
    """Why a tenant's settings cannot be used. `waits`: its commands do; else the last good settings stay in force."""

    why: str
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    settings: TenantSettings
    tenant: Tenant
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What one reading left behind; taken over whole, so that whoever asks meanwhile never sees half of it."""

    entries: Mapping[str, _Entry] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    """Why settings cannot be used, by the tenant's name or that of its place."""
    strangers: str | None = None
    """Why a name that nobody knows may be a tenant's all the same."""
    since_s: Mapping[str, float] = field(default_factory=dict)
    """Since when what is broken or gone is so."""
    gone: frozenset[str] = frozenset()
    complaints: tuple[SettingsComplaint, ...] = ()
    is_mended_elsewhere: bool = False
    """What is wrong may be mended without a change of the files that are looked at."""


class TenantRegistry:
    """The directory of tenants, as the configuration says now. Reading again may be left to a thread."""

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
        self._known = _Known()
        self.reload()

    def get(self, name: str) -> Tenant | Unusable | None:
        """The tenant of exactly this name; `Unusable` also for a name that may be a tenant's whose file is broken."""
        known = self._known
        entry = known.entries.get(name)
        if entry is not None:
            return entry.tenant
        if name in known.broken or self._is_forgiven(name, known) or known.strangers is not None:
            return Unusable(name=name)
        return None

    def is_named(self, name: str) -> bool:
        """Whether the configuration names, or named a while ago, a tenant so."""
        known = self._known
        return name in known.entries or name in known.broken or self._is_forgiven(name, known)

    def settings(self, name: str) -> TenantSettings | None:
        """How to reach the tenant's Exchange, or None where there is no such tenant, or none that can be used."""
        entry = self._known.entries.get(name)
        return entry.settings if entry else None

    def names(self) -> tuple[str, ...]:
        """The name of every tenant that can be used, in alphabetical order."""
        return tuple(sorted(self._known.entries))

    def tenants(self) -> tuple[Tenant, ...]:
        """Every tenant that can be used, in the order of their names."""
        entries = self._known.entries
        return tuple(entries[name].tenant for name in sorted(entries))

    def troubles(self) -> dict[str, TenantTrouble]:
        """The tenants whose settings cannot be used, or are gone since a while, with the reason."""
        known = self._known
        told = {
            name: TenantTrouble(
                why=f"{why}; its last good settings stay in force" if name in known.entries else why,
                waits=name not in known.entries,
            )
            for name, why in known.broken.items()
        }
        for name in known.gone:
            if self._is_forgiven(name, known):
                left_s = FORGIVEN_S - (self._monotonic() - known.since_s[name])
                why = f"its settings are gone; its commands wait, and fail as tenant_unknown in {left_s:.0f} s"
                told[name] = TenantTrouble(why=why, waits=True)
        return dict(sorted(told.items()))

    def away_s(self, name: str) -> float:
        """How long commands of a tenant stay away that cannot be used: as those of an open breaker."""
        known = self._known
        since_s = known.since_s.get(name, min(known.since_s.values(), default=self._monotonic()))
        is_new = self._monotonic() - since_s < BREAKER_LATER_AFTER_S
        return BREAKER_FIRST_WAIT_S if is_new else BREAKER_LATER_WAIT_S

    def reload_if_changed(self) -> TenantChanges | None:
        """Look at the files, at most every `LOOK_EVERY_S`, and read them again if one changed; None if nothing is new.

        While something is broken they are read at every look: what was missing may be a file that they name.
        """
        now_s = self._monotonic()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return None
        self._looked_s = now_s
        known = self._known
        if self._signatures() == self._seen and not known.is_mended_elsewhere:
            return None
        changes = self.reload()
        return None if changes == TenantChanges(complaints=known.complaints) and known.complaints else changes

    def reload(self) -> TenantChanges:
        """Read the tenants again and take over all that is right."""
        self._seen = self._signatures()
        before = self._known
        try:
            reading = read_tenants(self._file, self._environment)
        except WrongSettings as wrong:
            self._known = self._unreadable(wrong, before)
            return TenantChanges(complaints=wrong.complaints)
        if reading.directory != self._directory:
            self._directory = reading.directory
            self._seen = self._signatures()
        after = self._known = self._read(reading, before)
        return TenantChanges(
            added=tuple(sorted(after.entries.keys() - before.entries.keys())),
            changed=tuple(
                sorted(name for name, entry in after.entries.items() if before.entries.get(name, entry) is not entry)
            ),
            removed=tuple(sorted(before.entries.keys() - after.entries.keys())),
            complaints=reading.troubles,
        )

    def _read(self, reading: TenantsReading, before: _Known) -> _Known:
        entries = _entries(reading.tenants, before.entries)
        broken = {each.label: _first_of(each.troubles) for each in reading.tenants if each.usable is None}
        was_there = before.entries.keys() | before.broken.keys() | before.gone
        gone = frozenset(was_there - entries.keys() - broken.keys())
        now_s = self._monotonic()
        since_s = {
            name: now_s if (name in gone) != (name in before.gone) else before.since_s.get(name, now_s)
            for name in broken.keys() | gone
        }
        return _Known(
            entries=entries,
            broken=broken,
            strangers=_strangers(reading),
            since_s={name: at_s for name, at_s in since_s.items() if name in broken or now_s - at_s < FORGIVEN_S},
            gone=frozenset(name for name in gone if now_s - since_s[name] < FORGIVEN_S),
            complaints=reading.troubles,
            is_mended_elsewhere=bool(reading.complaints),
        )

    def _unreadable(self, wrong: WrongSettings, before: _Known) -> _Known:
        return _Known(
            entries=before.entries,
            broken=before.broken,
            strangers=_first_of(wrong.complaints),
            since_s=before.since_s,
            gone=before.gone,
            complaints=wrong.complaints,
            is_mended_elsewhere=True,
        )

    def _is_forgiven(self, name: str, known: _Known) -> bool:
        return name in known.gone and self._monotonic() - known.since_s[name] < FORGIVEN_S

    def _signatures(self) -> dict[Path, Signature | None]:
        try:
            files = tenant_files(self._directory) if self._directory else []
        except OSError:
            files = []
        return {file: signature_of(file) for file in [self._file, *files]}


def _strangers(reading: TenantsReading) -> str | None:
    if reading.nameless:
        return _first_of(reading.nameless)
    # A folder that is not filled yet, as a rule; told from a publisher's slip as soon as one tenant is there.
    return None if reading.tenants else "no tenant is configured"


def _first_of(complaints: tuple[SettingsComplaint, ...]) -> str:
    more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
    return f"{complaints[0]}{more}"


def _entries(readings: Iterable[TenantReading], before: Mapping[str, _Entry]) -> dict[str, _Entry]:
    kept: dict[str, _Entry] = {}
    taken: dict[str, _Entry] = {}
    for reading in readings:
        settings = reading.usable
        if settings is None:
            kept |= _kept(reading, before)
        else:
            taken |= _taken(settings, reading.file, before)
    return kept | taken


def _taken(settings: TenantSettings, file: Path, before: Mapping[str, _Entry]) -> dict[str, _Entry]:
    old = before.get(settings.name)
    if old is not None and (old.settings, old.file) == (settings, file):
        # The same object, with secrets that were read again since, so that nobody takes it for a change.
        return {settings.name: old}
    return {settings.name: _Entry(settings=settings, tenant=settings.as_tenant(), file=file)}


def _kept(broken: TenantReading, before: Mapping[str, _Entry]) -> dict[str, _Entry]:
    """What a broken place said before: of its tenant, or of all its tenants where not even the name can be told.

    What does not even say where tenants are keeps all that there were: the new place is as a rule a typing error.
    """
    if broken.is_all:
        return dict(before)
    kept = {broken.name: before[broken.name]} if broken.name is not None and broken.name in before else {}
    if broken.name is None or broken.has_file_of_its_own:
        kept |= {name: entry for name, entry in before.items() if entry.file == broken.file}
    return kept
