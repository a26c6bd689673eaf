"""How a tenant's gate and breaker outlive a change of its secret, its address or its limits."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from certifi import where

from adapters.calendar import RoomAddress, TenantName
from adapters.errors import Misconfigured
from consumers.sync.room import Room
from consumers.throttling.circuit_breaker import RequestKind
from tests.fake_ledger import FakeLedger
from tests.room_harness import BOARD, VirtualTime
from tests.unit.worker.configuration import a_configuration, a_tenant_table
from worker.settings import read_settings
from worker.tenants import LOOK_EVERY_S, TenantRegistry
from worker.wiring import UNMADE_AGAIN_S, TenantConnections

GARDEN = RoomAddress("garden@acme.example")
GOOD = Path(where()).read_bytes()
AUTH = 'kind = "basic"\nusername = "svc@acme.example"\npassword_file = "password"\n'


@dataclass
class Place:
    """A configuration on disk, and the worker's way to its tenant."""

    folder: Path
    time: VirtualTime
    registry: TenantRegistry
    reaches: TenantConnections

    def room(self, address: RoomAddress = BOARD) -> Room:
        room = self.try_room(address)
        assert room is not None
        return room

    def try_room(self, address: RoomAddress = BOARD) -> Room | None:
        return self.reaches.room(TenantName("acme"), address, scan_twice=False)

    def configure(self, **details: str) -> None:
        a_configuration(self.folder, tenants=a_tenant_table(auth=AUTH, **details))
        self.time.passed_s += LOOK_EVERY_S
        assert self.registry.reload_if_changed() is not None


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    (tmp_path / "password").write_text("hunter2")
    settings = read_settings(a_configuration(tmp_path, tenants=a_tenant_table(auth=AUTH)), {})
    time = VirtualTime()
    registry = TenantRegistry(settings, {}, monotonic=time.monotonic)
    ledger = FakeLedger(clock=time.now)
    reaches = TenantConnections(registry=registry, settings=settings, ledger=ledger, clocks=time.clocks())
    yield Place(tmp_path, time, registry, reaches)
    await reaches.close()


async def stopped(room: Room) -> None:
    breaker = room.gate.breaker
    await breaker.report(await breaker.enter(), [Misconfigured()])
    await breaker.report(RequestKind.TRIAL, [Misconfigured()])
    with pytest.raises(Misconfigured):
        await breaker.enter()


async def test_a_stopped_tenant_is_asked_at_once_when_its_password_file_changes(place: Place) -> None:
    await stopped(place.room())
    (place.folder / "password").write_text("correct horse")
    assert await place.room().gate.breaker.enter() is RequestKind.PROBE


async def test_a_refused_password_is_read_again_even_if_its_file_looks_the_same(place: Place) -> None:
    await stopped(place.room())
    file = place.folder / "password"
    before = file.stat()
    file.write_text("hunter3")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert await place.room().gate.breaker.enter() is RequestKind.PROBE


async def test_a_stopped_tenant_is_asked_at_once_when_its_address_changes(place: Place) -> None:
    await stopped(place.room())
    place.configure(more='service_url = "https://other.acme.example/EWS/Exchange.asmx"\n')
    assert await place.room().gate.breaker.enter() is RequestKind.PROBE


async def test_other_changes_keep_a_stopped_tenant_stopped(place: Place) -> None:
    await stopped(place.room())
    place.configure(limits="mailbox_concurrency = 2\n")
    room = place.room()
    assert room.gate.mailbox_concurrency == 2
    with pytest.raises(Misconfigured):
        await room.gate.breaker.enter()


async def test_requests_under_way_still_count_when_the_password_changes(place: Place) -> None:
    gate = place.room().gate
    (place.folder / "password").write_text("correct horse")
    assert place.room().gate is gate


async def test_requests_under_way_still_count_when_the_limits_change(place: Place) -> None:
    gate = place.room().gate
    place.configure(limits="mailbox_concurrency = 2\ntenant_concurrency = 3\n")
    assert place.room().gate is gate
    assert (gate.room_limit(BOARD), gate.limit) == (2, 3)


async def test_rooms_of_a_tenant_share_its_connections_for_work_and_for_looking_at(place: Place) -> None:
    board, garden = place.room(), place.room(GARDEN)
    view = place.reaches.view(TenantName("acme"), GARDEN)
    assert view is not None
    assert board.calendar is garden.calendar is view.calendar


async def test_neither_secret_nor_fingerprint_is_printed(place: Place) -> None:
    room = place.room()
    assert "hunter2" not in repr(place.reaches._reaches) + repr(room)
    assert len(room.gate.breaker.fingerprint()) == 4


async def test_a_tenant_whose_authority_turns_useless_waits_until_it_is_mended(place: Place) -> None:

    ca_file = place.folder / "ca.pem"
    ca_file.write_bytes(GOOD)
    place.configure(more=f'service_url = "https://mail.acme.example/"\nca_file = "{ca_file}"\n')
    ca_file.write_text("-----BEGIN NOTHING")
    assert place.try_room() is None
    ca_file.write_bytes(GOOD)
    place.time.passed_s += UNMADE_AGAIN_S
    assert place.try_room() is not None
