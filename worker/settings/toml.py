"""A file of TOML as a table, or a sentence about what is wrong with it, whatever was written into it."""

import re
import tomllib
from pathlib import Path

from worker.files import FileUnusable, read_text
from worker.settings.complaints import SettingsComplaint, WrongSettings

MAIN_MAX_BYTES = 4 * 1024 * 1024
TENANT_MAX_BYTES = 1024 * 1024

# The parser takes the square of a key's parts: a megabyte of them would keep it for hours.
_ENDLESS_KEY = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){32}""")


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
    if _ENDLESS_KEY.search(text):
        raise _wrong(file, "has a key of more than 32 parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(file, f"is not TOML: {error}") from None
    except RecursionError:
        raise _wrong(file, "is nested too deeply") from None
    except ValueError:
        # Python's own bound on the digits of a number, which the parser lets through.
        raise _wrong(file, "is not TOML: a number is too long") from None


def _wrong(file: Path, message: str) -> WrongSettings:
    return WrongSettings((SettingsComplaint(file=file, key="", message=message),))
