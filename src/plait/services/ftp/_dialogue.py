"""aioftp's dialogue on plait's sockets: its beginning and end, TLS, connections for data."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import aioftp

from ._data import HANDSHAKE, Place, connect_back, read_eprt, read_port, streams

if TYPE_CHECKING:
    import ssl

# No commands that a client could send: commands have no spaces.
_GONE = "gone away"
_SECURED = "secured now"

Command = Callable[[Any, Any], Awaitable[bool]]


class Dialogue(aioftp.Server):
    """
    aioftp's server, given connections instead of listening itself.

    Args:
        users:
            Who may come in.
        context:
            Returns what TLS takes now, None where there is none.
        required:
            Whether nobody comes in, and no data is sent, without TLS.
        protected:
            Whether data goes over TLS where a client says nothing of it.
        options:
            See `aioftp.Server`.
    """

    def __init__(
        self,
        users: aioftp.AbstractUserManager,
        *,
        context: Callable[[], ssl.SSLContext | None],
        required: bool,
        protected: bool,
        **options: Any,
    ) -> None:
        super().__init__(users, **options)
        self.connections = {}
        self._start_server_extra_arguments = {}
        self.server_port = 0
        self.ending = False
        self.context, self._required, self._protected = context, required, protected
        self._data: dict[Any, list[asyncio.StreamWriter]] = {}
        transfers = ("list", "nlst", "mlsd", "retr", "stor", "appe")
        own: dict[str, Any] = {_GONE: self._gone, _SECURED: self._secured, "auth": self._auth}
        for name in ("port", "eprt", "nlst"):
            own[name] = getattr(self, name)
        self.commands_mapping.update(own)
        for name in transfers:
            self.commands_mapping[name] = partial(self._transfer, self.commands_mapping[name])

    def transfers(self) -> list[asyncio.Task[Any]]:
        """Return the transfers under way."""
        return [task for each in self.connections.values() for task in each.extra_workers]

    async def greeting(self, connection: Any, rest: Any) -> bool:
        if self.ending:
            connection.response("421", "this server is about to end")
            return False
        return bool(await super().greeting(connection, rest))

    async def dispatcher(self, reader: Any, writer: Any) -> None:
        task = asyncio.current_task()
        self._data[task] = []
        try:
            await super().dispatcher(reader, writer)
        finally:
            # Also those that came for a command that was refused.
            for each in self._data.pop(task):
                each.close()

    async def parse_command(self, stream: Any, *args: Any) -> tuple[str, str]:
        # A client that goes away, or falls silent, is the end of a dialogue and no error.
        if getattr(stream, "over", False):
            # aioftp reads on before it has seen that the dialogue ends; what came is not for it.
            await asyncio.get_running_loop().create_future()
        try:
            name, rest = await super().parse_command(stream, *args)
            if name == "auth":
                name, rest = await self._secure(stream, rest)
        except UnicodeDecodeError:
            return "?", ""
        except (OSError, TimeoutError, ValueError):
            name, rest = _GONE, ""
        stream.over = name == _GONE
        return name, rest

    async def write_response(self, *args: Any, **kwargs: Any) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            await super().write_response(*args, **kwargs)

    async def _gone(self, connection: Any, rest: Any) -> bool:
        return False

    # TLS.

    async def _secure(self, stream: Any, kind: str) -> tuple[str, str]:
        """Set up TLS before the next command is read, if that is possible."""
        context = self.context()
        if context is None or kind.upper() not in ("TLS", "TLS-C", "SSL") or _secure(stream):
            return "auth", kind
        await stream.writer.drain()
        if _unread(stream.reader):
            # Commands behind this one came in the clear; they shall not pass for secure ones.
            return _GONE, ""
        stream.writer.write(b"234 go ahead\r\n")
        await stream.writer.start_tls(context, ssl_handshake_timeout=HANDSHAKE)
        return _SECURED, ""

    async def _secured(self, connection: Any, rest: Any) -> bool:
        return True

    async def _auth(self, connection: Any, rest: str) -> bool:
        if self.context() is None:
            connection.response("502", "this server has no certificate")
        elif _secure(connection.command_connection):
            connection.response("503", "TLS is there already")
        else:
            connection.response("504", "expected AUTH TLS")
        return True

    async def user(self, connection: Any, rest: str) -> bool:
        if self._required and not _secure(connection.command_connection):
            connection.response("530", "this server wants TLS: AUTH TLS")
            return True
        return bool(await super().user(connection, rest))

    async def prot(self, connection: Any, rest: Any) -> bool:
        if not _secure(connection.command_connection):
            connection.response("503", "AUTH TLS first")
        elif rest.upper() == "P":
            self._protect(connection, True)
            connection.response("200", "data goes over TLS")
        elif rest.upper() == "C" and not self._required:
            self._protect(connection, False)
            connection.response("200", "data goes in the clear")
        else:
            connection.response("536", "expected PROT P")
        return True

    def _protect(self, connection: Any, protected: bool) -> None:
        if protected != self.protects(connection) and connection.future.passive_server.done():
            # It listens for the other way; the next PASV makes a new one.
            connection.passive_server.close()
            del connection.passive_server
            if self.available_data_ports is not None:
                self.available_data_ports.put_nowait((0, connection.passive_server_port))
        connection.protected = protected

    def protects(self, connection: Any) -> bool:
        """Return whether a client wants its data over TLS."""
        future = connection.future.protected
        return bool(future.result()) if future.done() else self._protected

    # Data.

    async def port(self, connection: Any, rest: Any) -> bool:
        """Note where the client waits for its data."""
        return self._active(connection, read_port(rest))

    async def eprt(self, connection: Any, rest: Any) -> bool:
        """Note where the client waits for its data, for both families of addresses."""
        return self._active(connection, read_eprt(rest))

    def _active(self, connection: Any, place: Place | None) -> bool:
        # Nobody makes this server connect to somebody else, or to a service of the system.
        if not connection.future.logged.done():
            connection.response("503", "log in first")
        elif place is None:
            connection.response("501", "this is no address")
        elif place.host != connection.client_host or place.port < 1024:
            connection.response("500", "expected your own address, and a port from 1024 on")
        else:
            connection.place = place
            connection.response("200", "fine")
        return True

    async def pasv(self, connection: Any, rest: Any) -> bool:
        del connection.place
        return bool(await super().pasv(connection, rest))

    async def epsv(self, connection: Any, rest: Any) -> bool:
        del connection.place
        if rest.upper() == "ALL":
            connection.response("200", "fine")
            return True
        # A client may name the family that it speaks already.
        family = "2" if ":" in connection.server_host else "1"
        return bool(await super().epsv(connection, "" if rest == family else rest))

    async def _transfer(self, command: Command, connection: Any, rest: Any) -> bool:
        """Run a command that sends or receives data."""
        if self._required and not self.protects(connection):
            connection.response("522", "this server wants TLS for data: PROT P")
            return True
        before = set(connection.extra_workers)
        place = connection.place if connection.future.place.done() else None
        waiting = place is not None and not connection.future.passive_server.done()
        if waiting:
            connection.passive_server = None  # which the command would miss
        try:
            going_on = await command(connection, rest)
        finally:
            del connection.place
            if waiting:
                del connection.passive_server
        begun = connection.extra_workers - before
        for task in begun:
            connection.extra_workers.remove(task)
            connection.extra_workers.add(asyncio.create_task(_end(connection, task)))
        if begun and place is not None:
            coming = self._connect_back(connection, place)
            connection.extra_workers.add(asyncio.create_task(coming))
        return going_on

    async def _connect_back(self, connection: Any, place: Place) -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers = self._data.get(connection._dispatcher)
            if writers is None:
                writer.close()
                return
            writers.append(writer)
            throttles = connection.command_connection.throttles
            connection.data_connection = aioftp.ThrottleStreamIO(
                reader, writer, throttles=throttles, timeout=connection.socket_timeout
            )

        context = self.context() if self.protects(connection) else None
        # Where nobody is there, the transfer waits in vain, and tells so.
        with contextlib.suppress(OSError, TimeoutError):
            await connect_back(place, connection.server_host, context, handle)

    async def _start_passive_server(self, connection: Any, handler_callback: Any) -> Any:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peer = writer.get_extra_info("peername")
            writers = self._data.get(connection._dispatcher)
            if writers is None or not peer or peer[0] != connection.client_host:
                writer.close()  # too late, or somebody else has found the port
                return
            writers.append(writer)
            await handler_callback(reader, writer)

        # TLS has to be there from the first byte: clients do not wait for anything here.
        context = self.context() if self.protects(connection) else None
        ports, taken = self.available_data_ports, []
        loop = asyncio.get_running_loop()
        listen = partial(
            loop.create_server, lambda: streams(context, handle), connection.server_host
        )
        if ports is None:
            return await listen(port=0)
        try:
            while not ports.empty():
                _, port = ports.get_nowait()
                try:
                    server = await listen(port=port)
                except OSError as error:
                    taken.append(port)
                    if error.errno != errno.EADDRINUSE:
                        raise
                else:
                    connection.passive_server_port = port
                    return server
        finally:
            for port in taken:
                ports.put_nowait((1, port))
        raise aioftp.NoAvailablePort


async def _end(connection: Any, transfer: asyncio.Task[Any]) -> None:
    """Wait for the end of a transfer; one that breaks off is not the end of the dialogue."""
    try:
        await transfer
    except (OSError, TimeoutError):
        connection.response("426", "the connection for data was lost")


def _secure(stream: Any) -> bool:
    return stream.writer.get_extra_info("sslcontext") is not None


def _unread(reader: asyncio.StreamReader) -> bytes:
    """Return what has come already, without letting the loop bring more meanwhile."""
    reading = reader.read(65536)
    try:
        reading.send(None)
    except StopIteration as found:
        return bytes(found.value)
    reading.close()  # it waits, so there is nothing
    return b""
