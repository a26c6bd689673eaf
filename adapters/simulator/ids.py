"""Item ids, folder ids and change keys: opaque, case-sensitive, of the length and alphabet that Exchange's have.

Source: "EWS identifiers in Exchange".
"""

import base64
import binascii
import uuid

_ITEM_HEADER = b"\x00\x03\x24\x00"
_FOLDER_HEADER = b"\x00\x03\x24\x01"
_CHANGE_HEADER = b"\x0f\x00\x00\x00\x16\x00\x00\x00"


def mailbox_guid(address: str) -> bytes:
    """Give the 36 characters that every id of this mailbox begins with."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{address}")).encode()


def item_id(guid: bytes, store: bytes, number: int) -> str:
    """Make an item's id; `store` (16 bytes) keeps ids of two runs apart."""
    return base64.b64encode(_ITEM_HEADER + guid + b"\x00F\x00" + store * 3 + number.to_bytes(20, "big")).decode()


def folder_id(address: str, folder: str) -> str:
    """Make the id of a folder of a mailbox."""
    return base64.b64encode(_FOLDER_HEADER + mailbox_guid(address) + f"|{address}|{folder}".encode()).decode()


def read_folder_id(text: str) -> tuple[str, str] | None:
    """Give mailbox address and folder name of an id made here, None for any other text."""
    parts = (_decode(text, _FOLDER_HEADER) or b"").split(b"|")
    return (parts[1].decode(), parts[2].decode()) if len(parts) == 3 else None


def is_item_id(text: str) -> bool:
    """Whether a text has the form of an item id, known or not."""
    return _decode(text, _ITEM_HEADER) is not None


def owner_guid(text: str) -> bytes | None:
    """Give the mailbox GUID in an item id, None for a text that is none."""
    rest = _decode(text, _ITEM_HEADER)
    return None if rest is None else rest[:36]


def change_key(change: int) -> str:
    """Make the change key of an item's state."""
    return base64.b64encode(_CHANGE_HEADER + change.to_bytes(22, "big")).decode()


def read_change_key(text: str) -> int | None:
    """Give the number in a change key, None for a text that is none."""
    number = _decode(text, _CHANGE_HEADER)
    return None if number is None else int.from_bytes(number, "big")


def _decode(text: str, header: bytes) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw[len(header) :] if raw.startswith(header) else None
