"""Takes EWS requests in: reads, checks, counts, lets the limits and the faults have their say, then does them."""

import asyncio
import time
from collections.abc import Callable

from lxml import etree

from adapters.simulator.counters import Counters
from adapters.simulator.ews import schema, soap
from adapters.simulator.ews.call import EwsCall
from adapters.simulator.ews.create_item import CREATE_ITEM
from adapters.simulator.ews.delete_item import DELETE_ITEM
from adapters.simulator.ews.find_item import FIND_ITEM
from adapters.simulator.ews.get_folder import GET_FOLDER
from adapters.simulator.ews.get_item import GET_ITEM
from adapters.simulator.ews.get_server_time_zones import GET_SERVER_TIME_ZONES
from adapters.simulator.ews.operation import Operation
from adapters.simulator.ews.rooms import GET_ROOM_LISTS, GET_ROOMS, RESOLVE_NAMES
from adapters.simulator.ews.session import Session
from adapters.simulator.ews.soap import Envelope, ItemError, SoapFault, T
from adapters.simulator.ews.sync_folder_items import SYNC_FOLDER_ITEMS
from adapters.simulator.ews.update_item import UPDATE_ITEM
from adapters.simulator.ews.xml import Element
from adapters.simulator.fault_plan import FaultPlan
from adapters.simulator.troubles import TOO_MANY, Answer
from adapters.simulator.world import World

OPERATIONS: dict[str, Operation] = {
    "CreateItem": CREATE_ITEM,
    "DeleteItem": DELETE_ITEM,
    "FindItem": FIND_ITEM,
    "GetFolder": GET_FOLDER,
    "GetItem": GET_ITEM,
    "GetRoomLists": GET_ROOM_LISTS,
    "GetRooms": GET_ROOMS,
    "GetServerTimeZones": GET_SERVER_TIME_ZONES,
    "ResolveNames": RESOLVE_NAMES,
    "SyncFolderItems": SYNC_FOLDER_ITEMS,
    "UpdateItem": UPDATE_ITEM,
}


class EwsFace:
    """The EWS face of the simulator, below HTTP and authentication."""

    def __init__(
        self,
        world: World,
        counts: Counters,
        faults: FaultPlan,
        latency_s: float,
        postpone: Callable[[float, Callable[[], object]], None],
    ) -> None:
        self._world = world
        self._counts = counts
        self._faults = faults
        self._latency_s = latency_s
        self._postpone = postpone

    async def answer(self, account: str, body: bytes, connection: int) -> tuple[str, str, Answer]:
        """Answer an authenticated request; give its operation and its mailbox with it, for the record."""
        timing, arrived_at = self._counts.timing, time.monotonic()
        try:
            envelope = soap.read_envelope(body)
            call = self._call(envelope, envelope.impersonated or account, connection)
            schema.check(envelope.operation)
        except SoapFault as fault:
            return "", "", _fault_answer(fault)
        self._counts.arrived(call.room, call.name, len(call.operation.parts(call.element)))
        if timing is not None:
            for subject in call.element.iter(f"{T}Subject"):
                timing.arrived(subject.text or "", arrived_at)
        try:
            self._check_impersonation(account, envelope.impersonated)
            return call.name, call.room, await self._limited(call)
        except SoapFault as fault:
            return call.name, call.room, _fault_answer(fault)
        finally:
            self._counts.left(call.room)

    def _call(self, envelope: Envelope, principal: str, connection: int) -> EwsCall:
        name, operation = _operation(envelope.operation)
        return EwsCall(
            name=name,
            operation=operation,
            element=envelope.operation,
            session=Session(world=self._world, principal=principal, time_zone=envelope.time_zone),
            room=self._room(envelope.operation, principal).casefold(),
            connection=connection,
            counts=self._counts,
            postpone=self._postpone,
        )

    async def _limited(self, call: EwsCall) -> Answer:
        # The budget is the caller's: that of the impersonated mailbox, or the account's for all mailboxes together.
        context = call.session.principal.casefold()
        if self._world.limits.is_early(call.room, call.connection):
            self._counts.early += 1
        refusal = self._enter(call, context)
        if refusal is not None:
            self._counts.throttled[call.room] += 1
            return refusal
        try:
            return await self._troubled(call)
        finally:
            self._world.limits.leave(context)

    def _enter(self, call: EwsCall, context: str) -> Answer | None:
        """Let a call in, which has to leave again, or give the answer that refuses it."""
        enforced_ms = self._world.limits.enforced_ms(call.room)
        if enforced_ms:
            return call.refuse("ErrorServerBusy", {"BackOffMilliseconds": str(enforced_ms)})
        busy = self._world.limits.enter(context)
        if busy is None:
            return None
        if busy.connections:
            return call.refuse("ErrorExceededConnectionCount", TOO_MANY)
        call.name_time(busy.back_off_ms, enforce=False)
        return call.refuse("ErrorServerBusy", {"BackOffMilliseconds": str(busy.back_off_ms)})

    async def _troubled(self, call: EwsCall) -> Answer:
        fault = self._faults.draw(call.room, call.name)
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        return call.apply() if fault is None else await fault.play(call)

    def _check_impersonation(self, account: str, impersonated: str | None) -> None:
        if impersonated is None:
            return
        if not self._world.directory.knows(impersonated):
            raise SoapFault("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
        code = self._world.access.impersonation_fault(account, impersonated)
        if code is not None:
            raise SoapFault(code, "The account does not have permission to impersonate the requested user.")

    def _room(self, element: Element, principal: str) -> str:
        """Give the mailbox that a request is about: that of the first folder or item it names, else the caller's."""
        for target in element.iter(f"{T}DistinguishedFolderId", f"{T}FolderId", f"{T}ItemId"):
            if target.tag == f"{T}ItemId":
                return self._world.store.owner(target.get("Id") or "") or principal
            try:
                session = Session(world=self._world, principal=principal, time_zone=None)
                return session.locate(target)[0]
            except ItemError:
                return target.findtext(f"{T}Mailbox/{T}EmailAddress") or principal
        return principal


def _operation(element: Element) -> tuple[str, Operation]:
    name = etree.QName(element).localname
    operation = OPERATIONS.get(name)
    if operation is None or element.tag != f"{soap.M}{name}":
        raise SoapFault("ErrorInvalidRequest", f"This stand-in for Exchange does not offer the operation {name}.")
    return name, operation


def _fault_answer(fault: SoapFault) -> Answer:
    return Answer(status=500, body=soap.fault(fault))
