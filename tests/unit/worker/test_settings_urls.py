"""A URL that a password goes to is checked when it is configured and again whenever it is read."""

import os
from pathlib import Path

import pytest

from adapters.ledger import LedgerUnavailable
from tests.unit.worker.configuration import APPLICATION, ENVIRONMENT, a_configuration, a_tenant_table
from worker import wiring
from worker.broker import BrokerUrlUnusable
from worker.settings import Settings, WrongSettings, read_settings

FROM_FILE = '[broker]\nurl_file = "url"\n'


def settings(folder: Path, **changes: str) -> Settings:
    return read_settings(a_configuration(folder, **changes), ENVIRONMENT)


def complaints(folder: Path, **changes: str) -> dict[str, str]:
    with pytest.raises(WrongSettings) as wrong:
        settings(folder, **changes)
    assert "hunter2" not in str(wrong.value)
    return {complaint.key: complaint.message for complaint in wrong.value.complaints}


def written(folder: Path, url: str) -> None:
    fresh = folder / "url.fresh"
    fresh.write_text(url)
    fresh.replace(folder / "url")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("amqp://u:hunter2@rabbit.example/", id="plain to another machine"),
        pytest.param("AMQP://u:hunter2@rabbit.example/", id="the same in capitals"),
        pytest.param("amqps://u:hunter2@/", id="no host"),
        pytest.param("amqps://u:hunter2@rabbit .example/", id="a blank"),
        pytest.param("http://u:hunter2@127.0.0.1/", id="another scheme"),
    ],
)
def test_a_url_that_turns_bad_in_its_file_is_refused_before_anything_is_sent(tmp_path: Path, url: str) -> None:
    written(tmp_path, "amqps://u:hunter2@rabbit.example/")
    broker = wiring.broker_address(settings(tmp_path, broker=FROM_FILE))
    written(tmp_path, url)
    with pytest.raises(BrokerUrlUnusable) as refused:
        broker.address()
    assert "hunter2" not in str(refused.value)
    written(tmp_path, "amqps://u:other@rabbit.example/")
    assert broker.address().url == "amqps://u:other@rabbit.example/"


def test_a_scheme_in_capitals_is_reached_by_our_own_tls(tmp_path: Path) -> None:
    written(tmp_path, "AMQPS://u:p@Rabbit.example/")
    address = wiring.broker_address(settings(tmp_path, broker=FROM_FILE)).address()
    assert (address.url, address.tls is not None) == ("amqps://u:p@Rabbit.example/", True)


def test_plain_on_loopback_needs_no_tls(tmp_path: Path) -> None:
    written(tmp_path, "AMQP://u:p@127.0.0.1/")
    assert wiring.broker_address(settings(tmp_path, broker=FROM_FILE)).address().tls is None


async def test_a_ledger_url_that_turns_bad_in_its_file_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "postgresql://u:hunter2@db.example/roomsync")
    read = settings(tmp_path, ledger='[ledger]\nurl_file = "url"\n')
    written(tmp_path, "mysql://u:hunter2@db.example/roomsync")
    with pytest.raises(LedgerUnavailable) as refused:
        await wiring.ledger(read)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("POSTGRESQL://u:hunter2@db.example/roomsync", "postgresql://u:hunter2@db.example/roomsync"),
        ("postgresql://db1,db2/roomsync", "postgresql://db1,db2/roomsync"),
        ("SQLite:////var/lib/our ledger.db", "sqlite:////var/lib/our ledger.db"),
    ],
)
def test_a_ledgers_scheme_may_stand_in_capitals(tmp_path: Path, url: str, kept: str) -> None:
    assert settings(tmp_path, ledger=f'[ledger]\nurl = "{url}"\n').ledger.url_now().text == kept


BAD_HOSTS = {
    "a blank in the host": "mail .example",
    "a tab": "mail\\t.example",
    "a line end": "mail.example\\n",
    "a zero-width blank": "mail\\u200b.example",
    "no host": "",
    "a port alone": ":443",
    "a host of dots": "mail..example",
    "a port that is none": "mail.example:0",
}
bad_hosts = pytest.mark.parametrize("host", [pytest.param(host, id=name) for name, host in BAD_HOSTS.items()])


@bad_hosts
def test_a_broker_without_a_proper_host_is_complained_of(tmp_path: Path, host: str) -> None:
    assert list(complaints(tmp_path, broker=f'[broker]\nurl = "amqps://u:hunter2@{host}/"\n')) == ["broker.url"]


@bad_hosts
def test_a_ledger_without_a_proper_host_is_complained_of(tmp_path: Path, host: str) -> None:
    url = f"postgresql://u:hunter2@{host}/roomsync"
    assert list(complaints(tmp_path, ledger=f'[ledger]\nurl = "{url}"\n')) == ["ledger.url"]


@bad_hosts
def test_a_service_without_a_proper_host_is_complained_of(tmp_path: Path, host: str) -> None:
    tenants = a_tenant_table(more=f'service_url = "https://{host}/EWS/Exchange.asmx"\n')
    assert list(complaints(tmp_path, tenants=tenants)) == ["tenant[0].service_url"]


@pytest.mark.parametrize(
    "url", [" https://mail.example/", "https://mail.example/EWS/Exchange .asmx", "https://a\\u0000"]
)
def test_blanks_anywhere_in_a_service_url_are_complained_of(tmp_path: Path, url: str) -> None:
    tenants = a_tenant_table(more=f'service_url = "{url}"\n')
    assert list(complaints(tmp_path, tenants=tenants)) == ["tenant[0].service_url"]


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("a" * 64 + ".example", id="a part of 64 letters"),
        pytest.param(".".join(["a" * 60] * 5), id="300 letters"),
        pytest.param("ü" * 60 + ".example", id="a part that is too long once it is encoded"),
        pytest.param("ª.example", id="a letter of no domain"),
        pytest.param("\uff11\uff12.example", id="full-width digits"),
        pytest.param("\u0661.example", id="an Arabic digit alone"),
    ],
)
def test_a_service_that_no_client_can_look_up_is_complained_of(tmp_path: Path, host: str) -> None:
    tenants = a_tenant_table(more=f'service_url = "https://{host}/EWS/Exchange.asmx"\n')
    assert list(complaints(tmp_path, tenants=tenants)) == ["tenant[0].service_url"]


@pytest.mark.parametrize(
    "host", ["bücher.example", "ex_1.corp.example", "mail.example.", "a" * 63 + ".example", "10.0.0.1:443", "[::1]"]
)
def test_a_service_with_any_other_host_is_taken(tmp_path: Path, host: str) -> None:
    url = f"https://{host}/EWS/Exchange.asmx"
    (tenant,) = settings(tmp_path, tenants=a_tenant_table(more=f'service_url = "{url}"\n')).tenants
    assert tenant.url == url


def test_a_service_url_and_an_authority_in_capitals_are_safe_and_kept_in_lower_case(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    auth = 'kind = "client-secret"\nsecret_file = "secret"\nauthority = "HTTPS://login.example"\n' + APPLICATION
    tenants = a_tenant_table("a", more='service_url = "HTTPS://mail.example/x"\n') + a_tenant_table("b", auth=auth)
    first, second = settings(tmp_path, tenants=tenants).tenants
    assert first.url == "https://mail.example/x"
    assert second.auth.kind == "client-secret"
    assert second.auth.authority == "https://login.example"


def test_plain_http_in_capitals_is_refused_as_in_small_letters(tmp_path: Path) -> None:
    tenants = a_tenant_table(more='service_url = "HTTP://mail.example/"\n')
    assert list(complaints(tmp_path, tenants=tenants)) == ["tenant[0].service_url"]


@pytest.mark.parametrize("key", ["ca_file", "certificate_file"])
def test_a_pipe_in_the_place_of_a_certificate_is_complained_of_and_not_waited_for(tmp_path: Path, key: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    broker = f'[broker]\nurl = "amqps://rabbit.example/"\n{key} = "pipe"\nkey_file = "pipe"\n'
    assert "is not a regular file" in complaints(tmp_path, broker=broker)[f"broker.{key}"]
