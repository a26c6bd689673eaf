"""An error is told in a sentence; one that nobody foresaw by its kind and place, never by its text."""

import gc
import sys

import pytest
from aiormq.exceptions import AMQPConnectionError, ChannelAccessRefused

from consumers.broker.errors import BrokerLost
from consumers.broker.session import NotPublished
from worker import cli
from worker.troubles import defect, sentence_of

REFUSED = "ACCESS_REFUSED - access to exchange 'x' in vhost '/' refused for user 'u'"


def not_published() -> NotPublished:
    error = NotPublished("not confirmed")
    error.__cause__ = ChannelAccessRefused(REFUSED)
    return error


def test_of_many_that_failed_together_the_one_with_a_reason_is_told() -> None:
    told = sentence_of(ExceptionGroup("", [NotPublished("the connection is lost"), not_published()]))
    assert told is not None
    assert told.startswith(f"The broker refused: {REFUSED}. Give the user")


def test_a_text_of_the_client_is_not_repeated() -> None:
    told = sentence_of(AMQPConnectionError("cannot reach amqp://user:geheim@host/"))
    assert told is not None
    assert "geheim" not in told


def test_a_broker_that_goes_in_the_middle_is_told_as_that() -> None:
    told = sentence_of(BrokerLost("the connection to the broker went silent"))
    assert told is not None
    assert told.startswith("The broker is not there any more")


def test_a_defect_is_told_without_its_text() -> None:
    def fail() -> None:
        raise KeyError("somebody's subject")

    with pytest.raises(KeyError) as failed:
        fail()
    assert sentence_of(ExceptionGroup("", [failed.value, NotPublished("")])) is None
    told = defect(failed.value)
    assert told.startswith("This is a defect of roomsync: KeyError at test_troubles.py:")
    assert "somebody" not in told


def test_no_command_ends_in_a_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["roomsync", "failed", "list"])
    monkeypatch.setattr(cli, "COMMANDS", ("nothing-of-that-name",))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    gc.enable()
    assert ended.value.code == 1
    assert "This is a defect of roomsync: ModuleNotFoundError" in capsys.readouterr().err
