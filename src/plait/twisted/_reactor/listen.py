"""Listening ports: bound and listening at once, accepting on the loop."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import lockfile
from .flow import SHUTDOWN
from .speaker import speak, spoken
from .tcp import TCPConnection, UNIXConnection, address_of

# The classes below have an attribute `socket`, which hides the module in their annotations.
Socket = socket.socket

if TYPE_CHECKING:
    from .reactor import Reactor

# Connections taken in one turn of the loop, so that a burst does not starve the others.
ACCEPTS = 64
# Seconds to leave a listening socket alone when descriptors have run out.
RECOVER = 1.0
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_GONE = (errno.ECONNABORTED, errno.EPERM, errno.EPROTO)


class Port:
    """
    A listening stream port of any family.

    Args:
        reactor:
            The reactor it belongs to.
        factory:
            Builds the protocol of each connection.
        backlog:
            How many connections the kernel keeps waiting.
        context:
            For TLS, a function that returns the ssl.SSLContext of the next connection.
    """

    connected = False
    disconnected = False
    disconnecting = False
    socket: Socket | None = None
    kind = "TCP"
    connection_class: type[Any] = TCPConnection
    _waits = False  # bound, but not listening yet
    _taken = 0

    def __init__(
        self,
        reactor: Reactor,
        factory: Any,
        backlog: int = 50,
        context: Callable[[], Any] | None = None,
    ) -> None:
        self.reactor = reactor
        self.factory = factory
        self.backlog = backlog
        self._context = context
        self._closed: Any = None
        self._host: Any = None
        self._retry: Any = None
        self._inherited = False

    # ---- opening

    def _open(self) -> Socket:
        """Return a bound socket; CannotListenError when it cannot be had."""
        raise NotImplementedError

    def startListening(self) -> None:
        """Bind, listen and accept on the loop."""
        sock = self.socket if self._inherited and self.socket is not None else self._open()
        sock.setblocking(False)
        self.socket = sock
        self.reactor._ports.add(self)
        self._host = address_of(self.reactor.words, sock, sock.getsockname())
        self.connected = True
        self.disconnected = False
        held = self.reactor._held_ports
        if held is None:
            self.release()
        else:
            self._waits = True
            held.append(self)

    def release(self) -> None:
        """Listen and accept; for a port that was bound before its service may answer."""
        sock = self.socket
        self._waits = False
        if sock is None:
            return
        try:
            if not self._inherited:
                sock.listen(self.backlog)
        except OSError as error:
            sock.close()
            self.socket = None
            self.connected = False
            self.reactor._ports.discard(self)
            raise self._refusal(error) from error
        self._announce()
        self.factory.doStart()
        spoken(self, self.reactor.loop.add_reader, sock.fileno(), self._accept)

    def _refusal(self, error: OSError) -> Exception:
        raise NotImplementedError

    def _announce(self) -> None:
        prefix = getattr(self.factory, "logPrefix", None)
        name = prefix() if prefix is not None else type(self.factory).__name__
        self.reactor.words.log.msg(
            eventSource=self,
            eventType="start",
            protocol=name,
            format="%(protocol)s starting on %(where)s",
            where=self._where(),
        )

    def _where(self) -> Any:
        return self._host.port

    # ---- accepting

    def _accept(self) -> None:
        sock = self.socket
        for _ in range(ACCEPTS):
            if sock is None or self.socket is not sock:
                return
            try:
                new, peer = sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(error)
                    return
                if error.errno in _GONE:
                    continue
                raise
            self._take(new, peer)

    def _pause(self, error: OSError) -> None:
        """Leave the backlog to the kernel for a while: accepting now would only lose clients."""
        assert self.socket is not None
        self.reactor.words.log.msg(
            f"{self._label()}: cannot accept, {error.strerror}; trying again in {RECOVER:g} s",
            isError=True,
        )
        self.reactor.loop.remove_reader(self.socket.fileno())
        self._retry = self.reactor.loop.call_later(RECOVER, self._resume)

    def _resume(self) -> None:
        self._retry = None
        if self.socket is not None:
            spoken(self, self.reactor.loop.add_reader, self.socket.fileno(), self._accept)

    def _take(self, new: Socket, peer: Any) -> None:
        words = self.reactor.words
        new.setblocking(False)
        try:
            address = address_of(words, new, peer)
            protocol, held = self.reactor.build(self.factory, address)
        except Exception:
            words.log.err()
            new.close()
            return
        if protocol is None:
            self.reactor.let_go(held)
            new.close()
            return
        host = address_of(words, new, new.getsockname())
        connection = self.connection_class(self.reactor, protocol, new, host, address, None)
        connection.server = self
        connection._number = self._taken
        self._taken += 1
        joined = self.reactor.own(self._attach(connection, new))
        if held:
            joined.add_done_callback(lambda _: self.reactor.let_go(held))

    async def _attach(self, connection: Any, new: Socket) -> None:
        speak(connection)
        if connection._carried():
            return
        options: dict[str, Any] = {}
        if self._context is not None:
            connection.TLS = True
            options["ssl_shutdown_timeout"] = SHUTDOWN
            options["ssl"] = self._context()
        try:
            making = self.reactor.loop.connect_accepted_socket(
                lambda: connection._wire, new, **options
            )
            await (making if options else connection._attach(making))
        except (TimeoutError, OSError) as error:
            # A failed handshake is the peer's affair; its protocol never saw a connection.
            self.reactor.words.log.msg(f"{self._label()}: a connection was refused: {error}")
            new.close()
        else:
            connection._taken_over(new)

    # ---- closing

    def stopListening(self) -> Any:
        """Close the port; the Deferred fires once it is closed."""
        if self._closed is None and self.connected:
            self.disconnecting = True
            self._closed = self.reactor.words.defer.Deferred()
            self._shut()
            self.reactor.loop.call_soon(self._finish)
        elif not self.connected:
            return self.reactor.words.defer.succeed(None)
        return self._closed

    loseConnection = stopListening

    def _shut(self) -> None:
        assert self.socket is not None
        self.reactor._ports.discard(self)
        self.reactor.loop.remove_reader(self.socket.fileno())
        if self._retry is not None:
            self._retry.cancel()
        self.socket.close()
        self.socket = None

    def _finish(self) -> None:
        self.connected = False
        self.disconnecting = False
        self.disconnected = True
        self.reactor.words.log.msg(f"({self._label()} Closed)")
        closed, self._closed = self._closed, None
        if not self._waits:
            self.reactor.guard(self.factory.doStop)
        closed.callback(None)

    def _label(self) -> str:
        return f"{self.kind} Port {self._where()}"

    def getHost(self) -> Any:
        """Return the address the port is bound to."""
        return self._host

    def logPrefix(self) -> str:
        """Return the text that marks log lines of the factory while it takes a connection."""
        kind = type(self.factory)
        return f"{kind.__module__}.{kind.__qualname__}"

    def fileno(self) -> int:
        """Return the descriptor, -1 when closed."""
        return self.socket.fileno() if self.socket is not None else -1

    def __repr__(self) -> str:
        if self.connected:
            return f"<{type(self).__name__} of {type(self.factory).__name__} on {self._where()}>"
        return f"<{type(self).__name__} of {type(self.factory).__name__} (not listening)>"


class TCPPort(Port):
    """A port of listenTCP or listenSSL."""

    def __init__(
        self,
        reactor: Reactor,
        port: int,
        factory: Any,
        backlog: int = 50,
        interface: str = "",
        context: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__(reactor, factory, backlog, context)
        self.port = port
        self.interface = interface
        if context is not None:
            self.kind = "TLS"

    @classmethod
    def adopt(cls, reactor: Reactor, sock: Socket, factory: Any) -> TCPPort:
        """Make a port of a socket that listens already."""
        self = cls(reactor, 0, factory)
        self.socket = sock
        self._inherited = True
        return self

    def _open(self) -> Socket:
        ipv6 = ":" in self.interface
        sock = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(bind_address(self.interface, self.port))
        except (OSError, OverflowError) as error:
            sock.close()
            raise self._refusal(error) from error
        return sock

    def _refusal(self, error: Any) -> Exception:
        refusal: Exception = self.reactor.words.error.CannotListenError(
            self.interface, self.port, error
        )
        return refusal


def bind_address(interface: str, port: int) -> tuple[Any, ...]:
    """Return the address to bind for an interface; an IPv6 one may name its scope after a %."""
    if ":" not in interface:
        return (interface, port)
    return tuple(
        socket.getaddrinfo(interface, port, flags=socket.AI_NUMERICHOST | socket.AI_PASSIVE)[0][4]
    )


class UNIXPort(Port):
    """A port of listenUNIX."""

    kind = "UNIX"
    connection_class = UNIXConnection

    def __init__(
        self,
        reactor: Reactor,
        address: Any,
        factory: Any,
        backlog: int = 50,
        mode: int | None = 0o666,
        wantPID: bool = False,
    ) -> None:
        super().__init__(reactor, factory, backlog)
        self.port = os.fsdecode(address)
        self.mode = mode
        self.wantPID = wantPID
        self._lock: lockfile.Lock | None = None

    @classmethod
    def adopt(cls, reactor: Reactor, sock: Socket, factory: Any) -> UNIXPort:
        """Make a port of a socket that listens already."""
        self = cls(reactor, sock.getsockname(), factory)
        self.socket = sock
        self._inherited = True
        return self

    def _open(self) -> Socket:
        path = abstract(self.port)
        if self.wantPID and not path.startswith("\0"):
            self._lock = lockfile.Lock(path + ".lock")
            if not self._lock.take():
                self._lock = None
                busy = OSError(errno.EADDRINUSE, "another process holds the lock")
                raise self._refusal(busy)
            if self._lock.was_stale:
                _remove_socket(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(path)
            if self.mode is not None and not path.startswith("\0"):
                os.chmod(path, self.mode)
        except OSError as error:
            sock.close()
            if self._lock is not None:
                self._lock.release()
            raise self._refusal(error) from error
        return sock

    def _refusal(self, error: OSError) -> Exception:
        refusal: Exception = self.reactor.words.error.CannotListenError(None, self.port, error)
        return refusal

    def _where(self) -> Any:
        return repr(self.port)

    def _finish(self) -> None:
        if not self._inherited:
            _remove_socket(abstract(self.port))
        if self._lock is not None:
            self._lock.release()
        super()._finish()


def abstract(path: str) -> str:
    """Return the path as the kernel takes it; a NUL in front means the abstract name space."""
    return path


def _remove_socket(path: str) -> None:
    if path.startswith("\0"):
        return  # a name in the abstract name space ends with its socket
    with contextlib.suppress(OSError):
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            os.unlink(path)
