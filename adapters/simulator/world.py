"""What all faces share, so that a booking written through one of them is seen through every other."""

from dataclasses import dataclass

from adapters.simulator.access import Access
from adapters.simulator.directory import Directory
from adapters.simulator.limits import Limits
from adapters.simulator.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One Exchange organisation: its mailboxes, who is in it, who may do what, and how much."""

    store: Store
    directory: Directory
    access: Access
    limits: Limits
