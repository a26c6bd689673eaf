"""A tenant whose settings cannot be used stops only itself: at a start, while the worker runs."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from consumers.tenants import Tenant, Unusable
from tests.unit.worker.configuration import APPLICATION, BASIC, a_configuration, a_tenant_table
from tests.unit.worker.test_tenants import DIRECTORY, Site
from worker.settings import WrongSettings, read_settings
from worker.tenants import FORGIVEN_S, TenantChanges, TenantTrouble

NOT_SET = BASIC.replace("ACME_PASSWORD", "NO")
LATIN_1 = BASIC.replace("ACME_PASSWORD", "LATIN_1_PASSWORD")
WRONG = {
    "a variable that is not set": a_tenant_table("one", listed=False, auth=NOT_SET),
    "bytes that are no UTF-8 in a variable": a_tenant_table("one", listed=False, auth=LATIN_1),
    "a wrong limit": a_tenant_table("one", listed=False, limits="mailbox_concurrency = 0\n"),
    "an unknown key": a_tenant_table("one", listed=False, more='service_url = "https://h.example/"\nnew = 1\n'),
    "a backend that is not served": a_tenant_table(
        "one",
        listed=False,
        more='backend = "graph"\n',
        auth='kind = "client-secret"\nsecret_env = "ACME_PASSWORD"\n' + APPLICATION,
    ),
}
NAMELESS = {
    "no TOML": b"name = [",
    "not UTF-8": b'name = "\xff"',
    "UTF-16": 'name = "one"'.encode("utf-16"),
    "empty": b"",
    "a name that is none": b'name = "the first"\n',
    "nested too deeply": b"a = " + b"[" * 100_000,
    "deep tables": b"a = " + b"{ a = " * 50_000,
    "an endless key": b"a." * 200_000 + b"a = 1",
    "a number of 5,000 digits": b"a = " + b"9" * 5000,
    "10 MB": b"# " + b"x" * 10_000_000,
}
named = pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in WRONG.items()])
nameless = pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in NAMELESS.items()])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def put(site: Site, content: str | bytes, name: str = "one") -> None:
    fresh = site.folder / f"{name}.fresh"
    fresh.write_bytes(content if isinstance(content, bytes) else content.encode())
    fresh.replace(site.folder / f"{name}.toml")


@named
def test_a_worker_starts_without_a_tenant_that_cannot_be_used_and_its_commands_wait(site: Site, content: str) -> None:
    put(site, content)
    registry = site.restart()
    assert registry.names() == ("main", "two")
    assert registry.get("one") == Unusable(name="one")
    assert registry.get("nobody") is None
    assert registry.troubles()["one"].waits


@named
def test_it_is_there_as_soon_as_its_file_is_mended(site: Site, content: str) -> None:
    put(site, content)
    site.restart()
    site.write("one")
    assert site.later() == TenantChanges(added=("one",))
    assert isinstance(site.registry.get("one"), Tenant)
    assert site.registry.troubles() == {}


@named
def test_while_the_worker_runs_its_last_good_settings_stay_in_force_and_that_is_told(site: Site, content: str) -> None:
    before = site.registry.get("one")
    put(site, content)
    site.later()
    assert site.registry.get("one") is before
    trouble = site.registry.troubles()["one"]
    assert (trouble.waits, "stay in force" in trouble.why) == (False, True)


@nameless
def test_while_a_file_does_not_tell_its_tenants_name_every_name_that_nobody_knows_waits(
    site: Site, content: bytes
) -> None:
    put(site, content, "two")
    registry = site.restart()
    assert registry.names() == ("main", "one")
    assert {registry.get("two"), registry.get("anybody")} == {Unusable(name="two"), Unusable(name="anybody")}
    assert "two.toml" in registry.troubles()["two"].why
    assert registry.is_named("two")
    assert not registry.is_named("anybody"), "whoever publishes must not choose what metrics are called"
    site.write("two")
    site.later()
    assert registry.get("anybody") is None


@nameless
def test_a_file_that_turns_into_anything_keeps_the_tenant_that_it_held(site: Site, content: bytes) -> None:
    before = site.registry.get("one")
    put(site, content)
    assert site.later() is not None
    assert site.registry.get("one") is before


def a_directory(path: Path) -> None:
    path.mkdir()


def a_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


IN_ITS_PLACE = [a_directory, a_dangling_link, os.mkfifo, a_device, a_link_to_itself]


@pytest.mark.parametrize("made", IN_ITS_PLACE, ids=lambda made: made.__name__)
@pytest.mark.timeout(20)
def test_only_regular_files_are_read_from_the_folder_and_nothing_is_waited_for(
    site: Site, made: Callable[[Path], None]
) -> None:
    before = site.registry.get("one")
    (site.folder / "one.toml").unlink()
    made(site.folder / "one.toml")
    assert site.later() is not None
    assert site.registry.get("one") is before
    assert site.restart().names() == ("main", "two")


def test_a_folder_that_is_a_file_or_is_missing_leaves_the_tenants_of_the_main_file(site: Site) -> None:
    shutil.rmtree(site.folder)
    registry = site.restart()
    assert (registry.names(), registry.get("one")) == (("main",), Unusable(name="one"))
    site.folder.write_text("")
    assert site.restart().names() == ("main",)


def test_a_folder_whose_name_no_folder_can_have_is_complained_of(site: Site) -> None:
    site.file.write_text(site.file.read_text().replace('"tenants.d"', '"a\\u0000b"'))
    registry = site.restart()
    assert (registry.names(), list(registry.troubles())) == (("main",), ["a\N{REPLACEMENT CHARACTER}b"])


def test_a_folder_that_is_swapped_by_its_link_as_kubernetes_does_is_followed(site: Site) -> None:
    shutil.rmtree(site.folder)
    site.folder.mkdir()
    for number, domain in enumerate(("one.example", "two.example")):
        version = site.folder / f"..{number}"
        version.mkdir()
        (version / "one.toml").write_text(a_tenant_table("one", listed=False, domains=f'["{domain}"]'))
    (site.folder / "..data").symlink_to("..0")
    (site.folder / "one.toml").symlink_to("..data/one.toml")
    site.restart()
    (site.folder / "..fresh").symlink_to("..1")
    (site.folder / "..fresh").replace(site.folder / "..data")
    assert site.later() == TenantChanges(changed=("one",))
    tenant = site.registry.get("one")
    assert isinstance(tenant, Tenant)
    assert tenant.domains == {"two.example"}


def test_a_tenant_that_is_back_within_ten_minutes_was_never_away(site: Site) -> None:
    content = (site.folder / "one.toml").read_text()
    (site.folder / "one.toml").unlink()
    site.later()
    site.clock.now_s += FORGIVEN_S - 10
    put(site, content)
    assert site.later() == TenantChanges(added=("one",))
    assert site.registry.troubles() == {}
    (site.folder / "one.toml").unlink()
    site.later()
    site.clock.now_s += FORGIVEN_S - 10
    assert site.registry.get("one") == Unusable(name="one"), "each time it is gone it has ten minutes"


def test_a_broken_tenant_whose_file_disappears_is_forgiven_as_well(site: Site) -> None:
    put(site, WRONG["a wrong limit"])
    site.restart()
    (site.folder / "one.toml").unlink()
    site.later()
    assert site.registry.get("one") == Unusable(name="one")
    site.clock.now_s += FORGIVEN_S
    assert site.registry.get("one") is None


def test_commands_stay_away_for_a_minute_and_for_five_once_it_has_lasted_ten(site: Site) -> None:
    put(site, WRONG["a wrong limit"])
    registry = site.restart()
    assert registry.away_s("one") == 60
    site.clock.now_s += 599
    assert (site.later(), registry.away_s("one")) == (None, 300)


def test_while_no_tenant_is_configured_at_all_every_command_waits(tmp_path: Path) -> None:
    site = Site(tmp_path)
    a_configuration(tmp_path, more=DIRECTORY, tenants="")
    for file in site.folder.iterdir():
        file.unlink()
    assert site.restart().get("anybody") == Unusable(name="anybody")
    site.write("one")
    site.later()
    assert site.registry.get("anybody") is None


def test_a_copy_that_is_being_edited_takes_no_name_from_the_tenant_that_works(site: Site) -> None:
    put(site, a_tenant_table("two", listed=False, domains='["copy.example"]'), "a-copy")
    put(site, a_tenant_table("one", listed=False, auth=NOT_SET), "another")
    registry = site.restart()
    domains = {tenant.name: set(tenant.domains) for tenant in registry.tenants()}
    assert domains == {"main": {"acme.example"}, "one": {"acme.example"}, "two": {"acme.example"}}


def test_a_name_that_differs_by_case_only_waits_too(site: Site) -> None:
    put(site, a_tenant_table("TWO", listed=False), "zwei")
    registry = site.restart()
    assert (registry.get("TWO"), registry.get("Two")) == (Unusable(name="TWO"), None)


def test_a_byte_order_mark_before_toml_is_let_pass(site: Site) -> None:
    put(site, b"\xef\xbb\xbf" + a_tenant_table("three", listed=False).encode(), "three")
    site.file.write_bytes(b"\xef\xbb\xbf" + site.file.read_bytes())
    assert read_settings(site.file, {"ACME_PASSWORD": "hunter2"})
    assert site.later() == TenantChanges(added=("three",))


def test_utf_16_is_named_where_it_is_met(site: Site) -> None:
    put(site, a_tenant_table("one", listed=False).encode("utf-16"))
    with pytest.raises(WrongSettings, match=r"one\.toml: is UTF-16; save it as UTF-8"):
        site.start()


def test_a_main_file_that_breaks_keeps_names_waiting_that_it_may_have_got(site: Site) -> None:
    site.file.write_text("[broker")
    site.later()
    assert site.registry.get("new") == Unusable(name="new")
    assert isinstance(site.registry.get("main"), Tenant)


def test_keys_and_file_names_cannot_write_onto_a_terminal(site: Site) -> None:
    put(site, b'"\\u001b[2J" = 1\nname = 1\n', "\x1b[31m")
    why = site.restart().troubles()["\N{REPLACEMENT CHARACTER}[31m"].why
    assert why.isprintable()


def test_what_is_wrong_is_told_with_its_file_and_never_with_a_value(site: Site) -> None:
    put(site, a_tenant_table("one", listed=False, auth=BASIC + 'password = "hunter2"\n'))
    trouble = site.restart().troubles()["one"]
    assert trouble == TenantTrouble(
        why=f"{site.folder / 'one.toml'}: auth.password: a secret is never in the file; remove it, and name where it "
        "is with password_env or password_file",
        waits=True,
    )
