"""The Exchange stand-in alone, without latency: nobody shall mistake its limit for a contestant's."""

import asyncio
import base64
import ssl
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from tests.bench.bench_harness import BenchHarness
from tests.bench.commands import room
from tests.bench.contestants import Contestant
from tests.bench.exchange import Exchange, running_exchange
from tests.bench.exchange_process import ACCOUNT
from tests.bench.figures import Report
from tests.bench.load import Load

CONNECTIONS = 8
FOR_S = 4.0
BATCH = 20

_ITEM = """<t:CalendarItem><t:Subject>S-{number}</t:Subject><t:Start>2031-01-06T08:00:00Z</t:Start>
<t:End>2031-01-06T09:00:00Z</t:End></t:CalendarItem>"""
_ENVELOPE = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"
 xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Header>
<t:RequestServerVersion Version="Exchange2016"/><t:ExchangeImpersonation><t:ConnectingSID>
<t:PrimarySmtpAddress>{room}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header><s:Body>
<m:CreateItem SendMeetingInvitations="SendToNone"><m:SavedItemFolderId><t:DistinguishedFolderId Id="calendar"/>
</m:SavedItemFolderId><m:Items>{items}</m:Items></m:CreateItem></s:Body></s:Envelope>"""


async def stand_in(harness: BenchHarness, _contestants: Sequence[Contestant], load: Load) -> Report:
    """No contestant takes part."""
    harness.say("stand-in: alone")
    folder = harness.folder / "stand-in"
    folder.mkdir()
    async with running_exchange(folder, latency_ms=0) as exchange:
        single = await _events_per_s(exchange, 1, load.seconds(FOR_S))
        batched = await _events_per_s(exchange, BATCH, load.seconds(FOR_S))
    return Report(
        scenario="stand-in",
        sentence=f"alone and without latency the Exchange stand-in writes {single:.0f} events/s one by one and "
        f"{batched:.0f} events/s in batches of {BATCH}",
        series={"single, batched, events/s": [single, batched]},
    )


async def _events_per_s(exchange: Exchange, batch: int, for_s: float) -> float:
    began_s, before = time.monotonic(), await exchange.totals()
    clients = [_client(exchange, room(number), batch, began_s + for_s) for number in range(CONNECTIONS)]
    await asyncio.gather(*clients)
    return ((await exchange.totals())["applied"] - before["applied"]) / (time.monotonic() - began_s)


async def _client(exchange: Exchange, address: str, batch: int, until_s: float) -> None:
    """Create over one connection until then."""
    where = urlsplit(exchange.url)
    trusting = ssl.create_default_context(cafile=exchange.ca_file)
    reader, writer = await asyncio.open_connection(where.hostname, where.port, ssl=trusting)
    request = _request(exchange, address, batch)
    try:
        while time.monotonic() < until_s:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length_bytes(head))
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"the stand-in refuses the bench's own request: {head[:40]!r}")
    finally:
        writer.close()


def _request(exchange: Exchange, address: str, batch: int) -> bytes:
    items = "".join(_ITEM.format(number=number) for number in range(batch))
    body = _ENVELOPE.format(room=address, items=items).encode()
    login = base64.b64encode(f"{ACCOUNT}:{exchange.password}".encode()).decode()
    where = urlsplit(exchange.url)
    lines = (
        f"POST {where.path} HTTP/1.1",
        f"Host: {where.netloc}",
        f"Authorization: Basic {login}",
        "Content-Type: text/xml; charset=utf-8",
        f"Content-Length: {len(body)}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _length_bytes(head: bytes) -> int:
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return int(lengths[0].partition(b":")[2])
