"""A message's bytes become one JSON object, whatever they are; nothing of it is trusted yet.

`null` means absent (docs/contract.md#commands), so such members are left out here, once for all levels. A member that
is given twice is kept as `TWICE`, which fits no type, so that the check of the members finds it where it stands.
"""

import json
from codecs import BOM_UTF8
from dataclasses import dataclass
from typing import Any, Final, Never

from consumers.messages.violations import BadMessage, Violation

MAX_BYTES: Final = 256 * 1024
MAX_NESTED: Final = 10_000
"""Objects and arrays at all levels: making so many already holds the event loop for ten milliseconds."""

_MAX_DIGITS = 30
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 400
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_ALIKE = bytes.maketrans(b"{", b"[")
# As deep as no reader follows.
_DEEP = b"[" * 1000


class _Twice:
    """Stands for a member that is given twice: neither value can be trusted."""


TWICE: Final = _Twice()


@dataclass(slots=True)
class _Reader:
    """Builds objects without nulls; remembers whether any member of any object came twice."""

    has_twice: bool = False

    def object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) < len(pairs):
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen:
                    members[name] = TWICE
                seen.add(name)
            self.has_twice = True
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True)
class JsonObject:
    """A JSON object and whether any member in it, at any depth, came twice."""

    members: dict[str, object]
    has_twice: bool


def read_object(body: bytes) -> JsonObject:
    """Read the body of a message.

    Raises:
        BadMessage: `too_large`, `too_many_values`, `not_utf8`, `not_json`, `too_deep` or `not_an_object`.

    Source: RFC 8259.
    """
    _check_cost(body)
    if body.startswith(BOM_UTF8):
        # A parser may ignore it (RFC 8259 §8.1). Not here: other readers of the same message would not.
        raise _bad("not_json", "The body begins with a byte order mark; JSON is sent without one (RFC 8259).")
    reader = _Reader()
    # Asked for each number, a function of ours would cost more than all the rest.
    integer = _integer if _LONG_NUMBER in body.translate(_DIGITS) else int
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=reader.object, parse_int=integer, parse_constant=_no_constant
        )
    except UnicodeDecodeError as wrong:
        raise _bad("not_utf8", f"The body is not UTF-8: it breaks at byte {wrong.start}.") from None
    except json.JSONDecodeError as wrong:
        raise _bad(
            "not_json", f"The body is not JSON: it breaks at line {wrong.lineno}, column {wrong.colno}."
        ) from None
    except RecursionError:
        raise _too_deep() from None
    if not isinstance(value, dict):
        raise _bad("not_an_object", "Expected one JSON object.")
    return JsonObject(value, reader.has_twice)


def too_large(size_bytes: int) -> BadMessage:
    """The complaint about a body of that size, which need not be at hand."""
    return _bad("too_large", f"The body has {size_bytes} bytes; at most {MAX_BYTES} are taken.")


def glance_at(body: bytes) -> Any:  # noqa: ANN401 - what JSON holds
    """The body as plain JSON, unchecked, where only a member or two of it is wanted.

    Raises:
        BadMessage: `too_large` or `too_many_values`.
        ValueError, RecursionError: it is not JSON.
    """
    _check_cost(body)
    return json.loads(body.decode("utf-8"))


def _check_cost(body: bytes) -> None:
    if len(body) > MAX_BYTES:
        raise too_large(len(body))
    # Text may be full of brackets: the strings are taken out only of a body that looks too costly.
    if _nested(body) > MAX_NESTED and _nested(bare := _without_strings(body)) > MAX_NESTED:
        if _DEEP in bare.translate(_ALIKE, _NO_BRACKETS):
            raise _too_deep()
        raise _bad("too_many_values", f"The body holds more than {MAX_NESTED} objects and arrays.")


def _nested(body: bytes) -> int:
    return body.count(b"{") + body.count(b"[")


def _without_strings(body: bytes) -> bytes:
    unescaped = body.replace(rb"\\", b"").replace(rb"\"", b"")
    return b"".join(unescaped.split(b'"')[::2])


def _integer(digits: str) -> int:
    # Python refuses to read very long numbers; cut ones are as far out of every range of ours as the whole.
    return int(digits[:_MAX_DIGITS])


def _no_constant(_: str) -> Never:
    raise _bad("not_json", "The body is not JSON: NaN and Infinity are no JSON numbers.")


def _too_deep() -> BadMessage:
    return _bad("too_deep", "The body is nested too deeply.")


def _bad(code: str, message: str) -> BadMessage:
    return BadMessage((Violation(code=code, message=message),))
