"""Who may do what in the simulator: Basic and NTLM, impersonation with its scope, rights of delegates."""

import asyncio
import base64
from collections.abc import Callable

import aiohttp
import pytest

from adapters.simulator import Simulator
from adapters.simulator.md4 import md4
from adapters.simulator.passwords import Connection, Passwords
from tests.unit.simulator.conftest import StartSimulator
from tests.unit.simulator.exchangelib_client import account_of
from tests.unit.simulator.soap_client import (
    ACCOUNT,
    BOOKING,
    PASSWORD,
    ROOM,
    SoapClient,
    an_item,
    create_item,
    delete_item,
    find_item,
    get_item,
    item_id,
    set_subject,
    update_item,
)

Connect = Callable[[Simulator], SoapClient]


def folder(name: str, room: str = ROOM) -> str:
    mailbox = f"<t:Mailbox><t:EmailAddress>{room}</t:EmailAddress></t:Mailbox>"
    return f'<t:DistinguishedFolderId Id="{name}">{mailbox}</t:DistinguishedFolderId>'


def get_folder(*folders: str) -> str:
    return (
        "<m:GetFolder><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>"
        f"<m:FolderIds>{''.join(folders)}</m:FolderIds></m:GetFolder>"
    )


async def test_a_wrong_password_is_rejected_with_the_ways_in(simulator: Simulator, soap: SoapClient) -> None:
    reply = await soap.post(create_item(an_item()), password="wrong")
    assert reply.status == 401
    assert simulator.counts.rejected == 1
    assert simulator.counts.requests == {}


async def test_an_unknown_account_is_rejected(simulator: Simulator, soap: SoapClient) -> None:
    assert (await soap.post(create_item(an_item()), account="nobody@acme.example")).status == 401


async def test_without_credentials_both_schemes_are_offered(simulator: Simulator) -> None:
    connector = aiohttp.TCPConnector(ssl=False)
    async with aiohttp.ClientSession(connector=connector) as session, session.post(simulator.url) as response:
        assert response.status == 401
        assert response.headers.getall("WWW-Authenticate") == ["NTLM", 'Basic realm="simulator"']
    assert simulator.counts.rejected == 0


async def test_a_rotated_password_works_at_once_and_the_old_one_no_more(simulator: Simulator, soap: SoapClient) -> None:
    simulator.passwords.accounts[ACCOUNT] = "new"
    assert (await soap.post(create_item(an_item()))).status == 401
    assert (await soap.post(create_item(an_item()), password="new")).status == 200


async def test_an_account_name_is_compared_without_case(soap: SoapClient) -> None:
    assert (await soap.post(create_item(an_item()), account=ACCOUNT.upper())).status == 200


async def test_ntlm_lets_in_who_knows_the_password(
    start_simulator: StartSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = await start_simulator(auth=("ntlm",))
    with account_of(simulator, monkeypatch, auth="NTLM") as account:
        assert (await asyncio.to_thread(lambda: account.calendar.name)) == "Calendar"
    assert simulator.counts.rejected == 0


async def test_ntlm_keeps_out_who_does_not(start_simulator: StartSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator = await start_simulator(auth=("ntlm",))
    with (
        account_of(simulator, monkeypatch, auth="NTLM", password="wrong") as account,
        pytest.raises(Exception, match="Invalid credentials"),
    ):
        await asyncio.to_thread(lambda: account.calendar)
    assert simulator.counts.rejected >= 1
    assert simulator.counts.requests == {}


async def test_ntlm_is_done_once_for_a_connection(
    start_simulator: StartSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = await start_simulator(accounts={"ACME\\svc-rooms": PASSWORD}, auth=("ntlm",))
    with account_of(simulator, monkeypatch, auth="NTLM", username="ACME\\svc-rooms") as account:
        await asyncio.to_thread(lambda: [account.calendar.refresh() for _ in range(3)])
    assert simulator.counts.requests["GetFolder"] >= 3
    assert simulator.counts.rejected == 0


@pytest.mark.parametrize(
    "token",
    ["", "!!!", base64.b64encode(b"no ntlm").decode(), base64.b64encode(b"NTLMSSP\0\3\0\0\0" + b"\xff" * 60).decode()],
)
def test_broken_handshakes_are_rejected(token: str) -> None:
    passwords = Passwords({ACCOUNT: PASSWORD}, ("ntlm",))
    verdict = passwords.check(f"NTLM {token}", Connection(challenge=b"12345678"))
    assert (verdict.account, verdict.handshake) == (None, False)


def test_a_scheme_that_is_switched_off_lets_nobody_in() -> None:
    passwords = Passwords({ACCOUNT: PASSWORD}, ("ntlm",))
    assert passwords.check(aiohttp.encode_basic_auth(ACCOUNT, PASSWORD), Connection()).account is None


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (b"", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        (b"abc", "a448017aaf21d8525fc10ae87aa6729d"),
        (b"1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_md4_gives_the_digests_of_its_rfc(text: bytes, digest: str) -> None:
    assert md4(text).hex() == digest


async def test_a_room_outside_the_scope_is_not_impersonated(simulator: Simulator, soap: SoapClient) -> None:
    simulator.access.scope = {"Other@acme.example"}
    assert (await soap.post(create_item(an_item()))).fault == "ErrorImpersonateUserDenied"
    assert (await soap.post(create_item(an_item()), room="other@acme.example")).codes == ["NoError"]


async def test_a_denied_room_is_refused_until_it_is_allowed_again(simulator: Simulator, soap: SoapClient) -> None:
    simulator.access.deny("Board@acme.example")
    assert (await soap.post(create_item(an_item()))).fault == "ErrorImpersonateUserDenied"
    simulator.access.allow(ROOM)
    assert (await soap.post(create_item(an_item()))).codes == ["NoError"]


async def test_an_account_without_the_role_impersonates_nobody(simulator: Simulator, soap: SoapClient) -> None:
    simulator.access.impersonators.clear()
    assert (await soap.post(create_item(an_item()))).fault == "ErrorImpersonationDenied"


async def test_an_unknown_mailbox_is_not_impersonated(simulator: Simulator, soap: SoapClient) -> None:
    assert (await soap.post(create_item(an_item()), room="room@other.example")).fault == "ErrorNonExistentMailbox"


async def test_with_a_list_of_rooms_no_other_exists(start_simulator: StartSimulator, connect: Connect) -> None:
    soap = connect(await start_simulator(rooms=["Board@acme.example"]))
    assert (await soap.post(create_item(an_item()))).codes == ["NoError"]
    assert (await soap.post(create_item(an_item()), room="new@acme.example")).fault == "ErrorNonExistentMailbox"


async def test_an_impersonated_room_reaches_no_other_room(simulator: Simulator, soap: SoapClient) -> None:
    other = folder("calendar", "other@acme.example")
    assert (await soap.post(create_item(an_item(), folder=other))).codes == ["ErrorAccessDenied"]


async def test_a_delegate_of_the_calendar_does_everything_there(
    start_simulator: StartSimulator, connect: Connect
) -> None:
    simulator = await start_simulator(access="delegate")
    soap = connect(simulator)
    calendar = folder("calendar")
    created = await soap.post(create_item(an_item(booking="acme/B-1"), folder=calendar), room=None)
    assert created.codes == ["NoError"]
    assert (await soap.post(find_item(folders=[calendar], properties=BOOKING), room=None)).ids == created.ids
    assert (await soap.post(get_item(*created.ids), room=None)).codes == ["NoError"]
    changed = await soap.post(update_item((item_id(created.ids[0]), set_subject("x"))), room=None)
    assert changed.codes == ["NoError"]
    assert (await soap.post(delete_item(*created.ids), room=None)).codes == ["NoError"]
    assert [event.booking for event in simulator.deleted_items(ROOM)] == ["acme/B-1"], "the owner's, not the delegate's"
    assert simulator.counts.by_room[ROOM, "UpdateItem"] == 1


@pytest.mark.parametrize("name", ["root", "msgfolderroot", "deleteditems"])
async def test_a_delegate_of_the_calendar_sees_nothing_else(
    name: str, start_simulator: StartSimulator, connect: Connect
) -> None:
    soap = connect(await start_simulator(access="delegate"))
    reply = await soap.post(get_folder(folder("calendar"), folder(name)), room=None)
    assert reply.codes == ["NoError", "ErrorAccessDenied"]


async def test_a_search_in_calendar_and_deleted_items_is_half_denied_to_a_delegate_of_the_calendar(
    start_simulator: StartSimulator, connect: Connect
) -> None:
    soap = connect(await start_simulator(access="delegate"))
    reply = await soap.post(find_item(folders=[folder("calendar"), folder("deleteditems")]), room=None)
    assert reply.codes == ["NoError", "ErrorAccessDenied"]


async def test_full_access_opens_the_other_folders(start_simulator: StartSimulator, connect: Connect) -> None:
    simulator = await start_simulator(access="delegate")
    simulator.access.grant(ACCOUNT, ROOM, "mailbox")
    reply = await connect(simulator).post(get_folder(folder("root"), folder("deleteditems")), room=None)
    assert reply.codes == ["NoError", "NoError"]


async def test_a_reader_of_the_calendar_does_not_write(start_simulator: StartSimulator, connect: Connect) -> None:
    simulator = await start_simulator(access="delegate")
    simulator.access.grant(ACCOUNT, ROOM, "read")
    soap = connect(simulator)
    assert (await soap.post(get_folder(folder("calendar")), room=None)).codes == ["NoError"]
    assert (await soap.post(find_item(folders=[folder("calendar")]), room=None)).codes == ["NoError"]
    assert (await soap.post(create_item(an_item(), folder=folder("calendar")), room=None)).codes == [
        "ErrorAccessDenied"
    ]


async def test_knowing_an_items_id_gives_no_right_to_it(simulator: Simulator, soap: SoapClient) -> None:
    item = (await soap.create(an_item(subject="Board matters"))).ids[0]
    other = "other@acme.example"
    assert (await soap.post(get_item(item), room=other)).codes == ["ErrorAccessDenied"]
    assert (await soap.post(delete_item(item), room=other)).codes == ["ErrorAccessDenied"]
    changed = await soap.post(update_item((item_id(item), set_subject("Mine"))), room=other)
    assert changed.codes == ["ErrorAccessDenied"]
    assert [event.subject for event in simulator.calendar(ROOM)] == ["Board matters"]


async def test_a_delegate_is_denied_a_room_and_keeps_the_others(
    start_simulator: StartSimulator, connect: Connect
) -> None:
    simulator = await start_simulator(access="delegate")
    simulator.access.deny(ROOM)
    reply = await connect(simulator).post(
        get_folder(folder("calendar"), folder("calendar", "other@acme.example"), folder("calendar", "x@else.example")),
        room=None,
    )
    assert reply.codes == ["ErrorAccessDenied", "NoError", "ErrorNonExistentMailbox"]


async def test_a_delegate_may_not_impersonate(start_simulator: StartSimulator, connect: Connect) -> None:
    soap = connect(await start_simulator(access="delegate"))
    assert (await soap.post(create_item(an_item()))).fault == "ErrorImpersonationDenied"
