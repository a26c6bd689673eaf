"""Where the broker is and whom to trust, as the configuration says at the moment of each connect."""

import ssl
from dataclasses import dataclass

from aio_pika.abc import AbstractConnection

from consumers.broker.session import BrokerAddress
from worker.settings import BrokerSettings
from worker.settings.urls import UnusableUrl


class BrokerUrlUnusable(OSError):
    """The url in the file is not one that may be connected to any more; nothing was sent."""


@dataclass(frozen=True, slots=True)
class ConfiguredBroker:
    """Where the broker is and whom to trust, read again at each connect: files change while a worker runs."""

    settings: BrokerSettings

    def address(self) -> BrokerAddress:
        """The broker's address as it is now. Raises `OSError`: a certificate or the url cannot be used."""
        try:
            url = self.settings.url_now()
        except UnusableUrl as why:
            raise BrokerUrlUnusable(f"the broker's url {why}") from None
        return BrokerAddress(url=url.text, tls=_tls(self.settings) if url.parts.scheme == "amqps" else None)

    async def connect(self, name: str, *, whole: bool = False) -> AbstractConnection:
        """Open a plain connection; `name` shows in the broker's list of connections."""
        return await self.address().connect(name, whole=whole)


def _tls(broker: BrokerSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=broker.ca_file)
    if broker.certificate_file is not None:
        context.load_cert_chain(broker.certificate_file, broker.key_file)
    return context
