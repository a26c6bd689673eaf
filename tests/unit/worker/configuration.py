"""Writes configurations for tests: valid ones, with the one detail changed that a test is about."""

from pathlib import Path

ENVIRONMENT = {"ACME_PASSWORD": "hunter2", "LATIN_1_PASSWORD": "p\udce4ss"}

BROKER = '[broker]\nurl = "amqp://guest:hunter2@127.0.0.1:5672/"\n'
LEDGER = '[ledger]\nurl = "sqlite:///var/ledger.db"\n'
BASIC = 'kind = "basic"\nusername = "svc@acme.example"\npassword_env = "ACME_PASSWORD"\n'
APPLICATION = 'tenant_id = "contoso.example"\nclient_id = "00000000-0000-0000-0000-00000000000a"\n'


def a_tenant_table(  # a builder takes any detail
    name: str = "acme",
    *,
    domains: str = '["acme.example"]',
    more: str = 'service_url = "https://mail.acme.example/EWS/Exchange.asmx"\n',
    auth: str = BASIC,
    limits: str = "",
    listed: bool = True,
) -> str:
    """A tenant, in the list of the main file or as the content of a file of its own."""
    prefix = "tenant." if listed else ""
    head = "[[tenant]]\n" if listed else ""
    tail = f"[{prefix}limits]\n{limits}" if limits else ""
    return f'{head}name = "{name}"\ndomains = {domains}\n{more}[{prefix}auth]\n{auth}{tail}'


def a_configuration(
    folder: Path, *, broker: str = BROKER, ledger: str = LEDGER, more: str = "", tenants: str | None = None
) -> Path:
    """Write a configuration file into the folder."""
    file = folder / "roomsync.toml"
    file.write_text(broker + ledger + more + (a_tenant_table() if tenants is None else tenants))
    return file
