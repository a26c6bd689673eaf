"""What an operation of this face is: parts of a request done one after the other, a response message for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adapters.simulator.ews.session import Session
from adapters.simulator.ews.xml import Element

Handle = Callable[[Element], str]
"""Does one part and gives what its response message holds. Raises ItemError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation. `begin` reads what holds for all parts and gives the function that does one of them."""

    parts: Callable[[Element], Sequence[Element]]
    begin: Callable[[Session, Element], Handle]
    empty: str = ""
    """What the message of a refused part holds, because the schema wants it."""
    writes: bool = False
    is_own_message: bool = False
    """The answer is itself the response message, not a list of them."""


def whole(element: Element) -> Sequence[Element]:
    """The parts of an operation that is one part."""
    return (element,)
