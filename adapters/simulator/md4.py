"""MD4 (RFC 1320), which NTLM needs and OpenSSL 3 no longer offers."""

import struct

_MASK = 0xFFFFFFFF
_ORDERS = (
    tuple(range(16)),
    (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
    (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15),
)
_SHIFTS = ((3, 7, 11, 19), (3, 5, 9, 13), (3, 9, 11, 15))
_ADDENDS = (0, 0x5A827999, 0x6ED9EBA1)


def md4(data: bytes) -> bytes:
    """Give the 16-byte digest."""
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack("<Q", len(data) * 8)
    for at in range(0, len(padded), 64):
        block = struct.unpack_from("<16I", padded, at)
        state = [(old + new) & _MASK for old, new in zip(state, _rounds(state, block), strict=True)]
    return struct.pack("<4I", *state)


def _rounds(state: list[int], block: tuple[int, ...]) -> list[int]:
    a, b, c, d = state
    for turn, order in enumerate(_ORDERS):
        for step, word in enumerate(order):
            mixed = (a + _mix(turn, b, c, d) + block[word] + _ADDENDS[turn]) & _MASK
            shift = _SHIFTS[turn][step % 4]
            a, b, c, d = d, ((mixed << shift) | (mixed >> (32 - shift))) & _MASK, b, c
    return [a, b, c, d]


def _mix(turn: int, x: int, y: int, z: int) -> int:
    if turn == 0:
        return (x & y) | (~x & z)
    if turn == 1:
        return (x & y) | (x & z) | (y & z)
    return x ^ y ^ z
