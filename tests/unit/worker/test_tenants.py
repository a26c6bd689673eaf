"""Tenants come and go while the worker runs."""

from pathlib import Path

import pytest

from consumers.tenants import Tenant, Unusable
from tests.unit.worker.configuration import ENVIRONMENT, a_configuration, a_tenant_table
from worker.settings import WrongSettings, read_settings, read_usable_settings
from worker.tenants import FORGIVEN_S, LOOK_EVERY_S, TenantChanges, TenantRegistry

DIRECTORY = '[tenants]\ndirectory = "tenants.d"\n'


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Site:
    """A configuration with a folder of tenants, and the worker's view of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tenants.d"
        self.folder.mkdir()
        self.file = a_configuration(folder, more=DIRECTORY, tenants=a_tenant_table("main"))
        self.write("one")
        self.write("two")
        self.clock = Clock()
        self.registry = self.start()

    def start(self) -> TenantRegistry:
        return TenantRegistry(read_settings(self.file, ENVIRONMENT), ENVIRONMENT, monotonic=self.clock)

    def restart(self) -> TenantRegistry:
        """As the worker starts, whatever is wrong with a tenant."""
        self.registry = TenantRegistry(read_usable_settings(self.file, ENVIRONMENT), ENVIRONMENT, monotonic=self.clock)
        return self.registry

    def write(self, name: str, content: str | None = None, **changes: str) -> None:
        text = a_tenant_table(name, listed=False, **changes) if content is None else content
        fresh = self.folder / f"{name}.fresh"
        fresh.write_text(text)
        fresh.replace(self.folder / f"{name}.toml")

    def later(self) -> TenantChanges | None:
        self.clock.now_s += LOOK_EVERY_S
        return self.registry.reload_if_changed()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_tenants_come_from_the_file_and_from_the_folder(site: Site) -> None:
    assert site.registry.names() == ("main", "one", "two")
    tenant, settings = site.registry.get("one"), site.registry.settings("one")
    assert isinstance(tenant, Tenant)
    assert settings is not None
    assert (tenant.name, settings.url) == ("one", "https://mail.acme.example/EWS/Exchange.asmx")
    assert site.registry.get("One") is None
    assert site.registry.settings("nobody") is None


def test_a_tenant_that_is_added_is_there_at_the_next_look(site: Site) -> None:
    site.write("three")
    assert site.later() == TenantChanges(added=("three",))
    assert site.registry.get("three") is not None


def test_a_tenant_that_is_changed_is_another_and_the_others_are_the_same(site: Site) -> None:
    before = site.registry.get("two"), site.registry.settings("two")
    site.write("one", domains='["one.example"]')
    assert site.later() == TenantChanges(changed=("one",))
    tenant = site.registry.get("one")
    assert isinstance(tenant, Tenant)
    assert tenant.domains == {"one.example"}
    after = site.registry.get("two"), site.registry.settings("two")
    assert all(new is old for new, old in zip(after, before, strict=True))


def test_a_tenant_that_is_removed_waits_for_ten_minutes_and_is_gone_then(site: Site) -> None:
    (site.folder / "one.toml").unlink()
    assert site.later() == TenantChanges(removed=("one",))
    assert site.registry.get("one") == Unusable(name="one")
    assert site.registry.settings("one") is None
    site.clock.now_s += FORGIVEN_S - 1
    assert site.registry.get("one") == Unusable(name="one")
    assert "fail as tenant_unknown in 1 s" in site.registry.troubles()["one"].why
    site.clock.now_s += 1
    assert site.registry.get("one") is None
    assert site.registry.troubles() == {}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("name = [", id="no TOML"),
        pytest.param('name = "one"\ndomains = []\n', id="a wrong tenant"),
        pytest.param("name = 5\n", id="a name that is none"),
        pytest.param("", id="an empty file"),
    ],
)
def test_a_broken_file_keeps_the_last_good_state_of_its_tenant(site: Site, content: str) -> None:
    before = site.registry.get("one")
    site.write("one", content)
    site.write("three")
    changes = site.later()
    assert changes is not None
    assert (changes.added, changes.changed, changes.removed) == (("three",), (), ())
    assert {complaint.file.name for complaint in changes.complaints} == {"one.toml"}
    assert site.registry.get("one") is before
    site.write("one", domains='["one.example"]')
    assert site.later() == TenantChanges(changed=("one",))


def test_a_broken_main_file_keeps_every_tenant(site: Site) -> None:
    site.file.write_text("[broker")
    changes = site.later()
    assert changes is not None
    assert [complaint.file for complaint in changes.complaints] == [site.file]
    assert site.registry.names() == ("main", "one", "two")


def test_a_nameless_tenant_in_a_file_keeps_what_is_gone_there_and_not_what_is_changed(site: Site) -> None:
    both = a_tenant_table("main") + a_tenant_table("other")
    a_configuration(site.file.parent, more=DIRECTORY, tenants=both)
    site.later()
    broken = a_tenant_table("main", domains='["new.example"]') + a_tenant_table("").replace('name = ""', "name = 5")
    a_configuration(site.file.parent, more=DIRECTORY, tenants=broken)
    changes = site.later()
    assert changes is not None
    assert (changes.changed, changes.removed) == (("main",), ())
    tenant = site.registry.get("main")
    assert isinstance(tenant, Tenant)
    assert tenant.domains == {"new.example"}


def test_a_folder_that_is_away_keeps_its_tenants(site: Site) -> None:
    site.folder.rename(site.folder.with_name("elsewhere"))
    changes = site.later()
    assert changes is not None
    assert [complaint.key for complaint in changes.complaints] == ["tenants.directory"]
    assert site.registry.names() == ("main", "one", "two")


def test_a_wrong_place_of_the_folder_keeps_every_tenant(site: Site) -> None:
    site.file.write_text(site.file.read_text().replace('"tenants.d"', "5"))
    changes = site.later()
    assert changes is not None
    assert [complaint.key for complaint in changes.complaints] == ["tenants.directory"]
    assert site.registry.names() == ("main", "one", "two")


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(DIRECTORY.replace("tenants.d", "typo"), id="another folder, which is not there"),
        pytest.param(DIRECTORY.replace("tenants.d", "tenants.d\\u0000"), id="a name that no folder can have"),
        pytest.param(DIRECTORY.replace("tenants.d", "roomsync.toml"), id="a file"),
        pytest.param(DIRECTORY.replace("[tenants]", "[tenant]"), id="tenant for tenants"),
        pytest.param(DIRECTORY.replace("[tenants]", "[tenantz]"), id="a section that nobody knows"),
        pytest.param("[tenants]\n", id="cut off after the section"),
        pytest.param("", id="cut off before the section"),
    ],
)
def test_a_main_file_that_does_not_say_where_tenants_are_keeps_every_tenant(site: Site, spoilt: str) -> None:
    a_configuration(site.file.parent, more=spoilt, tenants="")
    before = site.registry.tenants()
    assert site.later() is not None
    assert site.registry.tenants() == before
    site.later()
    assert site.registry.tenants() == before, "nor does a second look take them"


def test_a_main_file_that_is_caught_empty_keeps_every_tenant(site: Site) -> None:
    site.file.write_text("")
    assert site.later() is not None
    assert site.registry.names() == ("main", "one", "two")


def test_a_misspelt_section_beside_a_tenant_keeps_those_of_the_folder(site: Site) -> None:
    site.file.write_text(site.file.read_text().replace("[tenants]", "[tenents]"))
    assert site.later() is not None
    assert site.registry.names() == ("main", "one", "two")


def test_a_name_that_is_taken_keeps_the_first(site: Site) -> None:
    site.write("zwei", a_tenant_table("TWO", listed=False))
    changes = site.later()
    assert changes is not None
    assert [(complaint.file.name, complaint.key) for complaint in changes.complaints] == [("zwei.toml", "name")]
    assert site.registry.names() == ("main", "one", "two")


def test_a_tenant_of_the_main_file_comes_and_goes_too(site: Site) -> None:
    a_configuration(site.file.parent, more=DIRECTORY, tenants=a_tenant_table("other"))
    assert site.later() == TenantChanges(added=("other",), removed=("main",))


def test_another_folder_is_followed(site: Site) -> None:
    elsewhere = site.folder.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "four.toml").write_text(a_tenant_table("four", listed=False))
    site.file.write_text(site.file.read_text().replace("tenants.d", "elsewhere"))
    assert site.later() == TenantChanges(added=("four",), removed=("one", "two"))
    (elsewhere / "five.toml").write_text(a_tenant_table("five", listed=False))
    assert site.later() == TenantChanges(added=("five",))


def test_nothing_is_read_while_nothing_changed(site: Site) -> None:
    assert site.later() is None


def test_files_are_looked_at_every_few_seconds_only(site: Site) -> None:
    assert site.later() is None
    site.write("three")
    site.clock.now_s += LOOK_EVERY_S - 0.1
    assert site.registry.reload_if_changed() is None
    site.clock.now_s += 0.1
    assert site.registry.reload_if_changed() == TenantChanges(added=("three",))


def test_a_file_that_is_written_again_as_it_was_changes_nothing(site: Site) -> None:
    site.write("one")
    assert site.later() == TenantChanges()


def test_a_rotated_password_is_read_without_a_change_of_the_tenant(site: Site) -> None:
    (site.file.parent / "pw").write_text("hunter2")
    auth = 'kind = "basic"\nusername = "svc"\npassword_file = "pw"\n'
    site.write("one", auth=auth)
    site.later()
    (site.file.parent / "pw").write_text("correct horse")
    site.write("one", auth=auth)
    assert site.later() == TenantChanges()
    settings = site.registry.settings("one")
    assert settings is not None
    assert settings.auth.kind == "basic"
    assert settings.auth.password.read() == "correct horse"


def test_a_tenant_whose_password_comes_later_is_there_then_and_is_complained_of_once(site: Site) -> None:
    site.write("three", auth='kind = "basic"\nusername = "svc"\npassword_file = "pw"\n')
    changes = site.later()
    assert changes is not None
    assert [complaint.key for complaint in changes.complaints] == ["auth.password_file"]
    assert site.later() is None
    (site.file.parent / "pw").write_text("hunter2")
    assert site.later() == TenantChanges(added=("three",))
    assert site.later() is None


def test_hidden_and_other_files_in_the_folder_are_left_aside(site: Site) -> None:
    (site.folder / ".hidden.toml").write_text("x")
    (site.folder / "readme.txt").write_text("x")
    assert site.later() is None


def test_a_tenant_of_its_own_file_is_written_without_the_list(site: Site) -> None:
    site.write("three", a_tenant_table("three"))
    with pytest.raises(WrongSettings, match=r"three\.toml: tenant: is unknown"):
        site.start()
