"""The configuration, read once and checked as a whole (docs/contract.md#configuration)."""

from worker.settings.complaints import SettingsComplaint, WrongSettings
from worker.settings.reading import Settings, find_settings, read_settings, read_usable_settings
from worker.settings.sections import BrokerSettings, HttpSettings, LedgerSettings, SyncSettings
from worker.settings.tenant import BasicAuth, CertificateAuth, ClientSecretAuth, Limits, NtlmAuth, TenantSettings

__all__ = [
    "BasicAuth",
    "BrokerSettings",
    "CertificateAuth",
    "ClientSecretAuth",
    "HttpSettings",
    "LedgerSettings",
    "Limits",
    "NtlmAuth",
    "Settings",
    "SettingsComplaint",
    "SyncSettings",
    "TenantSettings",
    "WrongSettings",
    "find_settings",
    "read_settings",
    "read_usable_settings",
]
