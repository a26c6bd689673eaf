"""A message's properties as they came: kept as bytes, so that they go out again byte for byte, and decoded when asked.

They are read so that nothing in them can raise: the client's own reader gives the connection up at a time in
microseconds or an id in Latin-1, and one message then stops every room (docs/decisions/0021).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pamqp import commands as spec

from consumers.broker.field_table import decoded_table, field, instant_of, short, text_of

_FLAGS = {name: spec.Basic.Properties.flags[name] for name in spec.Basic.Properties.__slots__}
_FIXED_BYTES = {"delivery_mode": 1, "priority": 1, "timestamp": 8}


class Properties:
    """What a message says about itself. Each look decodes anew: thousands of them wait in memory."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    @classmethod
    def of(cls, told: "Properties | spec.Basic.Properties") -> "Properties":
        """Those of another library's message; what cannot be encoded of them is left out."""
        if isinstance(told, Properties):
            return told
        values = {name: getattr(told, name) for name in _FLAGS}
        return cls.joined({name: _encoded(name, value) for name, value in values.items() if value not in (None, "")})

    @classmethod
    def joined(cls, parts: Mapping[str, bytes]) -> "Properties":
        """Those of encoded parts."""
        there = [name for name in _FLAGS if name in parts]
        flags = sum(_FLAGS[name] for name in there)
        return cls(flags.to_bytes(2, "big") + b"".join([parts[name] for name in there]))

    def parts(self) -> dict[str, bytes]:
        """Each property that is there, encoded; where a length does not fit what is left, those before it."""
        raw, flags, at = self.raw, int.from_bytes(self.raw[:2], "big"), 2
        while flags & 1 and at + 2 <= len(raw):
            # Flags for further properties, of which AMQP has none.
            flags = flags & ~1 | raw[at + 1] & 1
            at += 2
        parts: dict[str, bytes] = {}
        for name, flag in _FLAGS.items():
            if flags & flag:
                end = _end_of(raw, name, at)
                if end > len(raw):
                    break
                parts[name] = raw[at:end]
                at = end
        return parts

    def marshal(self) -> bytes:
        """As pamqp's: what follows the size of the body in a frame."""
        return self.raw

    @property
    def headers(self) -> dict[str, Any]:
        """The headers by name."""
        return decoded_table(self.parts().get("headers", b""))

    @property
    def timestamp(self) -> datetime | None:
        """When it was published, as far as that is a time from 2000 to 2200."""
        return instant_of(self.parts().get("timestamp", b""))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as pamqp's, whose place this takes
        if name not in _FLAGS:
            raise AttributeError(name)
        part = self.parts().get(name)
        if part is None:
            return None
        return part[0] if name in _FIXED_BYTES else text_of(part[1:])


def _end_of(raw: bytes, name: str, at: int) -> int:
    if name in _FIXED_BYTES:
        return at + _FIXED_BYTES[name]
    width = 4 if name == "headers" else 1
    return at + width + int.from_bytes(raw[at : at + width], "big")


def _encoded(name: str, value: Any) -> bytes:  # noqa: ANN401 - whatever another library holds
    if name == "headers":
        return field(value if isinstance(value, Mapping) else {})[1:]
    if name == "timestamp":
        return field(value if isinstance(value, datetime) else None)[1:].rjust(8, b"\0")
    if name in _FIXED_BYTES:
        return bytes([value & 255 if isinstance(value, int) else 0])
    return short(str(value))
