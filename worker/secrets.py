"""Secrets that cannot be printed: read from the environment once, from a file again whenever the file changes."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from pydantic_core import core_schema

from worker.files import FileUnusable, read_text, signature_of

MAX_BYTES = 256 * 1024
_BYTE_ORDER_MARK = "\ufeff"
_UTF8 = re.compile("[^\\ud800-\\udfff]*")


class SecretUnreadable(Exception):
    """The environment variable or the file that holds a secret is missing, unreadable or empty.

    The text names neither: somebody may have written the secret itself where its place belongs.
    """


class Secret:
    """A password, a key, or a URL that may hold one.

    Two secrets are equal when they come from the same place. Printing, formatting and serializing show that place only;
    copying by pickle is refused.
    """

    __slots__ = ("_path", "_signature", "_source", "_value")

    def __init__(self, value: str, source: str, path: Path | None = None) -> None:
        self._value = value
        self._source = source
        self._path = path
        self._signature = signature_of(path) if path else None

    @property
    def path(self) -> Path | None:
        """The file that it is in, or None."""
        return self._path

    @property
    def is_given(self) -> bool:
        """Whether it stands in the configuration itself."""
        return self._source == _GIVEN

    @classmethod
    def given(cls, value: str) -> "Secret":
        """A value that stands in the configuration itself."""
        return cls(value, _GIVEN)

    @classmethod
    def from_environment(cls, name: str, environment: Mapping[str, str]) -> "Secret":
        """The value of an environment variable, now. Raises `SecretUnreadable`."""
        value = environment.get(name)
        if value is None:
            raise SecretUnreadable("the environment variable is not set")
        # It may have been filled from a file that begins with one.
        value = _checked(value.removeprefix(_BYTE_ORDER_MARK), "environment variable")
        return cls(value, f"environment variable {name}")

    @classmethod
    def from_file(cls, path: Path) -> "Secret":
        """The content of a file less a byte order mark and the line end after it. Raises `SecretUnreadable`."""
        return cls(_content(path), f"file {path}", path)

    def read(self) -> str:
        """The secret itself; of a file that changed the new content, of one that cannot be read the last."""
        if self._path is not None and signature_of(self._path) != self._signature:
            self.refresh()
        return self._value

    def refresh(self) -> bool:
        """Read the file again, changed or not (the server refused the secret); whether the secret is another now."""
        if self._path is None:
            return False
        before, signature = self._value, signature_of(self._path)
        try:
            self._value = _content(self._path)
        except SecretUnreadable:
            # A file that is being replaced may be away for a moment; it is looked at again at the next read.
            return False
        self._signature = signature
        return self._value != before

    def __repr__(self) -> str:
        return f"<secret from {self._source}>"

    def __format__(self, format_spec: str) -> str:
        return format(repr(self), format_spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        same_place = self._source == other._source
        return same_place and (self._path is not None or self._value == other._value)

    def __hash__(self) -> int:
        return hash(self._source)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> core_schema.CoreSchema:  # noqa: ANN401  # pydantic's signature
        """A setting that is a secret is made before pydantic sees it, and serialized as its place."""
        return core_schema.is_instance_schema(cls, serialization=core_schema.to_string_ser_schema())


def _content(path: Path) -> str:
    try:
        text = read_text(path, max_bytes=MAX_BYTES)
    except FileUnusable as why:
        raise SecretUnreadable(f"the file {why}") from None
    return _checked(text.removesuffix("\n").removesuffix("\r"), "file")


def _checked(value: str, place: str) -> str:
    if not value:
        raise SecretUnreadable(f"the {place} is empty")
    if "\0" in value:
        # UTF-16 without a byte order mark, or a file that was cut off by a crash.
        raise SecretUnreadable(f"the {place} holds a NUL character; save it as UTF-8 text")
    if not _UTF8.fullmatch(value):
        # Bytes that are no UTF-8 come from the environment as lone surrogates; no client could send them.
        raise SecretUnreadable(f"the {place} is not UTF-8")
    return value


_GIVEN = "configuration"
