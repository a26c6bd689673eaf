"""What the broker's client raises on a dead connection, in our words: left alone, its errors look like a shutdown.

aiormq ends whatever waits for a dead connection with CancelledError, though nobody cancelled the task. Let through,
that would end the worker, or a batch in the middle (aiormq 7.2, `Base.close` and `FutureStore.reject_all`).
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class BrokerLost(ConnectionError):
    """The connection to the broker is lost; what was asked of it may have happened or not."""


class NotPublished(Exception):
    """The broker did not confirm a message, or had no queue for it: whoever published must not go on."""


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
