"""An exchangelib account on a simulator: the independent client, with its own ideas of what Exchange answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from exchangelib import IMPERSONATION, Account, Configuration, Credentials, EWSTimeZone
from exchangelib.protocol import CachingProtocol

from adapters.simulator import Simulator
from tests.unit.simulator.soap_client import ACCOUNT, PASSWORD, ROOM


@contextmanager
def account_of(
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    *,
    auth: str = "basic",
    username: str = ACCOUNT,
    password: str = PASSWORD,
) -> Iterator[Any]:
    """The room's account; nothing is said to the server before it is used, and no version is given to it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(simulator.ca_file))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    configuration = Configuration(
        service_endpoint=simulator.url, credentials=Credentials(username, password), auth_type=auth
    )
    zone = EWSTimeZone("Europe/Brussels")
    account = Account(ROOM, config=configuration, access_type=IMPERSONATION, default_timezone=zone)
    try:
        yield account
    finally:
        account.protocol.close()
        CachingProtocol.clear_cache()
