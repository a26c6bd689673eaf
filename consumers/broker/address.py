"""Where the broker is, and how a connection to it is opened."""

import ssl
from dataclasses import dataclass
from typing import Protocol

import aio_pika
from aio_pika.abc import AbstractConnection

from consumers.broker.connection import BrokerConnection, WholeBrokerConnection
from consumers.broker.errors import client_errors

CONNECT_TIMEOUT_S = 15.0
HEARTBEAT_S = 10
"""aiormq gives a silent connection up after three and a half of them: a half-open one is noticed within 40 s."""


class Broker(Protocol):
    """A broker that can be connected to."""

    async def connect(self, name: str, *, whole: bool = False) -> AbstractConnection:
        """Open a plain connection; `name` shows in the broker's list of connections.

        Args:
            whole: keep bodies that are larger than a command may be.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is. `url` may hold a password: it is never shown."""

    url: str
    tls: ssl.SSLContext | None = None
    heartbeat_s: int = HEARTBEAT_S

    def __repr__(self) -> str:
        return "BrokerAddress(…)"

    async def connect(self, name: str, *, whole: bool = False) -> AbstractConnection:
        """Open a plain connection; `name` shows in the broker's list of connections.

        Args:
            whole: keep bodies that are larger than a command may be.
        """
        with client_errors():
            return await aio_pika.connect(
                self.url,
                connection_class=WholeBrokerConnection if whole else BrokerConnection,
                ssl_context=self.tls,
                timeout=CONNECT_TIMEOUT_S,
                heartbeat=self.heartbeat_s,
                client_properties={"connection_name": name},
            )
