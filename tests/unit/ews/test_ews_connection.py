"""Below EWS: what is certainly not sent, what is lost on the way, and what must never hang."""

import asyncio
import time
from dataclasses import replace

import pytest

from adapters.calendar import Create, Done, Outcome, Remove
from adapters.errors import CalendarError, Misconfigured, Throttled, Transient, Unknown
from adapters.ews.calendar import EwsCalendar
from adapters.ews.settings import BasicAuth, EwsSettings, NtlmAuth
from adapters.simulator import LateReply, Simulator
from tests.contract.calendar_harness import BOARD, a_create, created
from tests.unit.ews.on_simulator import ACCOUNT, PASSWORD, connected, running_simulator, settings_for
from tests.unit.ews.raw_server import an_answer, raw_server, read_request


@pytest.fixture
def settings(simulator: Simulator) -> EwsSettings:
    """Settings that a test sends elsewhere."""
    return replace(settings_for(simulator), ca_file=None, request_timeout_s=0.6)


async def outcome_of(settings: EwsSettings, create: Create | None = None) -> Outcome:
    calendar = EwsCalendar(settings)
    try:
        (outcome,) = await calendar.apply(BOARD, [create or a_create()])
        return outcome
    finally:
        await calendar.close()


async def error_of_scan(settings: EwsSettings) -> CalendarError:
    calendar = EwsCalendar(settings)
    try:
        with pytest.raises(CalendarError) as raised:
            await calendar.scan(BOARD)
        return raised.value
    finally:
        await calendar.close()


async def test_a_refused_connection_is_certainly_not_applied() -> None:
    async with running_simulator() as simulator:
        settings = settings_for(simulator)
    outcome = await outcome_of(replace(settings, ca_file=None))
    assert isinstance(outcome, Transient)
    assert (outcome.code, outcome.detail) == ("unreachable", "ConnectionRefusedError")


async def test_a_name_that_cannot_be_looked_up_is_certainly_not_applied(settings: EwsSettings) -> None:
    outcome = await outcome_of(replace(settings, service_url=f"https://{'a' * 64}.example/"))
    assert isinstance(outcome, Transient)
    assert outcome.code == "unreachable"


async def test_an_untrusted_certificate_gets_nothing_sent(simulator: Simulator) -> None:
    outcome = await outcome_of(settings_for(simulator, ca_file=None))
    assert isinstance(outcome, Misconfigured)
    assert outcome.code == "untrusted_certificate"
    assert simulator.counts.requests.total() == simulator.counts.rejected == 0


@pytest.mark.parametrize("kind", [BasicAuth, NtlmAuth])
async def test_a_certificate_for_another_name_gets_nothing_sent(kind: type[BasicAuth] | type[NtlmAuth]) -> None:
    # An address of this machine all the same, but none of those that the certificate names.
    async with running_simulator(bind="127.0.0.2") as simulator:
        assert "127.0.0.2" in simulator.url
        outcome = await outcome_of(settings_for(simulator, auth=kind(username=ACCOUNT, password=PASSWORD)))
        assert isinstance(outcome, Misconfigured)
        assert outcome.code == "untrusted_certificate"
        assert simulator.counts.requests.total() == simulator.counts.rejected == 0


async def test_a_connection_that_breaks_in_the_tls_handshake_is_certainly_not_applied(settings: EwsSettings) -> None:
    async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(10)

    async with raw_server(hang_up) as url:
        outcome = await outcome_of(replace(settings, service_url=url.replace("http:", "https:")))
    assert isinstance(outcome, Transient)
    assert outcome.code == "unreachable"


async def test_a_server_that_never_answers_leaves_a_write_unknown_in_time(settings: EwsSettings) -> None:
    async def be_silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(be_silent) as url:
        began = time.monotonic()
        assert isinstance(await outcome_of(replace(settings, service_url=url)), Unknown)
        assert isinstance(await error_of_scan(replace(settings, service_url=url)), Transient)
        assert time.monotonic() - began < 4 * settings.request_timeout_s


async def test_an_answer_that_comes_too_late_leaves_a_write_unknown_and_posted_once(simulator: Simulator) -> None:
    simulator.faults.next(LateReply(0.8))
    async with connected(simulator, request_timeout_s=0.4) as calendar:
        assert [type(outcome) for outcome in await calendar.apply(BOARD, [a_create()])] == [Unknown]
        assert [type(outcome) for outcome in await calendar.apply(BOARD, [a_create("b")])] == [Done]
    assert simulator.counts.requests.total() == 2


async def _trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers a byte at a time, each in time for a read time-out."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"<")
        await writer.drain()
        await asyncio.sleep(0.1)


async def test_a_server_that_trickles_cannot_hold_a_place_for_ever(settings: EwsSettings) -> None:
    async with raw_server(_trickle) as url:
        calendar = EwsCalendar(replace(settings, service_url=url, concurrency=1))
        for _ in range(2):
            began = time.monotonic()
            (outcome,) = await calendar.apply(BOARD, [a_create()])
            assert isinstance(outcome, Unknown)
            assert time.monotonic() - began < settings.request_timeout_s + 2
        await calendar.close()


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", id="in the head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<s:Envelope", id="in the body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<s:En\r\n", id="in a chunk"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another protocol"),
    ],
)
async def test_an_answer_that_breaks_off_leaves_a_write_unknown(settings: EwsSettings, cut: bytes) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(cut)
        await writer.drain()

    async with raw_server(break_off) as url:
        assert isinstance(await outcome_of(replace(settings, service_url=url)), Unknown)
        assert isinstance(await error_of_scan(replace(settings, service_url=url)), Transient)


async def test_a_redirect_is_not_followed(settings: EwsSettings) -> None:
    requests: list[bytes] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(an_answer("302 Found", "Location: /owa/"))

    async with raw_server(redirect) as url:
        outcome = await outcome_of(replace(settings, service_url=url))
    assert isinstance(outcome, Misconfigured)
    assert outcome.code == "endpoint_wrong"
    assert len(requests) == 1


async def test_an_answer_that_breaks_the_ntlm_handshake_is_the_servers_word(settings: EwsSettings) -> None:
    async def be_busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(an_answer("401 Unauthorized", "WWW-Authenticate: NTLM"))
        await read_request(reader)
        writer.write(an_answer("503 Service Unavailable", "Retry-After: 7"))

    async with raw_server(be_busy) as url:
        auth = NtlmAuth(username=ACCOUNT, password=PASSWORD)
        outcome = await outcome_of(replace(settings, service_url=url, auth=auth))
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after_s == 7


async def test_a_server_that_takes_no_ntlm_any_more_says_what_it_offers(settings: EwsSettings) -> None:
    async def take_none(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for scheme in ("NTLM", "Basic"):
            await read_request(reader)
            writer.write(an_answer("401 Unauthorized", f"WWW-Authenticate: {scheme}"))

    async with raw_server(take_none) as url:
        auth = NtlmAuth(username=ACCOUNT, password=PASSWORD)
        outcome = await outcome_of(replace(settings, service_url=url, auth=auth))
    assert isinstance(outcome, Misconfigured)
    assert (outcome.code, outcome.detail) == ("login_scheme_not_offered", "the server offers Basic only")


async def test_a_calendar_that_was_made_while_the_server_was_down_works_once_it_is_up() -> None:
    async with running_simulator(tls=False) as simulator:
        calendar = EwsCalendar(settings_for(simulator))
        await simulator.stop()
        for _ in range(2):
            (outcome,) = await calendar.apply(BOARD, [a_create()])
            assert isinstance(outcome, Transient)
        await simulator.start()
        assert [type(outcome) for outcome in await calendar.apply(BOARD, [a_create()])] == [Done]
        await calendar.close()


async def test_connections_that_the_server_closed_meanwhile_are_not_written_into() -> None:
    async with running_simulator(tls=False) as simulator, connected(simulator) as calendar:
        await created(calendar, a_create("a"))
        await simulator.stop()
        await simulator.start()
        await created(calendar, a_create("b"))
        assert len(simulator.calendar(BOARD)) == 2


async def test_nothing_is_sent_that_could_not_be_answered_in_time(simulator: Simulator) -> None:
    async with connected(simulator, request_timeout_s=0.8) as calendar:
        (ref,) = await created(calendar, a_create("a"))
        simulator.faults.next(LateReply(0.7))
        outcomes = await calendar.apply(BOARD, [a_create("b"), Remove(ref=ref)])
    assert [type(outcome) for outcome in outcomes] == [Done, Transient]
    assert simulator.counts.requests.total() == 2


async def test_the_environment_has_no_say(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent.pem")
    async with connected(simulator) as calendar:
        await created(calendar, a_create())


async def test_tenants_trust_their_own_authority_only() -> None:
    async with running_simulator() as first, running_simulator() as second:
        async with connected(first) as ours, connected(second) as theirs:
            await created(ours, a_create())
            await created(theirs, a_create())
        outcome = await outcome_of(settings_for(second, ca_file=first.ca_file))
        assert isinstance(outcome, Misconfigured)
        assert outcome.code == "untrusted_certificate"


@pytest.mark.parametrize("kind", [BasicAuth, NtlmAuth])
async def test_a_changed_password_works_beside_the_old_one(
    simulator: Simulator, kind: type[BasicAuth] | type[NtlmAuth]
) -> None:
    old = connected(simulator, auth=kind(username=ACCOUNT, password="old"))
    new = connected(simulator, auth=kind(username=ACCOUNT, password=PASSWORD))
    async with old as before, new as after:
        (rejected,) = await before.apply(BOARD, [a_create()])
        assert isinstance(rejected, Misconfigured)
        assert rejected.code == "credentials_rejected"
        await created(after, a_create())
        assert isinstance((await before.apply(BOARD, [a_create()]))[0], Misconfigured)


@pytest.mark.parametrize("kind", [BasicAuth, NtlmAuth])
async def test_a_password_may_hold_any_character(kind: type[BasicAuth] | type[NtlmAuth]) -> None:
    password = "geheim€ключ: ü"
    async with running_simulator(accounts={ACCOUNT: password}) as simulator:
        assert isinstance(
            await outcome_of(settings_for(simulator, auth=kind(username=ACCOUNT, password=password))), Done
        )


def test_settings_do_not_show_passwords(simulator: Simulator) -> None:
    for auth in (BasicAuth(username="a", password="geheim"), NtlmAuth(username="a", password="geheim")):
        assert "geheim" not in repr(settings_for(simulator, auth=auth))
