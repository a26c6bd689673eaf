"""The settings of a tenant: safe places for secrets, and combinations that can work."""

from pathlib import Path

import pytest

from tests.unit.worker.configuration import APPLICATION, BASIC, ENVIRONMENT, a_configuration, a_tenant_table
from worker.settings import (
    CertificateAuth,
    ClientSecretAuth,
    NtlmAuth,
    TenantSettings,
    WrongSettings,
    read_settings,
)


def tenants_of(folder: Path, tables: str) -> tuple[TenantSettings, ...]:
    return read_settings(a_configuration(folder, tenants=tables), ENVIRONMENT).tenants


def complaints(folder: Path, tables: str) -> dict[str, str]:
    with pytest.raises(WrongSettings) as wrong:
        tenants_of(folder, tables)
    assert "hunter2" not in str(wrong.value)
    return {complaint.key: complaint.message for complaint in wrong.value.complaints}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        pytest.param({"name": "a.b"}, "name", id="a dot in the name"),
        pytest.param({"domains": "[]"}, "domains", id="no domain"),
        pytest.param({"domains": '["Acme.example"]'}, "domains[0]", id="upper case"),
        pytest.param({"domains": '["acme.example", "@x"]'}, "domains[1]", id="no domain name"),
        pytest.param({"more": ""}, "service_url", id="basic needs a server"),
        pytest.param({"more": 'service_url = "http://h.example/"\n'}, "service_url", id="plain http"),
        pytest.param({"more": 'service_url = "http://127.0.0.1/"\n'}, "service_url", id="plain http on loopback"),
        pytest.param(
            {"more": 'allow_plain_http = true\nservice_url = "http://h.example/"\n'},
            "service_url",
            id="plain elsewhere",
        ),
        pytest.param({"more": 'service_url = "https://u:hunter2@h/"\n'}, "service_url", id="credentials in the url"),
        pytest.param({"more": 'backend = "graph"\nservice_url = "https://h"\n'}, "auth.kind", id="graph with basic"),
        pytest.param({"auth": 'kind = "kerberos"\n'}, "auth.kind", id="another kind"),
        pytest.param({"auth": "username = 1\n"}, "auth.kind", id="no kind"),
        pytest.param({"auth": BASIC.replace("ACME_PASSWORD", "NO")}, "auth.password_env", id="password not set"),
        pytest.param({"auth": BASIC + 'password = "hunter2"\n'}, "auth.password", id="password in the file"),
        pytest.param({"auth": 'kind = "ntlm"\nusername = "a"\n'}, "auth", id="no password at all"),
        pytest.param({"limits": "mailbox_concurrency = 0\n"}, "limits.mailbox_concurrency", id="no request at once"),
        pytest.param({"limits": "tenant_concurrency = 3\n"}, "limits.tenant_concurrency", id="less than a mailbox"),
    ],
)
def test_a_wrong_tenant_is_named_by_its_key(tmp_path: Path, changes: dict[str, str], key: str) -> None:
    assert list(complaints(tmp_path, a_tenant_table(**changes))) == [f"tenant[0].{key}"]


def test_an_unknown_placeholder_is_refused(tmp_path: Path) -> None:
    found = complaints(tmp_path, a_tenant_table(more='service_url = "https://h.example/"\nsubject = "{room}"\n'))
    assert found == {"tenant[0].subject": "has unknown {room}; placeholders are {subject} and {organizer}"}


def test_names_differ_by_more_than_case(tmp_path: Path) -> None:
    found = complaints(tmp_path, a_tenant_table("acme") + a_tenant_table("ACME"))
    assert list(found) == ["tenant[1].name"]


def test_an_application_needs_no_service_url(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    auth = 'kind = "client-secret"\nsecret_file = "secret"\n' + APPLICATION
    tables = a_tenant_table("a", more="", auth=auth) + a_tenant_table("b", more='backend = "graph"\n', auth=auth)
    exchange, graph = tenants_of(tmp_path, tables)
    assert isinstance(graph.auth, ClientSecretAuth)
    assert (graph.auth.secret.read(), graph.auth.authority) == ("s3cret", "https://login.microsoftonline.com")
    assert exchange.url == "https://outlook.office365.com/EWS/Exchange.asmx"
    assert graph.url == "https://graph.microsoft.com/v1.0"


def test_an_application_may_have_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "app.pem").write_text("PRIVATE")
    auth = f'kind = "certificate"\ncertificate_file = "app.pem"\nthumbprint = "{"aB" * 20}"\n' + APPLICATION
    tenant = tenants_of(tmp_path, a_tenant_table(more='backend = "graph"\n', auth=auth))[0]
    assert isinstance(tenant.auth, CertificateAuth)
    assert tenant.auth.certificate_file.read() == "PRIVATE"


def test_an_authority_is_as_safe_as_the_service(tmp_path: Path) -> None:
    auth = 'kind = "client-secret"\nsecret_env = "ACME_PASSWORD"\nauthority = "http://127.0.0.1:1"\n' + APPLICATION
    assert list(complaints(tmp_path, a_tenant_table(more="", auth=auth))) == ["tenant[0].auth.authority"]
    plain = a_tenant_table(more="allow_plain_http = true\n", auth=auth)
    assert tenants_of(tmp_path, plain)[0].allow_plain_http


def test_ntlm_takes_a_password_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hunter2\n")
    auth = 'kind = "ntlm"\nusername = "ACME\\\\svc"\npassword_file = "pw"\n'
    tenant = tenants_of(tmp_path, a_tenant_table(auth=auth))[0]
    assert isinstance(tenant.auth, NtlmAuth)
    assert (tenant.auth.username, tenant.auth.password.read()) == ("ACME\\svc", "hunter2")


@pytest.mark.parametrize("content", [b"", b"hunter2", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"])
def test_a_file_without_a_certificate_is_no_authority(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    more = 'service_url = "https://mail.acme.example/"\nca_file = "ca.pem"\n'
    assert list(complaints(tmp_path, a_tenant_table(more=more))) == ["tenant[0].ca_file"]
