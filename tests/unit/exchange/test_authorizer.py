"""What a service account logs in with, byte for byte."""

import time

import pytest

from adapters.exchange.authorizer import BasicAuthorizer


@pytest.mark.parametrize(
    ("username", "password", "value"),
    [
        pytest.param("svc@acme.example", "hunter2", "Basic c3ZjQGFjbWUuZXhhbXBsZTpodW50ZXIy", id="ascii"),
        pytest.param("své", "p€", "Basic c3bpOnDigqw=", id="Latin-1 where it can be, UTF-8 where it must"),
        pytest.param("š", "ü:", "Basic xaE6/Do=", id="each of the two for itself"),
    ],
)
async def test_basic_is_the_same_value_each_time(username: str, password: str, value: str) -> None:
    assert await BasicAuthorizer(username, password).authorization(deadline=time.monotonic()) == value


async def test_basic_has_no_other_value_to_offer_once_one_was_refused() -> None:
    authorizer = BasicAuthorizer("svc", "hunter2")
    refused = await authorizer.authorization(deadline=time.monotonic())
    assert await authorizer.authorization(deadline=time.monotonic(), refused=refused) == refused


def test_no_password_is_printed() -> None:
    assert "hunter2" not in repr(BasicAuthorizer("svc", "hunter2"))
