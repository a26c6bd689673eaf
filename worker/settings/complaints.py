"""What is wrong with the configuration: where (file and key), what, and what to do; never the value of a secret."""

from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

from pydantic_core import PydanticCustomError


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsComplaint:
    """One thing to mend. `key` is a path such as `tenant[1].auth.password_env`, counted from 0; empty for the file."""

    file: Path
    key: str
    message: str

    def __str__(self) -> str:
        return printable(f"{self.file}: {self.key}: {self.message}" if self.key else f"{self.file}: {self.message}")


def printable(text: str) -> str:
    """A text that names files and keys, which may be called anything, as it may be shown on a terminal."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


class WrongSettings(Exception):
    """The configuration cannot be used; mend every complaint, then `roomsync config check`."""

    def __init__(self, complaints: tuple[SettingsComplaint, ...]) -> None:
        self.complaints = complaints
        super().__init__("\n".join(map(str, complaints)))


def wrong(message: LiteralString, *, at: str = "", **values: object) -> PydanticCustomError:
    """What a check of a setting raises; `{name}` in the message is filled from the values.

    Args:
        at: the key inside the checked one that the complaint is about; `..` for the table that the checked one is in.
    """
    return PydanticCustomError("setting", message, {**values, "at": at})
