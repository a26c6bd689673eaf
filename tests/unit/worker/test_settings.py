"""The configuration as the worker takes it."""

from pathlib import Path

import pytest

from tests.unit.worker.configuration import BASIC, BROKER, ENVIRONMENT, a_configuration, a_tenant_table
from worker.settings import (
    BasicAuth,
    Settings,
    WrongSettings,
    find_settings,
    read_settings,
)


def settings(folder: Path, **changes: str) -> Settings:
    return read_settings(a_configuration(folder, **changes), ENVIRONMENT)


def complaints(folder: Path, **changes: str) -> dict[str, str]:
    with pytest.raises(WrongSettings) as wrong:
        settings(folder, **changes)
    assert "hunter2" not in str(wrong.value)
    return {complaint.key: complaint.message for complaint in wrong.value.complaints}


def test_the_shortest_configuration_has_the_defaults_of_the_contract(tmp_path: Path) -> None:
    read = settings(tmp_path)
    assert (read.broker.prefix, read.broker.partitions) == ("roomsync", 16)
    assert (read.ledger.keep_days, read.ledger.story_days) == (180, 30)
    assert (read.http.host, read.http.port) == ("127.0.0.1", 9464)
    sync = read.sync
    assert (sync.hold_s, sync.batch_max, sync.claim_s, sync.second_look_s) == (60, 20, 90, 300)
    assert (sync.request_timeout_s, sync.give_up_after_h) == (30, 24)
    tenant = read.tenants[0]
    assert (tenant.name, tenant.domains, tenant.backend, tenant.access) == (
        "acme",
        ["acme.example"],
        "ews",
        "impersonation",
    )
    assert (tenant.subject, tenant.limits.mailbox_concurrency, tenant.limits.tenant_concurrency) == ("{subject}", 4, 32)
    assert isinstance(tenant.auth, BasicAuth)
    assert tenant.auth.password.read() == "hunter2"


def test_no_secret_is_in_the_printed_settings(tmp_path: Path) -> None:
    assert "hunter2" not in repr(settings(tmp_path))


def test_the_consumers_see_what_concerns_them(tmp_path: Path) -> None:
    tenant = settings(tmp_path).tenants[0].as_tenant()
    assert (tenant.name, tenant.domains, tenant.subject_template) == ("acme", {"acme.example"}, "{subject}")


def test_the_file_is_the_one_given_else_of_the_environment_else_here() -> None:
    assert find_settings(Path("a.toml"), {"ROOMSYNC_CONFIG": "b.toml"}) == Path("a.toml")
    assert find_settings(None, {"ROOMSYNC_CONFIG": "b.toml"}) == Path("b.toml")
    assert find_settings(None, {}) == Path("roomsync.toml")


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("amqps://u:p@rabbit.example/\n")
    (tmp_path / "ca.pem").touch()
    read = settings(tmp_path, broker='[broker]\nurl_file = "url"\nca_file = "ca.pem"\n')
    assert read.broker.secret_url.read() == "amqps://u:p@rabbit.example/"
    assert read.broker.ca_file == tmp_path / "ca.pem"
    assert read.ledger.secret_url.read() == f"sqlite:///{tmp_path}/var/ledger.db"


@pytest.mark.parametrize("url", ["sqlite:////var/lib/ledger.db", "postgresql://u:hunter2@db.example/roomsync"])
def test_absolute_paths_and_databases_stay_as_they_are(tmp_path: Path, url: str) -> None:
    assert settings(tmp_path, ledger=f'[ledger]\nurl = "{url}"\n').ledger.secret_url.read() == url


@pytest.mark.parametrize(
    ("broker", "key"),
    [
        pytest.param("", "broker", id="no url"),
        pytest.param(BROKER + 'url_env = "ACME_PASSWORD"\n', "broker.url_env", id="an environment that is no url"),
        pytest.param('[broker]\nurl = "http://127.0.0.1/"\n', "broker.url", id="another scheme"),
        pytest.param('[broker]\nurl = "amqp://hunter2"\n', "broker.allow_plain", id="plain to another machine"),
        pytest.param('[broker]\nurl = "amqps://u:p@h:hunter2/"\n', "broker.url", id="a port that is none"),
        pytest.param('[broker]\nurl_env = "NO"\n', "broker.url_env", id="an environment variable that is not set"),
        pytest.param('[broker]\nurl_file = "hunter2"\n', "broker.url_file", id="a file that is not there"),
        pytest.param(BROKER + "partitions = 0\n", "broker.partitions", id="no partitions"),
        pytest.param(BROKER + 'partitions = "16"\n', "broker.partitions", id="a string is no number"),
        pytest.param(BROKER + 'prefix = "a b"\n', "broker.prefix", id="a space in names"),
        pytest.param(BROKER + 'ca_file = "none.pem"\n', "broker.ca_file", id="no certificate authority"),
        pytest.param(BROKER + 'certificate_file = "roomsync.toml"\n', "broker", id="a certificate without key"),
    ],
)
def test_a_wrong_broker_is_named_by_its_key(tmp_path: Path, broker: str, key: str) -> None:
    assert list(complaints(tmp_path, broker=broker)) == [key]


def test_two_urls_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("amqps://rabbit.example/")
    assert "only one of" in complaints(tmp_path, broker=BROKER + 'url_file = "url"\n')["broker"]


def test_plain_amqp_leaves_the_machine_where_the_operator_says_so(tmp_path: Path) -> None:
    broker = '[broker]\nurl = "amqp://rabbit.example"\nallow_plain = true\n'
    assert settings(tmp_path, broker=broker).broker.allow_plain


@pytest.mark.parametrize("url", ["amqp://127.0.0.7/", "amqp://localhost:5673/v", "amqp://[::1]/"])
def test_plain_amqp_is_fine_on_loopback(tmp_path: Path, url: str) -> None:
    assert settings(tmp_path, broker=f'[broker]\nurl = "{url}"\n').broker.secret_url.read() == url


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://h/d", "sqlite:///a?mode=ro"])
def test_a_ledger_that_would_not_last_is_refused(tmp_path: Path, url: str) -> None:
    assert list(complaints(tmp_path, ledger=f'[ledger]\nurl = "{url}"\n')) == ["ledger.url"]


@pytest.mark.parametrize(
    ("sync", "key"),
    [
        ("hold_s = 241", "hold_s"),
        ("batch_max = 101", "batch_max"),
        ("batch_max = 2.0", "batch_max"),
        ("claim_s = 35", "claim_s"),
        ("request_timeout_s = 85", "claim_s"),
        ("second_look_s = 61", "second_look_s"),
        ("second_look_s = 60", "second_look_s"),
        ("give_up_after_h = 0", "give_up_after_h"),
        ("hold_s = nan", "hold_s"),
    ],
)
def test_waits_that_do_not_fit_together_are_refused(tmp_path: Path, sync: str, key: str) -> None:
    assert list(complaints(tmp_path, more=f"[sync]\n{sync}\n")) == [f"sync.{key}"]


@pytest.mark.parametrize("bind", ["9464", "127.0.0.1:", "127.0.0.1:70000", "::1:9464"])
def test_a_bind_address_is_host_and_port(tmp_path: Path, bind: str) -> None:
    assert list(complaints(tmp_path, more=f'[http]\nbind = "{bind}"\n')) == ["http.bind"]


def test_an_ipv6_address_can_be_bound(tmp_path: Path) -> None:
    read = settings(tmp_path, more='[http]\nbind = "[::]:0"\n')
    assert (read.http.host, read.http.port) == ("::", 0)


def test_a_misspelt_key_is_a_complaint_with_the_likely_one(tmp_path: Path) -> None:
    found = complaints(
        tmp_path,
        broker=BROKER + "partition = 8\n",
        more="[sinc]\n[sync]\nclaims_s = 5\n",
        tenants=a_tenant_table(limits="mailbox_concurency = 1\n", auth=BASIC + 'user = "x"\n'),
    )
    assert found == {
        "sinc": "is unknown; did you mean sync?",
        "broker.partition": "is unknown; did you mean partitions?",
        "sync.claims_s": "is unknown; did you mean claim_s?",
        "tenant[0].limits.mailbox_concurency": "is unknown; did you mean mailbox_concurrency?",
        "tenant[0].auth.user": "is unknown; did you mean username?",
    }


def test_every_complaint_comes_at_once_with_its_file_and_key(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings) as wrong:
        settings(tmp_path, ledger="", more="[http]\nbind = 5\n", tenants=a_tenant_table("a b") + a_tenant_table("x!"))
    assert {complaint.key for complaint in wrong.value.complaints} == {
        "ledger",
        "http.bind",
        "tenant[0].name",
        "tenant[1].name",
    }
    assert str(wrong.value).count(f"{tmp_path / 'roomsync.toml'}: ") == 4


def test_a_configuration_without_tenants_is_refused(tmp_path: Path) -> None:
    assert list(complaints(tmp_path, tenants="")) == ["tenant"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "--config or ROOMSYNC_CONFIG", id="missing"),
        pytest.param(b"[broker\n", "is not TOML", id="no TOML"),
        pytest.param(b"\xff", "is not UTF-8", id="no UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "roomsync.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(WrongSettings, match=words) as wrong:
        read_settings(file, {})
    assert str(file) in str(wrong.value)


def test_a_section_that_is_no_table_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "roomsync.toml"
    file.write_text('broker = "x"\nsync = 5\ntenant = "y"\ntenants = 3\n' + '[ledger]\nurl = "sqlite:///l.db"\n')
    with pytest.raises(WrongSettings) as wrong:
        read_settings(file, {})
    assert {complaint.key for complaint in wrong.value.complaints} == {"broker", "sync", "tenants"}
