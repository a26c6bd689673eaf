"""An Exchange stand-in on real sockets, for the demo, the tests and rehearsals."""

from adapters.simulator.content import Attendee, PropertyKey
from adapters.simulator.counters import Counters
from adapters.simulator.events import SimEvent
from adapters.simulator.fault_plan import EVERYDAY
from adapters.simulator.faults import (
    FAULTS,
    BlockedByPolicy,
    CodeAlthoughApplied,
    ErrorAlthoughApplied,
    HtmlPage,
    HttpStatus,
    ItemCode,
    LateApply,
    LateReply,
    LoseReply,
    RequestCode,
    ResetBefore,
    SoapFault200,
    StopBatch,
    Throttle,
    ThrottleInside,
    ThrottleItem,
    TooManyConnections,
    TruncatedXml,
    Unauthorized,
)
from adapters.simulator.limits import Budget
from adapters.simulator.server import Simulator
from adapters.simulator.troubles import Fault
from adapters.simulator.wire import RecordedRequest

__all__ = [
    "EVERYDAY",
    "FAULTS",
    "Attendee",
    "BlockedByPolicy",
    "Budget",
    "CodeAlthoughApplied",
    "Counters",
    "ErrorAlthoughApplied",
    "Fault",
    "HtmlPage",
    "HttpStatus",
    "ItemCode",
    "LateApply",
    "LateReply",
    "LoseReply",
    "PropertyKey",
    "RecordedRequest",
    "RequestCode",
    "ResetBefore",
    "SimEvent",
    "Simulator",
    "SoapFault200",
    "StopBatch",
    "Throttle",
    "ThrottleInside",
    "ThrottleItem",
    "TooManyConnections",
    "TruncatedXml",
    "Unauthorized",
]
