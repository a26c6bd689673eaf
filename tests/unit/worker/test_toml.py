"""A file of TOML is refused before it is parsed where the parser would take hours."""

import subprocess
import sys
from pathlib import Path

import pytest

from worker.settings import WrongSettings
from worker.settings.toml import TENANT_MAX_BYTES, read_table

READ_IT = """
import sys
from pathlib import Path
from worker.settings import WrongSettings
from worker.settings.toml import TENANT_MAX_BYTES, read_table
try:
    read_table(Path(sys.argv[1]), max_bytes=TENANT_MAX_BYTES)
except WrongSettings as wrong:
    print(wrong)
"""
ENDLESS = {
    "quoted parts with a blank": '"a b".' * 170_000 + "a = 1",
    "quoted parts with a sign": '"$".' * 250_000 + "a = 1",
    "parts in single quotes": "'a b'." * 170_000 + "a = 1",
    "quotes in quoted parts": r'"\"".' * 200_000 + "a = 1",
    "empty parts": '"".' * 340_000 + "a = 1",
    "bare parts": "a." * 500_000 + "a = 1",
    "blanks around the dots": "a . " * 250_000 + "a = 1",
    "the head of a table": "[" + '"a b".' * 170_000 + "a]",
    "in an inline table": "x = {" + '"a b".' * 170_000 + "a = 1}",
    "after text of many lines that ends in quotes": "x = ["
    + '""" # \n\' ""a"""""'
    + ", {"
    + '"a b".' * 170_000
    + "a = 1}]",
}


def what_reading_says(file: Path) -> str:
    """What reading the file says, in a program of its own: the parser cannot be interrupted."""
    program = [sys.executable, "-c", READ_IT, str(file)]
    return subprocess.run(program, capture_output=True, text=True, timeout=10, check=True).stdout


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ENDLESS.items()])
def test_a_key_without_end_is_refused_before_the_parser_sees_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "one.toml"
    file.write_text(text)
    assert "has a key of more than 32 parts" in what_reading_says(file)


def test_thousands_of_long_keys_are_refused_as_well(tmp_path: Path) -> None:
    file = tmp_path / "one.toml"
    file.write_text("".join(f"[a{number}.{'.'.join('a' * 30)}]\n" for number in range(9000)))
    with pytest.raises(WrongSettings, match="more than 100 keys of more than 4 parts"):
        read_table(file, max_bytes=TENANT_MAX_BYTES)


@pytest.mark.parametrize("text", [r'x = "' + r"\"" * 500_000, '"' * 999_999, "'" * 999_999, '"""' + '""a' * 300_000])
def test_text_without_end_is_looked_through_once(tmp_path: Path, text: str) -> None:
    file = tmp_path / "one.toml"
    file.write_text(text)
    assert "is not TOML" in what_reading_says(file)


def test_dots_in_texts_comments_and_lists_are_no_parts_of_a_key(tmp_path: Path) -> None:
    file = tmp_path / "one.toml"
    dots = "a." * 50
    file.write_text(f'# {dots}a\na.\'b\'."c.{dots}" = \'{dots}\'\nt = """\n{dots}"""""\nn = [{"1.5, " * 50}]\n')
    table = read_table(file, max_bytes=TENANT_MAX_BYTES)
    assert table["t"] == f'{dots}""'
    assert table["a"] == {"b": {f"c.{dots}": dots}}
