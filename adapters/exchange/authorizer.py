"""Says who is asking: the Authorization header, asked for before each request, since a token does not last."""

from base64 import b64encode
from typing import Protocol


class Authorizer(Protocol):
    """What one tenant's requests are authorized by. Shared by all of them, so it may be asked many times at once."""

    async def authorization(self, *, deadline: float, refused: str | None = None) -> str:
        """The value of the Authorization header, never to be logged.

        Args:
            deadline: by `time.monotonic()`; the call ends within a second of it.
            refused: a value that the server answered 401 to, so that another one is given. The same one again means
                that there is no other and the 401 stands. One that was replaced meanwhile costs no further login.

        Raises:
            CalendarError: none can be had, so nothing was sent.
        """
        ...


class BasicAuthorizer:
    """As `Authorizer`, by HTTP Basic: the same value for good (RFC 7617)."""

    def __init__(self, username: str, password: str) -> None:
        self._authorization = f"Basic {b64encode(b':'.join(map(_as_sent, (username, password)))).decode('ascii')}"

    async def authorization(self, *, deadline: float, refused: str | None = None) -> str:
        """As `Authorizer.authorization`; there is never another one."""
        return self._authorization


def _as_sent(text: str) -> bytes:
    """In Latin-1, which servers expected before RFC 7617, and what that cannot write in UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8")
