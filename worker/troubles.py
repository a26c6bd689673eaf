"""What an operator can meet, in a sentence each: what happened, in the broker's own words if it gave any, what to do.

No traceback: it helps nobody who runs roomsync, and may quote what must not be read by everybody.
"""

import ssl
import traceback
from collections.abc import Iterator

from aio_pika.exceptions import AMQPError, ProbableAuthenticationError

from adapters.ledger import LedgerError
from consumers.broker.declare import TopologyMismatch
from consumers.broker.errors import BrokerLost, broker_words
from consumers.broker.ledger_registration import LedgerRefused
from consumers.broker.session import NotPublished

_FRAMES_SHOWN = 4
_DECLARE = "Run `roomsync topology apply`, or start a worker."
_GIVE_RIGHTS = "Give the user of [broker] url that right (`rabbitmqctl set_permissions`), or name another user."
_CHECK_URL = "Check [broker] url, its user and its virtual host."
_CHECK_TLS = "Check that [broker] url names a port that speaks TLS, and ca_file, certificate_file and key_file."
_SPEAKING = (TopologyMismatch, LedgerRefused, LedgerError)
"""Their texts are written for operators."""


def sentence_of(error: BaseException) -> str | None:
    """What to tell of an error that an operator can meet; None for any other, which is a defect."""
    known = list(_known(error))
    # Of many that failed together, the one for which the broker gave a reason explains the others.
    known.sort(key=lambda each: broker_words(each) is None)
    return _sentence(known[0]) if known else None


def defect(error: BaseException) -> str:
    """What to tell of an error that nobody foresaw: its kind and its place, never its text."""
    innermost = _leaves(error)[0]
    frames = traceback.extract_tb(innermost.__traceback__)[-_FRAMES_SHOWN:]
    place = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
    return (
        f"This is a defect of roomsync: {type(innermost).__name__} at {place or 'an unknown place'}. "
        "Nothing more is known; please report this line."
    )


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in _leaves(each)]
    return [error]


def _known(error: BaseException) -> Iterator[BaseException]:
    """The errors in it, if all of them are such as an operator can meet."""
    leaves = _leaves(error)
    if all(isinstance(each, (*_SPEAKING, NotPublished, AMQPError, OSError, TimeoutError)) for each in leaves):
        yield from leaves


def _sentence(error: BaseException) -> str:
    if isinstance(error, _SPEAKING):
        return str(error)
    if words := broker_words(error):
        return _refused(error, words)
    match error:
        case NotPublished():
            told = f"Not published: {error}."
        case BrokerLost():
            told = f"The broker is not there any more: {error}. What was not confirmed may be done again."
        case ConnectionError() | AMQPError() | ssl.SSLError():
            told = _not_reachable(error)
        case TimeoutError():
            told = "Nobody answered in time. Check that the broker and the ledger are running."
        case _:
            # The text of an OSError names host, port and file, never credentials.
            told = (
                f"{getattr(error, 'filename', None) or 'Not reachable'}: {getattr(error, 'strerror', None) or error}."
            )
    return told


def _refused(error: BaseException, words: str) -> str:
    if isinstance(error, ProbableAuthenticationError):
        return f"The broker refused the login: {words}. Check user, password and virtual host in [broker] url."
    if words.startswith("NOT_FOUND"):
        mend = _DECLARE if "vhost" not in words.partition(" in ")[0] else _CHECK_URL
    else:
        mend = _GIVE_RIGHTS if words.startswith("ACCESS_REFUSED") else _CHECK_URL
    return f"The broker refused: {words}. {mend}"


def _not_reachable(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f"TLS with the broker failed: {cause.reason or type(cause).__name__}. {_CHECK_TLS}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, ProbableAuthenticationError):
        return "The broker refused the login. Check user, password and virtual host in [broker] url."
    if isinstance(error, ConnectionError):
        return "The broker is not reachable. Check [broker] url, and that the broker is running."
    return f"The broker refused: {type(error).__name__}. {_CHECK_URL}"
