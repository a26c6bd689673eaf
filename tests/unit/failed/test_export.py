"""An exported line comes back as it was, bytes and headers of any kind included."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from consumers.failed.export import FileMessage, WrongLine, is_exported, line_of, read_line
from consumers.failed.message import id_of
from tests.builders import a_body
from tests.unit.failed.messages import parked

AT = datetime(2026, 1, 1, tzinfo=UTC)


def there_and_back(message: FileMessage) -> FileMessage:
    line = line_of(cast("Any", message)).encode()
    assert b"\n" not in line
    assert is_exported(line)
    return read_line(line)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(parked(), id="parked by a worker"),
        pytest.param(parked(b"\xff\x00\xfe"), id="bytes that are no text"),
        pytest.param(parked("Réunion 会議\n".encode()), id="text that is no JSON"),
        pytest.param(FileMessage(body=b"", headers={}), id="nothing at all"),
        pytest.param(
            replace(parked(), headers={"n": 1, "b": b"\xff", "t": AT, "l": [{"x": None}]}),
            id="headers of every kind",
        ),
        pytest.param(
            replace(parked(), user_id="spaceiq", app_id="app", timestamp=AT),
            id="properties",
        ),
    ],
)
def test_a_message_comes_back_as_it_was(message: FileMessage) -> None:
    assert there_and_back(message) == message
    assert id_of(there_and_back(message)) == id_of(message)


def test_a_command_is_no_exported_line() -> None:
    assert not is_exported(a_body())


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"{", id="no JSON"),
        pytest.param(b"[]", id="no object"),
        pytest.param(json.dumps({"roomsync_failed": 2}).encode(), id="a newer format"),
        pytest.param(json.dumps({"roomsync_failed": 1, "properties": {}, "headers": {}}).encode(), id="no body"),
        pytest.param(
            json.dumps({"roomsync_failed": 1, "properties": {}, "headers": {}, "body_base64": "*"}).encode(),
            id="no bytes",
        ),
    ],
)
def test_a_line_that_is_none_says_so_and_repeats_nothing(line: bytes) -> None:
    with pytest.raises(WrongLine, match="export"):
        read_line(line)
