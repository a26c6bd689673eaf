"""GetItem. Source: the "GetItem operation (calendar item)" page of the EWS reference."""

from collections.abc import Sequence

from adapters.simulator.ews.operation import Handle, Operation
from adapters.simulator.ews.session import Session
from adapters.simulator.ews.shape import read_shape
from adapters.simulator.ews.soap import M
from adapters.simulator.ews.xml import Element, child


def _parts(element: Element) -> Sequence[Element]:
    return list(child(element, f"{M}ItemIds"))


def _begin(session: Session, element: Element) -> Handle:
    shape = child(element, f"{M}ItemShape")

    def get(part: Element) -> str:
        return f"<m:Items>{read_shape(shape, search=False)(session.item(part, 'read'))}</m:Items>"

    return get


GET_ITEM = Operation(parts=_parts, begin=_begin, empty="<m:Items/>")
