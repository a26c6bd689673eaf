"""A TCP proxy on loopback that fails as networks do: cut, or silent in one direction or both while nobody hangs up."""

import asyncio
from types import TracebackType
from typing import Literal, Self

Direction = Literal["to server", "from server"]
BOTH: tuple[Direction, Direction] = ("to server", "from server")
_READ_BYTES = 65536


class _Link:
    """One client's connection through the proxy. A direction that lost a byte once stays dead: its stream is torn."""

    def __init__(self, proxy: "TcpProxy", client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.ends = (client, server)
        self._proxy = proxy
        self._dead: set[Direction] = set()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        try:
            while chunk := await reader.read(_READ_BYTES):
                if self._is_dead(direction):
                    continue
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            pass
        if not self._is_dead(direction):
            # A half-open connection hears of no end either.
            writer.close()

    def _is_dead(self, direction: Direction) -> bool:
        if direction in self._proxy.silent:
            self._dead.add(direction)
        return direction in self._dead

    def cut(self) -> None:
        for end in self.ends:
            end.transport.abort()


class TcpProxy:
    """Passes connections on to `server_port` on 127.0.0.1, or hangs up where nobody listens. Put up by `async with`."""

    def __init__(self, server_port: int) -> None:
        self.silent: set[Direction] = set()
        self.server_port = server_port
        self.refused = 0
        """Connections that were hung up on, as nobody listens there."""
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server

    @property
    def port(self) -> int:
        """Where clients connect, on 127.0.0.1."""
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The broker's address through the proxy."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def cut(self) -> None:
        """Reset all connections; new ones pass."""
        for link in list(self._links):
            link.cut()

    def swallow(self, *directions: Direction) -> None:
        """Let nothing pass any more in these directions, while every connection stays open; new ones suffer it, too."""
        self.silent.update(directions)

    def heal(self) -> None:
        """Let new connections pass. Those that lost something stay as they are."""
        self.silent.clear()

    async def _accept(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            server_reader, server = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            self.refused += 1
            client.transport.abort()
            return
        link = _Link(self, client, server)
        self._links.add(link)
        try:
            await asyncio.gather(
                link.pump(client_reader, server, "to server"), link.pump(server_reader, client, "from server")
            )
        finally:
            link.cut()
            self._links.discard(link)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: the server's would log its cancellation as an error.
        task = asyncio.create_task(self._accept(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
