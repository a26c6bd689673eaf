"""The words in which faults and faces talk: a call on its way, what becomes of its items, and the answer to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back over HTTP; `reset`: nothing does, the connection is reset."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/xml"
    headers: Mapping[str, str] = field(default_factory=dict)
    reset: bool = False


RESET = Answer(reset=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What becomes of one item: a response code instead of its success, and whether it is written all the same."""

    code: str
    values: Mapping[str, str] = field(default_factory=dict)
    applied: bool = False
    warning: bool = False


Spoil = Callable[[int], Trouble | None]
"""Which trouble the item with this index has."""


class Call(Protocol):
    """A request on its way through a face."""

    def apply(self, spoil: Spoil | None = None) -> Answer:
        """Do it now and give the answer."""
        ...

    def apply_later(self, delay_s: float) -> None:
        """Do it when the client has long stopped waiting."""
        ...

    def refuse(
        self, code: str, values: Mapping[str, str] | None = None, *, status: int = 500, bare: bool = False
    ) -> Answer:
        """Give the answer that refuses the whole request; `bare`: without its detail."""
        ...

    def name_time(self, back_off_ms: int, *, enforce: bool) -> None:
        """Remember that the client was told to leave the mailbox alone for so long."""
        ...


class Fault(Protocol):
    """Something that goes wrong with a request."""

    async def play(self, call: Call) -> Answer:
        """Let it go wrong."""
        ...


TOO_MANY = {"Policy": "MaxConcurrency", "BackOffMilliseconds": "0"}
"""What comes with the refusal of one connection too many; its hint means no time, and is no invitation either."""


def page(status: int, title: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Make an HTML page as an answer."""
    body = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(status=status, body=body.encode(), content_type="text/html", headers=headers or {})
