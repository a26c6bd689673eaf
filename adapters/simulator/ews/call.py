"""One EWS request: who calls for which mailbox, what doing it gives, and how it is refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.simulator.counters import Counters
from adapters.simulator.ews import soap
from adapters.simulator.ews.operation import Handle, Operation
from adapters.simulator.ews.rooms import Ambiguous
from adapters.simulator.ews.session import Session
from adapters.simulator.ews.soap import ItemError, SoapFault, T
from adapters.simulator.ews.xml import Element
from adapters.simulator.troubles import Answer, Spoil, Trouble

_TEXTS = {
    "ErrorServerBusy": "The server cannot service this request right now. Try again later.",
    "ErrorExceededConnectionCount": "You have exceeded the available concurrent connections for your account. Try "
    "again once your other requests have completed.",
    "ErrorBatchProcessingStopped": "The batch processing was stopped: the item was not processed.",
    "ErrorInternalServerError": "An internal server error occurred. The operation failed.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EwsCall:
    """A request that was read, authenticated and let in; it can be done now, later, or not at all."""

    name: str
    operation: Operation
    element: Element
    session: Session
    room: str
    connection: int
    counts: Counters
    postpone: Callable[[float, Callable[[], object]], None]

    def apply(self, spoil: Spoil | None = None) -> Answer:
        """Do the parts of the request in order and give the answer."""
        handle = self.operation.begin(self.session, self.element)
        message = f"{self.name}ResponseMessage"
        if self.operation.is_own_message:
            return self._single(handle, spoil)
        results = [
            self._part(handle, part, message, spoil(index) if spoil else None)
            for index, part in enumerate(self.operation.parts(self.element))
        ]
        content = f"<m:ResponseMessages>{''.join(results)}</m:ResponseMessages>"
        return Answer(body=soap.envelope(self.name, content))

    def apply_later(self, delay_s: float) -> None:
        """Do it when the client has long stopped waiting."""
        self.postpone(delay_s, self.apply)

    def refuse(
        self, code: str, values: Mapping[str, str] | None = None, *, status: int = 500, bare: bool = False
    ) -> Answer:
        """Give the SOAP fault that refuses the whole request."""
        wording = _TEXTS.get(code, f"The request was refused: {code}.")
        return Answer(status=status, body=soap.fault(SoapFault(code, wording, values=dict(values or {}), bare=bare)))

    def name_time(self, back_off_ms: int, *, enforce: bool) -> None:
        """Remember that the client was told to leave the mailbox alone for so long."""
        self.session.world.limits.name_time(self.room, back_off_ms, connection=self.connection, enforce=enforce)

    def _single(self, handle: Handle, spoil: Spoil | None) -> Answer:
        try:
            content = self._done(handle, self.element, spoil(0) if spoil else None)
        except ItemError as error:
            return Answer(body=soap.envelope(self.name, soap.error_body(error), ' ResponseClass="Error"'))
        return Answer(body=soap.envelope(self.name, soap.no_error(content), ' ResponseClass="Success"'))

    def _part(self, handle: Handle, part: Element, message: str, trouble: Trouble | None) -> str:
        try:
            return soap.success(message, self._done(handle, part, trouble))
        except Ambiguous as several:
            return soap.failure(message, several, several.result)
        except ItemError as error:
            return soap.failure(message, error, self.operation.empty)

    def _done(self, handle: Handle, part: Element, trouble: Trouble | None) -> str:
        """Do one part, in trouble perhaps. Raises ItemError."""
        if trouble is not None and not trouble.applied:
            raise _error(trouble)
        content = handle(part)
        if self.operation.writes:
            self.counts.applied[self.name] += 1
            if self.counts.timing is not None:
                self.counts.timing.written(part.findtext(f".//{T}Subject") or "")
        if trouble is not None:
            raise _error(trouble)
        return content


def _error(trouble: Trouble) -> ItemError:
    wording = _TEXTS.get(trouble.code, f"The item was refused: {trouble.code}.")
    return ItemError(trouble.code, wording, values=dict(trouble.values), warning=trouble.warning)
