import errno
import io
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import structlog

from worker.logs import SAME_MAX, set_up_logs
from worker.repeats import WINDOW_S, Repeats


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


@pytest.fixture
def lines() -> io.StringIO:
    stream = io.StringIO()
    set_up_logs("info", stream=stream)
    return stream


@dataclass
class Minutes:
    """Lines, and a clock that stands until it is moved."""

    now_s: float = 0.0
    stream: io.StringIO = field(default_factory=io.StringIO)

    def logged(self) -> list[dict[str, object]]:
        return logged(self.stream)


@pytest.fixture
def minutes() -> Minutes:
    minutes = Minutes()
    set_up_logs("info", stream=minutes.stream, repeats=Repeats(lambda: minutes.now_s))
    return minutes


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


def test_a_library_that_fails_says_of_what_kind_and_where(lines: io.StringIO) -> None:
    try:
        raise OSError(errno.EMFILE, "Too many open files", "a file of somebody")
    except OSError:
        logging.getLogger("asyncio").error("socket.accept() out of system resource", exc_info=True)
    (line,) = logged(lines)
    assert (line["library"], line["error"], line["errno"]) == ("asyncio", "OSError", errno.EMFILE)
    assert line["errno_means"] == os.strerror(errno.EMFILE)
    assert str(line["at"]).startswith("test_logs.py:")
    assert "somebody" not in lines.getvalue()


def test_a_library_that_complains_without_end_is_heard_once_a_minute_and_counted(minutes: Minutes) -> None:
    for _ in range(5000):
        logging.getLogger("asyncio").error("socket.accept() out of system resource")
    logging.getLogger("asyncio").error("something else")
    assert len(minutes.logged()) == 2
    minutes.now_s += WINDOW_S
    structlog.get_logger().info("worker.idle")
    _, _, left_out, _ = minutes.logged()
    assert (left_out["event"], left_out["library"], left_out["lines"]) == ("log.left_out", "asyncio", 4999)


def test_one_event_is_told_so_often_a_minute_and_then_counted(minutes: Minutes) -> None:
    log = structlog.get_logger()
    for number in range(SAME_MAX + 7):
        log.info("booking.deferred", code="throttled", tenant="acme", booking_id=f"B-{number}")
    log.info("booking.deferred", code="throttled", tenant="bravo")
    log.info("booking.deferred", code="room_not_found", tenant="acme")
    assert len(minutes.logged()) == SAME_MAX + 2
    minutes.now_s += WINDOW_S
    log.info("booking.deferred", code="throttled", tenant="acme")
    *_, left_out, again = minutes.logged()
    assert (left_out["of"], left_out["code"], left_out["tenant"]) == ("booking.deferred", "throttled", "acme")
    assert (left_out["lines"], again["event"]) == (7, "booking.deferred")


def test_a_long_value_is_cut(lines: io.StringIO) -> None:
    structlog.get_logger().info("booking.forwarded", room="a" * 250_000, added=["b" * 9000] * 3000)
    (line,) = logged(lines)
    assert str(line["room"]).endswith("… (250000 characters)")
    assert len(lines.getvalue()) < 20_000


def test_a_disk_that_is_full_stops_nobody() -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    set_up_logs("info", stream=Full())
    structlog.get_logger().info("worker.started")
    logging.getLogger("asyncio").error("anything")


def test_what_others_wrote_does_not_steer_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    set_up_logs("info", stream=terminal)
    structlog.get_logger().warning("booking.parked", why="policy\x1b]0;owned\x07\u202egnp.exe")
    assert "\\u001b]0;owned\\u0007\\u202egnp.exe" in terminal.getvalue()
