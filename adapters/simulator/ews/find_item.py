"""FindItem: by restriction and page, or by time; one response message for each folder.

Without a view Exchange gives single events and masters, which this does too; a view gives a master's first date only,
where Exchange gives every date.

Source: the "FindItem operation (calendar item)" and CalendarView pages of the EWS reference.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from adapters.simulator.content import Item
from adapters.simulator.ews import times
from adapters.simulator.ews.operation import Handle, Operation
from adapters.simulator.ews.restriction import matching, path_value
from adapters.simulator.ews.session import Session
from adapters.simulator.ews.shape import read_shape
from adapters.simulator.ews.soap import ItemError, M
from adapters.simulator.ews.xml import Element, child
from adapters.simulator.store import Folder

_LONGEST_VIEW = timedelta(days=2 * 365 + 1)


def _parts(element: Element) -> Sequence[Element]:
    return list(child(element, f"{M}ParentFolderIds"))


def _begin(session: Session, element: Element) -> Handle:
    shape = child(element, f"{M}ItemShape")
    view = element.find(f"{M}CalendarView")
    page_cap = session.world.limits.find_page

    def find(part: Element) -> str:
        item_xml = read_shape(shape, search=True)
        folder = session.contents(part)
        if element.get("Traversal") != "Shallow":
            return _result([], 0, page_from=0, is_last=True)
        if view is not None:
            items = _in_view(session, folder, view, element)
            shown = items[: min(_most(view, page_cap), page_cap)]
            return _result([item_xml(item) for item in shown], len(items), None, is_last=len(shown) == len(items))
        items = _sorted(matching(folder, element.find(f"{M}Restriction")), element.find(f"{M}SortOrder"))
        first, end = _page(element.find(f"{M}IndexedPageItemView"), len(items), page_cap)
        return _result([item_xml(item) for item in items[first:end]], len(items), end, is_last=end >= len(items))

    return find


def _in_view(session: Session, folder: Folder, view: Element, element: Element) -> list[Item]:
    if element.find(f"{M}Restriction") is not None or element.find(f"{M}SortOrder") is not None:
        raise ItemError("ErrorUnsupportedPathForSortGroup", "A calendar view takes neither restriction nor sort order.")
    start_at = times.instant(view.get("StartDate") or "", session.time_zone)
    end_at = times.instant(view.get("EndDate") or "", session.time_zone)
    if end_at < start_at:
        raise ItemError("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate.")
    if end_at - start_at > _LONGEST_VIEW:
        raise ItemError("ErrorCalendarViewRangeTooBig", "The specified view range exceeds two years.")
    overlapping = [
        item
        for item in folder.items.values()
        if item.content.start_at < end_at
        and (item.content.end_at > start_at or item.content.start_at == item.content.end_at == start_at)
    ]
    return sorted(overlapping, key=lambda item: (item.content.start_at, item.sequence))


def _sorted(items: list[Item], order: Element | None) -> list[Item]:
    for field in reversed(order if order is not None else ()):
        value = path_value(field[0])

        def key(item: Item, value: Any = value) -> tuple[bool, Any]:  # noqa: ANN401  # one field's values are of one type
            found = value(item)
            return (found is not None, found.casefold() if isinstance(found, str) else found)

        items = sorted(items, key=key, reverse=field.get("Order") == "Descending")
    return items


def _page(view: Element | None, count: int, cap: int) -> tuple[int, int]:
    """Give where a page begins and where it ends (exclusive) among all matches."""
    if view is None:
        return 0, min(count, cap)
    offset, most = int(view.get("Offset") or "0"), min(_most(view, cap), cap)
    if offset < 0:
        raise ItemError("ErrorInvalidIndexedPagingParameters", "The offset must not be negative.")
    if view.get("BasePoint") == "End":
        end = max(0, count - offset)
        return max(0, end - most), end
    return min(offset, count), min(offset + most, count)


def _most(view: Element, cap: int) -> int:
    most = int(view.get("MaxEntriesReturned") or cap)
    if most < 1:
        raise ItemError("ErrorInvalidPagingMaxRows", "MaxEntriesReturned must be greater than zero.")
    return most


def _result(items: list[str], total: int, page_from: int | None, *, is_last: bool) -> str:
    offset = "" if page_from is None else f' IndexedPagingOffset="{page_from}"'
    return (
        f'<m:RootFolder{offset} TotalItemsInView="{total}" IncludesLastItemInRange="{"true" if is_last else "false"}">'
        f"<t:Items>{''.join(items)}</t:Items></m:RootFolder>"
    )


FIND_ITEM = Operation(parts=_parts, begin=_begin)
