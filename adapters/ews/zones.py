"""Names of time zones: ours are IANA's, Exchange's are Windows', and CLDR's map ships with exchangelib."""

from exchangelib.winzone import IANA_TO_MS_TIMEZONE_MAP

UTC_ID = "UTC"

_WINDOWS_IDS: dict[str, str] = {iana: windows_id for iana, (windows_id, _) in IANA_TO_MS_TIMEZONE_MAP.items()}


class Zones:
    """Which zones a server knows: CLDR's, less those that it refused (one without recent zone updates)."""

    def __init__(self) -> None:
        self._refused: set[str] = set()

    def id_of(self, iana: str) -> str | None:
        """The Windows id of a zone or link (`Asia/Kolkata` as well as `Asia/Calcutta`); None: write the event in UTC.

        Source: CLDR supplemental/windowsZones.xml; Microsoft, "TimeZoneDefinition".
        """
        windows_id = _WINDOWS_IDS.get(iana)
        return None if windows_id in self._refused else windows_id

    def forget(self, windows_id: str) -> None:
        """Remember, as long as this process lives, that the server refused this zone."""
        self._refused.add(windows_id)
