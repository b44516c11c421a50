"""
Datagram ports: UDP, multicast and UNIX.

These read and write their sockets themselves. `listenUDP` binds at once and may be called before
the loop runs, and a program wants the error of a send from the send; the loop's own datagram
transport offers neither, and is not faster.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any

from .listen import bind_address
from .speaker import spoken

# The classes below have an attribute `socket`, which hides the module in their annotations.
Socket = socket.socket

if TYPE_CHECKING:
    from .reactor import Reactor

# Datagrams taken in one turn of the loop.
BURST = 128
# How often to look again, at most, when there was nothing.
EAGER = 4
# Peers whose address was checked, remembered so that a reply need not be checked again.
KNOWN = 4096


class DatagramPort:
    """A datagram socket of any family, and the transport of its protocol."""

    connected = False
    disconnected = False
    socket: Socket | None = None
    kind = "UDP"
    _turns = 0
    _eager = 0

    def __init__(self, reactor: Reactor, protocol: Any, maxPacketSize: int) -> None:
        self.reactor = reactor
        self.protocol = protocol
        self.maxPacketSize = maxPacketSize
        self._closed: Any = None
        self._host: Any = None
        self._connectedAddr: Any = None
        self._adopted = False

    def _open(self) -> Socket:
        raise NotImplementedError

    def startListening(self) -> None:
        """Bind the socket, start the protocol and read on the loop."""
        sock = self.socket if self._adopted and self.socket is not None else self._open()
        sock.setblocking(False)
        self.socket = sock
        self.reactor._ports.add(self)
        self._host = self._address(sock.getsockname())
        self.connected = True
        self.disconnected = False
        self._start()
        self.reactor.words.log.msg(
            eventSource=self,
            eventType="start",
            protocol=self._name(),
            format="%(protocol)s starting on %(where)s",
            where=self._where(),
        )
        spoken(self, self.reactor.loop.add_reader, sock.fileno(), self._readable)
        try:
            self.protocol.makeConnection(self)
        except BaseException:
            # Nobody has the port: the caller hears of the error alone.
            self.reactor.loop.remove_reader(sock.fileno())
            self.reactor._ports.discard(self)
            sock.close()
            self.socket = None
            self.connected = False
            raise

    def _start(self) -> None:
        """Do what a kind of port needs before its protocol begins."""

    def _address(self, raw: Any) -> Any:
        raise NotImplementedError

    def _where(self) -> Any:
        return self._host.port

    # ---- reading

    def _readable(self) -> None:
        sock = self.socket
        if sock is None:
            return
        size = self.maxPacketSize
        received = self._receiver()
        # Until there is no more; and where that has paid, look once more or twice: a peer on
        # another processor has often sent its next datagram before the loop would have gone to
        # sleep and been woken again.
        misses = caught = 0
        for _ in range(BURST):
            try:
                data, peer = sock.recvfrom(size)
            except (BlockingIOError, InterruptedError):
                misses += 1
                if misses > self._eager:
                    break
                continue
            except OSError as error:
                self._receive_error(error)
                return
            if misses:
                caught, misses = 1, 0
            try:
                received(data, peer)
            except Exception:
                self.reactor.words.log.err()
            if self.socket is not sock:
                return
        self._turns += 1
        if caught or not self._turns & 63:
            self._eager = EAGER
        elif self._eager:
            self._eager -= 1

    def _receiver(self) -> Any:
        """Return what takes a datagram and its sender's address."""
        return self.protocol.datagramReceived

    def _receive_error(self, error: OSError) -> None:
        if error.errno == errno.ECONNREFUSED:
            if self._connectedAddr is not None:
                self.reactor.guard(self.protocol.connectionRefused)
            return
        self.reactor.words.log.err()

    # ---- writing

    def _send(self, datagram: bytes, address: Any) -> Any:
        """Send one datagram; a full socket drops it, as UDP may."""
        assert self.socket is not None
        while True:
            try:
                if address is None:
                    return self.socket.send(datagram)
                return self.socket.sendto(datagram, address)
            except BlockingIOError:
                return None
            except InterruptedError:
                continue
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    raise self.reactor.words.error.MessageLengthError("message too long") from error
                if error.errno == errno.ECONNREFUSED:
                    if self._connectedAddr is not None:
                        self.protocol.connectionRefused()
                    return None
                raise

    # ---- closing

    def stopListening(self) -> Any:
        """Close the port; the Deferred fires once it is closed."""
        if self.socket is None:
            return self._closed if self._closed is not None else _none(self)
        self.reactor.loop.remove_reader(self.socket.fileno())
        self.reactor._ports.discard(self)
        self.socket.close()
        self.socket = None
        self.connected = False
        self._closed = self.reactor.words.defer.Deferred()
        self.reactor.loop.call_soon(self._finish)
        return self._closed

    loseConnection = stopListening

    def _finish(self) -> None:
        self.disconnected = True
        self.reactor.words.log.msg(f"({self.kind} Port {self._where()} Closed)")
        closed, self._closed = self._closed, None
        self.reactor.guard(self.protocol.doStop)
        closed.callback(None)

    def getHost(self) -> Any:
        """Return the address the port is bound to."""
        return self._host

    def getHandle(self) -> Any:
        """Return the socket."""
        return self.socket

    def fileno(self) -> int:
        """Return the descriptor, -1 when closed."""
        return self.socket.fileno() if self.socket is not None else -1

    def logPrefix(self) -> str:
        """Return the text that marks log lines of this port."""
        return f"{self._name()} ({self.kind})"

    def _name(self) -> str:
        name = getattr(self.protocol, "logPrefix", None)
        return str(name()) if name is not None else type(self.protocol).__name__

    def __repr__(self) -> str:
        name = type(self.protocol).__name__
        return f"<{name} on {self._where()}>" if self.connected else f"<{name} not connected>"


def _none(port: DatagramPort) -> Any:
    return port.reactor.words.defer.succeed(None)


class UDPPort(DatagramPort):
    """The transport of a UDP protocol."""

    def __init__(
        self,
        reactor: Reactor,
        port: int,
        protocol: Any,
        interface: str = "",
        maxPacketSize: int = 8192,
    ) -> None:
        super().__init__(reactor, protocol, maxPacketSize)
        self.port = port
        self.interface = interface
        self._known: set[str] = {"<broadcast>"}

    @classmethod
    def adopt(cls, reactor: Reactor, sock: Socket, protocol: Any, maxPacketSize: int) -> UDPPort:
        """Make a port of a bound socket."""
        self = cls(reactor, 0, protocol, sock.getsockname()[0], maxPacketSize)
        self.socket = sock
        self._adopted = True
        return self

    def _open(self) -> Socket:
        ipv6 = ":" in self.interface
        sock = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._prepare(sock)
            sock.bind(bind_address(self.interface, self.port))
        except (OSError, OverflowError) as error:
            sock.close()
            raise self.reactor.words.error.CannotListenError(
                self.interface, self.port, error
            ) from error
        return sock

    def _prepare(self, sock: Socket) -> None:
        """Set options before the socket is bound."""

    def _address(self, raw: Any) -> Any:
        words = self.reactor.words.address
        if len(raw) == 2:
            return words.IPv4Address("UDP", *raw)
        return words.IPv6Address("UDP", *raw)

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> Any:
        """
        Send a datagram.

        Args:
            datagram:
                The bytes.
            addr:
                IP address and port; None on a connected port.
        """
        if self._connectedAddr is not None:
            if addr is not None and tuple(addr) != tuple(self._connectedAddr):
                raise AssertionError(
                    f"the port is connected to {self._connectedAddr} and cannot send to {addr}"
                )
            return self._send(datagram, None)
        if addr is None:
            return self._send(datagram, None)
        try:
            known = addr[0] in self._known
        except TypeError:
            known = False
        if not known:
            self._check(addr[0])
        return self._send(datagram, addr)

    def _check(self, host: Any) -> None:
        error = self.reactor.words.error
        text = host.split("%")[0] if isinstance(host, str) else host
        family = socket.AF_INET6 if isinstance(text, str) and ":" in text else socket.AF_INET
        try:
            socket.inet_pton(family, text)
        except (OSError, TypeError):
            raise error.InvalidAddressError(
                host, "write() only accepts IP addresses, not hostnames"
            ) from None
        if self._host is not None and (family == socket.AF_INET6) != (":" in self._host.host):
            kinds = ("IPv6", "IPv4") if family == socket.AF_INET else ("IPv4", "IPv6")
            raise error.InvalidAddressError(
                host, f"{kinds[0]} port write() called with {kinds[1]} address"
            )
        if len(self._known) < KNOWN:
            self._known.add(host)

    def writeSequence(self, seq: Any, addr: Any) -> None:
        """Send the pieces as one datagram."""
        self.write(b"".join(seq), addr)

    def connect(self, host: str, port: int) -> None:
        """Talk to one peer only, and hear of its refusals."""
        if self._connectedAddr is not None:
            raise RuntimeError("already connected, reconnecting is not currently supported")
        self._check(host)
        assert self.socket is not None
        self._connectedAddr = (host, port)
        self.socket.connect((host, port))

    def setBroadcastAllowed(self, enabled: bool) -> None:
        """Say whether datagrams may be sent to a broadcast address."""
        assert self.socket is not None
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, enabled)

    def getBroadcastAllowed(self) -> bool:
        """Tell whether datagrams may be sent to a broadcast address."""
        assert self.socket is not None
        return bool(self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST))
