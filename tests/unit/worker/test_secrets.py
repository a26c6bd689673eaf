"""Secrets are read where they lie and shown nowhere."""

import copy
import json
import os
import pickle
from pathlib import Path

import pytest
from pydantic import BaseModel

from worker.secrets import Secret, SecretUnreadable

WORD = "hunter2"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(WORD + "\n")
    return path


def replace(file: Path, text: str) -> None:
    """Put another file in its place, the way secrets are rotated."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(file)


def every_secret(file: Path) -> list[Secret]:
    return [Secret.given(WORD), Secret.from_environment("P", {"P": WORD}), Secret.from_file(file)]


def test_a_secret_is_read_from_wherever_it_is(file: Path) -> None:
    assert [secret.read() for secret in every_secret(file)] == [WORD] * 3


def test_a_secret_cannot_be_printed(file: Path) -> None:
    class Settings(BaseModel):
        password: Secret

    for secret in every_secret(file):
        settings = Settings(password=secret)
        shown = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", "%s" % secret]  # noqa: UP031  # one more way
        shown += [
            repr(settings),
            settings.model_dump_json(),
            str([secret]),
            json.dumps(settings.model_dump(mode="json")),
        ]
        assert not [text for text in shown if WORD in text]


def test_a_secret_is_neither_pickled_nor_copied_nor_made_json(file: Path) -> None:
    for secret in every_secret(file):
        for leak in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
            with pytest.raises(TypeError):
                leak(secret)


def test_an_environment_variable_is_read_once() -> None:
    environment = {"P": WORD}
    secret = Secret.from_environment("P", environment)
    environment["P"] = "other"
    assert (secret.refresh(), secret.read()) == (False, WORD)


def test_a_file_is_read_again_when_it_was_replaced(file: Path) -> None:
    secret = Secret.from_file(file)
    replace(file, "correct horse\r\n")
    assert secret.read() == "correct horse"


def test_refreshing_tells_whether_the_secret_is_another_now(file: Path) -> None:
    secret = Secret.from_file(file)
    assert not secret.refresh()
    replace(file, "correct horse")
    assert secret.refresh()


@pytest.mark.parametrize("trouble", ["missing", "empty"])
def test_while_a_file_cannot_be_read_the_last_secret_stays(file: Path, trouble: str) -> None:
    secret = Secret.from_file(file)
    file.unlink() if trouble == "missing" else replace(file, "")
    assert (secret.read(), secret.refresh()) == (WORD, False)
    replace(file, "back")
    assert secret.read() == "back"


def test_only_the_line_end_after_a_secret_is_taken_off(file: Path) -> None:
    file.write_text("  two words \n\n")
    assert Secret.from_file(file).read() == "  two words \n"


def test_secrets_of_the_same_place_are_equal(file: Path) -> None:
    assert every_secret(file) == every_secret(file)
    assert len({*every_secret(file), *every_secret(file)}) == 3
    assert Secret.given("a") != Secret.given("b")
    assert Secret.from_environment("P", {"P": "a"}) != Secret.from_environment("P", {"P": "b"})
    assert Secret.given("a") != "a"


def test_a_secret_that_cannot_be_read_says_why_and_not_where(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\xff")
    for name, reason in {"empty": "empty", "binary": "not UTF-8", WORD: "No such file"}.items():
        with pytest.raises(SecretUnreadable, match=reason) as raised:
            Secret.from_file(tmp_path / name)
        assert WORD not in str(raised.value)
    for environment, reason in (({}, "not set"), ({WORD: ""}, "empty")):
        with pytest.raises(SecretUnreadable, match=reason) as raised:
            Secret.from_environment(WORD, environment)
        assert WORD not in str(raised.value)


def test_a_byte_order_mark_is_no_part_of_a_secret(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfhunter2\r\n")
    assert Secret.from_file(file).read() == "hunter2"
    assert Secret.from_environment("P", {"P": "\ufeffhunter2"}).read() == "hunter2"


def test_a_secret_that_gets_a_byte_order_mark_later_stays_the_secret(file: Path) -> None:
    secret = Secret.from_file(file)
    file.write_bytes(b"\xef\xbb\xbfcorrect horse")
    assert (secret.refresh(), secret.read()) == (True, "correct horse")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param("hunter2".encode("utf-16"), "UTF-16", id="UTF-16"),
        pytest.param(b"\xfe\xff" + "hunter2".encode("utf-16-be"), "UTF-16", id="UTF-16, the other way round"),
        pytest.param("hunter2".encode("utf-16-le"), "NUL character", id="UTF-16 without a mark"),
        pytest.param(b"\xef\xbb\xbf\n", "empty", id="a mark alone"),
        pytest.param(b"x" * (256 * 1024 + 1), "larger than 256 KiB", id="too large"),
    ],
)
def test_a_file_that_holds_no_secret_in_utf_8_is_named_by_its_fault(file: Path, content: bytes, reason: str) -> None:
    file.write_bytes(content)
    with pytest.raises(SecretUnreadable, match=reason):
        Secret.from_file(file)


def test_a_secret_is_not_waited_for_where_a_pipe_came_in_its_place(file: Path) -> None:
    secret = Secret.from_file(file)
    file.unlink()
    os.mkfifo(file)
    assert (secret.refresh(), secret.read()) == (False, WORD)
    with pytest.raises(SecretUnreadable, match="not a regular file"):
        Secret.from_file(file)
