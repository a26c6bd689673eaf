"""The simulator's own HTTP routes: look at rooms and counts, script trouble, do what people do in Outlook.

They ask for no credentials, which is why the server binds loopback only unless it is told otherwise.
"""

import dataclasses
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from adapters.simulator.counters import Counters
from adapters.simulator.events import SimEvent, events
from adapters.simulator.fault_plan import FaultPlan
from adapters.simulator.faults import FAULTS
from adapters.simulator.outlook import NoSuchItem, Outlook
from adapters.simulator.pages import room_page, rooms_page
from adapters.simulator.troubles import Fault
from adapters.simulator.world import World


class Control:
    """Routes under /simulator."""

    def __init__(self, world: World, counts: Counters, faults: FaultPlan, outlook: Outlook) -> None:
        self._store = world.store
        self._directory = world.directory
        self._limits = world.limits
        self._counts = counts
        self._faults = faults
        self._outlook = outlook

    def add_to(self, app: web.Application) -> None:
        """Hang the routes into a server."""
        app.router.add_get("/simulator/rooms", self._rooms)
        app.router.add_get("/simulator/rooms/{address}", self._room)
        app.router.add_get("/simulator/counts", self._get_counts)
        app.router.add_get("/simulator/totals", self._get_totals)
        app.router.add_get("/simulator/timing", self._get_timing)
        app.router.add_post("/simulator/faults", self._post_fault)
        app.router.add_delete("/simulator/faults", self._delete_faults)
        app.router.add_post("/simulator/outlook", self._post_outlook)

    async def _rooms(self, request: web.Request) -> web.Response:
        known = {one.address for one in self._store.mailboxes()} | (self._directory.rooms or set())
        rooms = [(room, len(self._store.folder(room, "calendar").items)) for room in sorted(known)]
        if _wants_html(request):
            return web.Response(text=rooms_page(rooms), content_type="text/html")
        return web.json_response([{"room": room, "events": count} for room, count in rooms])

    async def _room(self, request: web.Request) -> web.Response:
        address = request.match_info["address"]
        if not self._directory.knows(address):
            raise web.HTTPNotFound(text="no such mailbox")
        calendar = events(self._store.folder(address, "calendar"))
        deleted = events(self._store.folder(address, "deleteditems"))
        if _wants_html(request):
            return web.Response(text=room_page(address, calendar, deleted), content_type="text/html")
        return web.json_response(
            {
                "room": address.casefold(),
                "calendar": [event.as_json() for event in calendar],
                "deleted_items": [event.as_json() for event in deleted],
            }
        )

    async def _get_counts(self, _: web.Request) -> web.Response:
        return web.json_response(self._counts.as_json())

    async def _get_totals(self, _: web.Request) -> web.Response:
        return web.json_response(self._counts.totals())

    async def _get_timing(self, _: web.Request) -> web.Response:
        """When events came in and were written, and until when rooms are to be left alone."""
        timing = self._counts.timing
        if timing is None:
            raise web.HTTPNotFound(text="no times are kept")
        return web.json_response({**timing.as_json(), "named_until": self._limits.named_until()})

    async def _post_fault(self, request: web.Request) -> web.Response:
        """`{"fault", "arguments", "room", "operation", "times"}`, or `{"rate", "seed", "kinds"}`."""
        wanted = await _json(request)
        try:
            if "rate" in wanted:
                kinds = wanted.get("kinds")
                faults = None if kinds is None else [_fault(one) for one in kinds]
                self._faults.rate(float(wanted["rate"]), seed=int(wanted.get("seed", 0)), kinds=faults)
            else:
                self._faults.next(
                    _fault(wanted),
                    room=wanted.get("room"),
                    operation=wanted.get("operation"),
                    times=int(wanted.get("times", 1)),
                )
        except (KeyError, TypeError, ValueError) as wrong:
            raise _bad(wrong) from wrong
        return web.json_response({"pending": self._faults.pending})

    async def _delete_faults(self, _: web.Request) -> web.Response:
        self._faults.clear()
        return web.json_response({"pending": 0})

    async def _post_outlook(self, request: web.Request) -> web.Response:
        """`{"action": edit|repeat|delete|restore|copy|create, "room", "item_id", "fields"}`; times are RFC 3339."""
        wanted = await _json(request)
        actions: dict[str, Callable[..., SimEvent]] = {
            "create": self._outlook.create,
            "edit": self._outlook.edit,
            "repeat": self._outlook.repeat,
            "delete": self._outlook.delete,
            "restore": self._outlook.restore,
            "copy": self._outlook.copy,
        }
        try:
            fields = _times_read(wanted.get("fields") or {})
            target = () if wanted["action"] == "create" else (wanted["item_id"],)
            event = actions[wanted["action"]](wanted["room"], *target, **fields)
        except (KeyError, TypeError, ValueError, NoSuchItem) as wrong:
            raise _bad(wrong) from wrong
        return web.json_response(event.as_json())


def _fault(wanted: dict[str, Any]) -> Fault:
    kind = FAULTS[wanted["fault"]]
    arguments = dict(wanted.get("arguments") or {})
    known = {one.name for one in dataclasses.fields(kind)}  # type: ignore[arg-type]  # every fault is a dataclass
    if not arguments.keys() <= known:
        raise ValueError(f"{kind.__name__} takes {sorted(known)}")
    return kind(**arguments)


def _times_read(fields: dict[str, Any]) -> dict[str, Any]:
    read = dict(fields)
    for name in ("start", "end"):
        if name in read:
            read[name] = datetime.fromisoformat(read[name])
            if read[name].tzinfo is None:
                raise ValueError(f"{name} must carry an offset")
    if "categories" in read:
        read["categories"] = tuple(read["categories"])
    return read


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        wanted = await request.json()
    except json.JSONDecodeError as wrong:
        raise _bad(wrong) from wrong
    if not isinstance(wanted, dict):
        raise _bad(TypeError("an object is wanted"))
    return wanted


def _bad(wrong: Exception) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(
        text=json.dumps({"error": f"{type(wrong).__name__}: {wrong}"}), content_type="application/json"
    )


def _wants_html(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")
