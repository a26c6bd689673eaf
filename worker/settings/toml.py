"""A file of TOML as a table, or a sentence about what is wrong with it, whatever was written into it."""

import re
import tomllib
from itertools import islice
from pathlib import Path

from worker.files import FileUnusable, read_text
from worker.settings.complaints import SettingsComplaint, WrongSettings

MAIN_MAX_BYTES = 4 * 1024 * 1024
TENANT_MAX_BYTES = 1024 * 1024

KEY_PARTS_MAX = 32
LONG_KEYS_MAX = 100
_LONG_KEY_PARTS = 4
"""More than any key of ours; also a number has two."""

_QUOTED = r"""(?:"(?:[^"\\\n]|\\[^\n]?)*+"?|'[^'\n]*+'?)"""
_PART = rf"""(?:{_QUOTED}|[^\s.=,\[\]{{}}"'#]++)"""
# A string that does not end is taken whole as well, or the rest would be looked through again at each of its quotes.
_TOKEN = re.compile(
    r'''"""(?:[^"\\]|\\(?s:.)?|"{1,2}+(?!"))*+"{0,5}+'''
    r"""|'''(?:[^']|'{1,2}+(?!'))*+'{0,5}+"""
    r"|\#[^\n]*+"
    rf"|(?P<key>{_PART}(?:[ \t]*+\.[ \t]*+{_PART})*+)"
)
_EACH_PART = re.compile(_PART)


def read_table(file: Path, *, max_bytes: int, advice: str = "") -> dict[str, object]:
    """Read a file of TOML; a byte order mark before it is let pass.

    Args:
        advice: what else to say where there is no such file.

    Raises:
        WrongSettings: it cannot be read, or is not TOML.
    """
    try:
        text = read_text(file, max_bytes=max_bytes)
    except FileUnusable as why:
        raise _wrong(file, f"{why}{advice if str(why).startswith('cannot be read') else ''}") from None
    _check_keys(file, text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(file, f"is not TOML: {error}") from None
    except RecursionError:
        raise _wrong(file, "is nested too deeply") from None
    except ValueError:
        # Python's own bound on the digits of a number, which the parser lets through.
        raise _wrong(file, "is not TOML: a number is too long") from None


def _check_keys(file: Path, text: str) -> None:
    # The parser takes the square of a key's parts: a megabyte of them would keep it for hours.
    long_keys = 0
    for token in _TOKEN.finditer(text):
        key = token["key"]
        if key is None or key.count(".") < _LONG_KEY_PARTS:
            continue
        parts = sum(1 for _ in islice(_EACH_PART.finditer(key), KEY_PARTS_MAX + 1))
        if parts > KEY_PARTS_MAX:
            raise _wrong(file, f"has a key of more than {KEY_PARTS_MAX} parts")
        long_keys += parts > _LONG_KEY_PARTS
        if long_keys > LONG_KEYS_MAX:
            raise _wrong(file, f"has more than {LONG_KEYS_MAX} keys of more than {_LONG_KEY_PARTS} parts")


def _wrong(file: Path, message: str) -> WrongSettings:
    return WrongSettings((SettingsComplaint(file=file, key="", message=message),))
