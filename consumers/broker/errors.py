"""What the broker's client raises on a dead connection, in our words: left alone, its errors look like a shutdown.

aiormq ends whatever waits for a dead connection with CancelledError, though nobody cancelled the task. Let through,
that would end the worker, or a batch in the middle (aiormq 7.2, `Base.close` and `FutureStore.reject_all`).
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.exceptions import AMQPError, AuthenticationError, InvalidFrameError, ProbableAuthenticationError
from aiormq.exceptions import ConnectionNotAllowed

CLIENT_TROUBLE = (AMQPError, OSError, TimeoutError)
_WORDS_MAX = 300
# InvalidFrameError: something that is no broker answers.
_REFUSALS = (AuthenticationError, ProbableAuthenticationError, ConnectionNotAllowed, InvalidFrameError)
# A reply text of the broker: it names resource, virtual host and user, and never a password. The client's own texts
# are none, and may quote the url.
_REPLY_TEXT = re.compile(r"[A-Z]+_[A-Z_]+ - .+", re.DOTALL)


class BrokerLost(ConnectionError):
    """The connection to the broker is lost; what was asked of it may have happened or not."""


class NotPublished(Exception):
    """The broker did not confirm a message, or had no queue for it: whoever published must not go on."""


def broker_words(error: BaseException) -> str | None:
    """What the broker itself said of a refusal, in one line; None where it said nothing."""
    told: BaseException | None = error
    while told is not None:
        for text in told.args if isinstance(told, AMQPError | BrokerLost | NotPublished) else ():
            if isinstance(text, str) and (said := _REPLY_TEXT.search(text)):
                return " ".join(said[0].split())[:_WORDS_MAX].rstrip(".")
        told = told.__cause__
    return None


def is_refused(trouble: BaseException) -> bool:
    """Whether the broker will go on refusing us until a person changes something."""
    return isinstance(trouble, _REFUSALS) or (broker_words(trouble) or "").startswith("ACCESS_REFUSED")


@contextmanager
def client_errors() -> Iterator[None]:
    """Put around calls of the client, and nothing else: `BrokerLost` is raised for what it says of dead connections."""
    try:
        yield
    except asyncio.CancelledError as ended:
        if was_cancelled():
            raise
        raise BrokerLost("the connection to the broker went silent") from ended
    except RuntimeError as closed:
        # That a channel or a connection is closed already is no AMQPError to it.
        raise BrokerLost("the connection to the broker is closed") from closed


def was_cancelled() -> bool:
    """Whether somebody cancelled the current task; if not, a CancelledError in it is the client's."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
