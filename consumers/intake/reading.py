"""From a message to a delivery: parsed once, here; past this point nobody meets JSON."""

from aio_pika.abc import AbstractIncomingMessage

from consumers.bookings.command import parse_command
from consumers.bookings.room import Clocks
from consumers.bookings.tenants import TenantDirectory
from consumers.intake.deliveries import Delivery
from consumers.intake.headers import Notes
from consumers.intake.session import Session


class Reader:
    """Reads messages as commands of the tenants that are configured now."""

    def __init__(self, tenants: TenantDirectory, clocks: Clocks) -> None:
        self._tenants = tenants
        self._clocks = clocks

    def read(self, message: AbstractIncomingMessage, session: Session) -> Delivery:
        """The command in hand. Raises `BadMessage` with every complaint."""
        command = parse_command(message.body, self._tenants)
        tenant = self._tenants.get(command.tenant)
        notes = Notes.read(message.headers)
        return Delivery(
            message=message,
            session=session,
            command=command,
            backend=tenant.backend if tenant else "",
            notes=notes,
            first_seen_at=notes.first_seen_at or self._clocks.now(),
            received_s=self._clocks.monotonic(),
        )
