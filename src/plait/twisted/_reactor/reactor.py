"""The reactor: Twisted's face of an asyncio event loop."""

from __future__ import annotations

import asyncio
import contextvars
import os
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from .clock import DelayedCall
from .connect import TCPConnector, UNIXConnector
from .fdset import FdSetMixin
from .life import LifeMixin, SystemEvent
from .listen import TCPPort, UNIXPort
from .multicast import MulticastPort
from .resolve import ResolveMixin
from .speaker import speak
from .tcp import TCPConnection, UNIXConnection, address_of
from .udp import UDPPort
from .unixdatagram import ConnectedUNIXDatagramPort, UNIXDatagramPort
from .wire import Wire
from .words import Words

LoopSource = Callable[[], asyncio.AbstractEventLoop]


def new_loop() -> asyncio.AbstractEventLoop:
    """Return the running loop, or the one that the runner uses or is going to use."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        from plait.runner import the_loop

        return the_loop()


class Reactor(LifeMixin, FdSetMixin, ResolveMixin):
    """
    Everything `twisted.internet.reactor` offers, on an asyncio loop.

    The loop is made at first use and need not run yet: ports bind and listen at once, delayed
    calls and tasks wait for the loop.

    Args:
        words:
            The vocabulary: whose Deferred, Failure, errors, addresses and interfaces.
        loop_source:
            Called once for the loop.
    """

    def __init__(self, words: Words, loop_source: LoopSource = new_loop) -> None:
        self.words = words
        self.loop_source = loop_source
        self._loop: asyncio.AbstractEventLoop | None = None
        self._epoch = 0.0
        self.running = False
        self._started = False
        self._stopping = False
        self._driven: Callable[[], object] | None = None
        self._events: dict[str, SystemEvent] = {}
        self._delayed: set[DelayedCall] = set()
        self._connections: set[Any] = set()
        self._ports: set[Any] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._readers: dict[Any, int] = {}
        self._writers: dict[Any, int] = {}
        self._names: Any = None
        self._simple: Any = None
        self._idents = [threading.get_ident()]
        self._held_ports: list[Any] | None = None
        self._pool: Any = None
        self._pool_size = 10
        self.usingThreads = True

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop, made at first use, and anew once it is closed."""
        if self._loop is None or self._loop.is_closed():
            self._loop = self.loop_source()
            self._epoch = time.time() - self._loop.time()
            if self._loop.get_exception_handler() is None:
                self._loop.set_exception_handler(self._on_loop_error)
        return self._loop

    # Programs that mix asyncio and Twisted look for this name on the asyncio reactor.
    @property
    def _asyncioEventloop(self) -> asyncio.AbstractEventLoop:
        return self.loop

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what the loop reports, as Twisted logs an exception in a protocol."""
        error = context.get("exception")
        if error is None:
            self.words.log.msg(context.get("message", "error in the event loop"), isError=True)
            return
        failure = self.words.failure(error, type(error), error.__traceback__)
        wire = context.get("protocol")
        if isinstance(wire, Wire):
            self.words.log.err(failure, system=wire.connection.logPrefix())
        else:
            self.words.log.err(failure, context.get("message"))

    def own(self, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine of ours as a task in a context of its own; what it raises is logged."""
        task = self.loop.create_task(coro, context=contextvars.copy_context())
        self._tasks.add(task)
        task.add_done_callback(self._owned)
        return task

    def _owned(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                self.words.log.err(self.words.failure(error, type(error), error.__traceback__))

    def disconnectAll(self) -> None:
        """Close every port and connection; protocols hear of a ConnectionLost."""
        for port in list(self._ports):
            port.stopListening()
        for connection in list(self._connections):
            connection._reason = self.words.error.ConnectionLost()
            connection._transport.abort()
        self.removeAll()

    # ---- threads

    def getThreadPool(self) -> Any:
        """Return the thread pool, started, making it first if need be."""
        if self._pool is None:
            from .threads import Pool

            self._pool = Pool(self.words, 0, self._pool_size, "reactor")
            self._pool.start()
            self.addSystemEventTrigger("during", "shutdown", self._stop_pool)
        return self._pool

    @property
    def threadpool(self) -> Any:
        """The thread pool, None before the first use."""
        return self._pool

    def _stop_pool(self) -> None:
        # The threads are daemons: one that hangs must not hold the end of the process.
        pool, self._pool = self._pool, None
        if pool is not None:
            threading.Thread(target=pool.stop, daemon=True).start()

    def callInThread(self, callable: Callable[..., object], *args: object, **kw: object) -> None:
        """Run a function in a thread of the pool."""
        self.getThreadPool().callInThread(callable, *args, **kw)

    def suggestThreadPoolSize(self, size: int) -> None:
        """Set how many threads the pool may have."""
        self._pool_size = size
        if self._pool is not None:
            self._pool.adjustPoolsize(maxthreads=size)

    def isInIOThread(self) -> bool:
        """Tell whether this is the loop's thread."""
        return threading.get_ident() == self._idents[0]

    # ---- TCP

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> TCPPort:
        """Listen on a TCP port; port 0 lets the kernel choose."""
        listening = TCPPort(self, port, factory, backlog, interface)
        listening.startListening()
        return listening

    def connectTCP(
        self,
        host: str,
        port: int | str,
        factory: Any,
        timeout: float | None = 30,
        bindAddress: Any = None,
    ) -> TCPConnector:
        """Connect to a TCP port; the factory hears of success and failure."""
        connector = TCPConnector(self, host, port, factory, timeout, bindAddress)
        connector.connect()
        return connector

    # ---- TLS

    def listenSSL(
        self,
        port: int,
        factory: Any,
        contextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> TCPPort:
        """Listen on a TCP port and speak TLS on its connections."""
        factory, context = self.words.tls.wrap_server(self, factory, contextFactory)
        listening = TCPPort(self, port, factory, backlog, interface, context)
        listening.startListening()
        return listening

    def connectSSL(
        self,
        host: str,
        port: int | str,
        factory: Any,
        contextFactory: Any,
        timeout: float | None = 30,
        bindAddress: Any = None,
    ) -> TCPConnector:
        """Connect to a TCP port and speak TLS."""
        factory, context = self.words.tls.wrap_client(self, factory, contextFactory)
        connector = TCPConnector(self, host, port, factory, timeout, bindAddress, context)
        connector.connect()
        return connector

    # ---- UNIX

    def listenUNIX(
        self,
        address: Any,
        factory: Any,
        backlog: int = 50,
        mode: int | None = 0o666,
        wantPID: bool = False,
    ) -> UNIXPort:
        """Listen on a UNIX socket; with wantPID a lock beside it guards it."""
        listening = UNIXPort(self, address, factory, backlog, mode, bool(wantPID))
        listening.startListening()
        return listening

    def connectUNIX(
        self, address: Any, factory: Any, timeout: float | None = 30, checkPID: bool = False
    ) -> UNIXConnector:
        """Connect to a UNIX socket; with checkPID only while its lock is held."""
        connector = UNIXConnector(self, address, factory, timeout, bool(checkPID))
        connector.connect()
        return connector

    # ---- datagrams

    def listenUDP(
        self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192
    ) -> UDPPort:
        """Bind a UDP port."""
        listening = UDPPort(self, port, protocol, interface, maxPacketSize)
        listening.startListening()
        return listening

    def listenMulticast(
        self,
        port: int,
        protocol: Any,
        interface: str = "",
        maxPacketSize: int = 8192,
        listenMultiple: bool = False,
    ) -> MulticastPort:
        """Bind a UDP port that may join multicast groups, alone or shared (listenMultiple)."""
        listening = MulticastPort(
            self, port, protocol, interface, maxPacketSize, bool(listenMultiple)
        )
        listening.startListening()
        return listening

    def listenUNIXDatagram(
        self, address: Any, protocol: Any, maxPacketSize: int = 8192, mode: int | None = 0o666
    ) -> UNIXDatagramPort:
        """Bind a UNIX datagram socket."""
        listening = UNIXDatagramPort(self, address, protocol, maxPacketSize, mode)
        listening.startListening()
        return listening

    def connectUNIXDatagram(
        self,
        address: Any,
        protocol: Any,
        maxPacketSize: int = 8192,
        mode: int | None = 0o666,
        bindAddress: Any = None,
    ) -> ConnectedUNIXDatagramPort:
        """Connect a UNIX datagram socket to another."""
        connected = ConnectedUNIXDatagramPort(
            self, bindAddress, protocol, maxPacketSize, mode, address
        )
        connected.startListening()
        return connected

    # ---- descriptors from elsewhere

    def _adopted(self, fd: int, family: int, kinds: tuple[int, ...], kind: int) -> socket.socket:
        if family not in kinds:
            raise self.words.error.UnsupportedAddressFamily(family)
        return socket.socket(family, kind, fileno=os.dup(fd))

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """Accept on a socket that listens already; the descriptor is duplicated."""
        families = (socket.AF_INET, socket.AF_INET6, getattr(socket, "AF_UNIX", -1))
        sock = self._adopted(fileDescriptor, addressFamily, families, socket.SOCK_STREAM)
        port: Any
        if addressFamily in (socket.AF_INET, socket.AF_INET6):
            port = TCPPort.adopt(self, sock, factory)
        else:
            port = UNIXPort.adopt(self, sock, factory)
        port.startListening()
        return port

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """Serve a connection that exists already; the descriptor is duplicated."""
        families = (socket.AF_INET, socket.AF_INET6, getattr(socket, "AF_UNIX", -1))
        sock = self._adopted(fileDescriptor, addressFamily, families, socket.SOCK_STREAM)
        sock.setblocking(False)
        peer = address_of(self.words, sock, sock.getpeername())
        host = address_of(self.words, sock, sock.getsockname())
        protocol = factory.buildProtocol(peer)
        if protocol is None:
            sock.close()
            return None
        kind = TCPConnection if addressFamily != families[2] else UNIXConnection
        connection = kind(self, protocol, sock, host, peer, None)
        connection.server = self
        self.own(self._serve(connection, sock))
        return connection

    async def _serve(self, connection: Any, sock: socket.socket) -> None:
        speak(connection)
        if connection._carried():
            return
        await connection._attach(self.loop.connect_accepted_socket(lambda: connection._wire, sock))
        connection._taken_over(sock)

    def adoptDatagramPort(
        self, fileDescriptor: int, addressFamily: int, protocol: Any, maxPacketSize: int = 8192
    ) -> UDPPort:
        """Serve a bound UDP socket; the descriptor is duplicated."""
        families = (socket.AF_INET, socket.AF_INET6)
        sock = self._adopted(fileDescriptor, addressFamily, families, socket.SOCK_DGRAM)
        port = UDPPort.adopt(self, sock, protocol, maxPacketSize)
        port.startListening()
        return port

    # ---- processes

    def spawnProcess(
        self,
        processProtocol: Any,
        executable: Any,
        args: Any = (),
        env: Any = {},  # noqa: B006 - an empty environment is Twisted's default, never changed
        path: Any = None,
        uid: int | None = None,
        gid: int | None = None,
        usePTY: Any = False,
        childFDs: dict[int, Any] | None = None,
    ) -> Any:
        """Start a child process whose output and end the protocol hears of."""
        from .process import Process, default_environment

        if usePTY and childFDs is not None:
            raise ValueError("Using childFDs is not supported with usePTY=True.")
        kind = Process
        if usePTY:
            from .pty import PTYProcess

            kind = PTYProcess
        return kind(
            self,
            processProtocol,
            executable,
            args or (executable,),
            default_environment(env),
            path,
            (uid, gid),
            usePTY,
            childFDs,
        )

    def __repr__(self) -> str:
        return f"<plait reactor, {'running' if self.running else 'not running'}>"
