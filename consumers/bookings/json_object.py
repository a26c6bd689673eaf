"""A message's bytes become one JSON object, whatever they are; nothing of it is trusted yet.

`null` means absent (CONTRACT.md §1), so such members are left out here, once for all levels. A member that is given
twice is kept as `TWICE`, which fits no type, so that the check of the members finds it where it stands.
"""

import json
from codecs import BOM_UTF8
from collections import Counter
from dataclasses import dataclass
from typing import Final, Never

from consumers.bookings.complaints import BadMessage, Complaint

MAX_BYTES: Final = 256 * 1024

_MAX_DIGITS = 30


class _Twice:
    """Stands for a member that is given twice: neither value can be trusted."""


TWICE: Final = _Twice()


@dataclass(slots=True)
class _Reader:
    """Builds objects without nulls; remembers whether any member of any object came twice."""

    has_twice: bool = False

    def object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = {name: value for name, value in pairs if value is not None}
        counts = Counter(name for name, _ in pairs)
        if len(counts) < len(pairs):
            members |= {name: TWICE for name, count in counts.items() if count > 1}
            self.has_twice = True
        return members


@dataclass(frozen=True, slots=True)
class JsonObject:
    """A JSON object and whether any member in it, at any depth, came twice."""

    members: dict[str, object]
    has_twice: bool


def read_object(body: bytes) -> JsonObject:
    """Read the body of a message.

    Raises:
        BadMessage: `too_large`, `not_utf8`, `not_json`, `too_deep` or `not_an_object`.

    Source: RFC 8259.
    """
    if len(body) > MAX_BYTES:
        raise too_large(len(body))
    if body.startswith(BOM_UTF8):
        # A parser may ignore it (RFC 8259 §8.1). Not here: other readers of the same message would not.
        raise _bad("not_json", "The body begins with a byte order mark; JSON is sent without one (RFC 8259).")
    reader = _Reader()
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=reader.object, parse_int=_integer, parse_constant=_no_constant
        )
    except UnicodeDecodeError as wrong:
        raise _bad("not_utf8", f"The body is not UTF-8: it breaks at byte {wrong.start}.") from None
    except json.JSONDecodeError as wrong:
        raise _bad(
            "not_json", f"The body is not JSON: it breaks at line {wrong.lineno}, column {wrong.colno}."
        ) from None
    except RecursionError:
        raise _bad("too_deep", "The body is nested too deeply.") from None
    if not isinstance(value, dict):
        raise _bad("not_an_object", "Expected one JSON object.")
    return JsonObject(value, reader.has_twice)


def too_large(size_bytes: int) -> BadMessage:
    """The complaint about a body of that size, which need not be at hand."""
    return _bad("too_large", f"The body has {size_bytes} bytes; at most {MAX_BYTES} are taken.")


def _integer(digits: str) -> int:
    # Python refuses to read very long numbers; cut ones are as far out of every range of ours as the whole.
    return int(digits[:_MAX_DIGITS])


def _no_constant(_: str) -> Never:
    raise _bad("not_json", "The body is not JSON: NaN and Infinity are no JSON numbers.")


def _bad(code: str, message: str) -> BadMessage:
    return BadMessage((Complaint(code=code, message=message),))
