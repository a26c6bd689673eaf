"""The server's side of NTLMv2, as far as a password needs it; signing, sealing and the MIC are left out.

Source: [MS-NLMP] NT LAN Manager (NTLM) Authentication Protocol, 2.2.1 and 3.3.2.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.simulator.md4 import md4

_SIGNATURE = b"NTLMSSP\0"
_FLAGS = (
    0x00000001 | 0x00000004 | 0x00000200 | 0x00008000 | 0x00010000 | 0x00080000 | 0x00800000 | 0x02000000 | 0x20000000
)
"""Unicode, request target, NTLM, always sign, target type domain, extended session security, target info, version,
128-bit keys."""
_TARGET = "SIMULATOR"
_WINDOWS_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Authenticate:
    """The client's last message: who, and the proof."""

    user: str
    domain: str
    response: bytes


def read(message: bytes) -> Authenticate | None:
    """Read a client's message: None is the first one (NEGOTIATE). Raises ValueError for anything else."""
    if len(message) < 12 or message[:8] != _SIGNATURE:
        raise ValueError("no NTLM message")
    kind = int.from_bytes(message[8:12], "little")
    if kind == 1:
        return None
    if kind != 3 or len(message) < 64:
        raise ValueError(f"NTLM message type {kind} is none of a client's")
    return Authenticate(
        user=_field(message, 36).decode("utf-16-le"),
        domain=_field(message, 28).decode("utf-16-le"),
        response=_field(message, 20),
    )


def challenge(nonce: bytes) -> bytes:
    """Make the CHALLENGE message with the server's 8 random bytes."""
    target = _TARGET.encode("utf-16-le")
    ticks = (datetime.now(UTC) - _WINDOWS_EPOCH).total_seconds() * 10_000_000
    pairs = [
        (2, target),
        (1, target),
        (4, b"s\0i\0m\0"),
        (3, b"s\0i\0m\0"),
        (7, struct.pack("<Q", int(ticks))),
        (0, b""),
    ]
    info = b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in pairs)
    header = 56
    return (
        _SIGNATURE
        + struct.pack("<I", 2)
        + struct.pack("<HHI", len(target), len(target), header)
        + struct.pack("<I", _FLAGS)
        + nonce
        + bytes(8)
        + struct.pack("<HHI", len(info), len(info), header + len(target))
        + struct.pack("<BBHBBBB", 10, 0, 14393, 0, 0, 0, 15)
        + target
        + info
    )


def proves(message: Authenticate, password: str, nonce: bytes) -> bool:
    """Whether the NTLMv2 response can only come from somebody who knows the password."""
    if len(message.response) < 44:
        return False
    proof, blob = message.response[:16], message.response[16:]
    hashed = md4(password.encode("utf-16-le"))
    key = _hmac(hashed, (message.user.upper() + message.domain).encode("utf-16-le"))
    return hmac.compare_digest(proof, _hmac(key, nonce + blob))


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.md5).digest()


def _field(message: bytes, at: int) -> bytes:
    length, _, offset = struct.unpack_from("<HHI", message, at)
    if offset + length > len(message):
        raise ValueError("an NTLM field lies outside its message")
    return message[offset : offset + length]
