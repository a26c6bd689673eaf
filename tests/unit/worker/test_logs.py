import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from worker.logs import set_up_logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    set_up_logs("info", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


def logged(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_away_from_a_terminal_every_line_is_json(lines: io.StringIO) -> None:
    structlog.get_logger().info("booking.deferred", room="board@acme.example", wait_s=15)
    (line,) = logged(lines)
    assert (line["event"], line["level"], line["wait_s"]) == ("booking.deferred", "info", 15)


def test_what_is_below_the_level_is_left_out(lines: io.StringIO) -> None:
    structlog.get_logger().debug("ledger.expired", rows=1)
    assert logged(lines) == []


def test_an_error_is_logged_by_kind_and_place_never_by_its_text(lines: io.StringIO) -> None:
    try:
        raise ValueError("the subject of somebody's meeting")
    except ValueError:
        structlog.get_logger().exception("batch.failed")
    (line,) = logged(lines)
    assert line["error"] == "ValueError"
    assert "test_logs.py:" in str(line["at"])
    assert "somebody" not in lines.getvalue()


def test_a_library_complains_in_our_words(lines: io.StringIO) -> None:
    logging.getLogger("aiormq").warning("cannot reach amqp://user:geheim@host/")
    (line,) = logged(lines)
    assert (line["event"], line["library"], line["level"]) == ("library.complained", "aiormq", "warning")
    assert "geheim" not in lines.getvalue()
