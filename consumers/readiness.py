"""What stands in the way of taking commands, in words for the operator: behind /readyz, so true at every moment."""

from dataclasses import dataclass

from consumers.broker.session import Session


@dataclass(slots=True)
class Readiness:
    """None where nothing stands in the way; asked and not told, so that no change can be missed."""

    trouble: str | None = "not connected yet"
    """Why the last try to consume failed."""
    session: Session | None = None
    """The session in use, from its opening on."""
    is_consuming: bool = False
    ledger: str | None = None
    stuck: str | None = None
    """What the broker waits for and nobody works on."""

    @property
    def broker(self) -> str | None:
        """What keeps commands from coming from the broker, or their results from going there."""
        trouble_now = self.session.trouble if self.session else None
        if trouble_now is not None or self.is_consuming:
            return trouble_now or self.stuck
        return self.trouble or "connected, not consuming yet"
