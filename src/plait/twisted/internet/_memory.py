"""A reactor that only remembers what it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zope.interface import implementer

from . import interfaces
from ._looping import Clock
from .address import HostnameAddress, IPv4Address, UNIXAddress
from .defer import Deferred, succeed

__all__ = ["MemoryReactor", "MemoryReactorClock", "RaisingMemoryReactor"]


@implementer(interfaces.IListeningPort)
class _Port:
    """The port that listening returns."""

    def __init__(self, address: Any) -> None:
        self._address = address
        self.listening = False

    def startListening(self) -> None:
        self.listening = True

    def stopListening(self) -> None:
        self.listening = False

    def getHost(self) -> Any:
        return self._address


@implementer(interfaces.IConnector)
class _Connector:
    """The connector that connecting returns."""

    stoppedConnecting = False

    def __init__(self, address: Any) -> None:
        self._address = address
        self._connected = False

    def stopConnecting(self) -> None:
        self.stoppedConnecting = True

    def disconnect(self) -> None:
        self._connected = False

    def connect(self) -> None:
        self._connected = True

    def getDestination(self) -> Any:
        return self._address


@implementer(
    interfaces.IReactorCore,
    interfaces.IReactorTCP,
    interfaces.IReactorSSL,
    interfaces.IReactorUNIX,
    interfaces.IReactorSocket,
    interfaces.IReactorFDSet,
)
class MemoryReactor:
    """A reactor that keeps the arguments of each call in a list, and does nothing else."""

    def __init__(self) -> None:
        self.hasInstalled = False
        self.running = False
        self.hasRun = self.hasStopped = self.hasCrashed = False
        self.whenRunningHooks: list[Any] = []
        self.triggers: dict[str, dict[str, list[Any]]] = {}
        self.tcpClients: list[Any] = []
        self.tcpServers: list[Any] = []
        self.sslClients: list[Any] = []
        self.sslServers: list[Any] = []
        self.unixClients: list[Any] = []
        self.unixServers: list[Any] = []
        self.adoptedPorts: list[Any] = []
        self.adoptedStreamConnections: list[Any] = []
        self.connectors: list[Any] = []
        self.readers: set[Any] = set()
        self.writers: set[Any] = set()

    def install(self) -> None:
        """Note it."""
        self.hasInstalled = True

    def resolve(self, name: str, timeout: Any = 10) -> Deferred[str]:
        """Resolve every name to 0.0.0.0."""
        return succeed("0.0.0.0")

    def run(self) -> None:
        """Run the hooks of the start, and return."""
        self.running = True
        self.hasRun = True
        for hook, args, kw in self.whenRunningHooks:
            hook(*args, **kw)
        self.stop()

    def stop(self) -> None:
        """Note it."""
        self.running = False
        self.hasStopped = True

    def crash(self) -> None:
        """Note it."""
        self.running = False
        self.hasCrashed = True

    def iterate(self, delay: float = 0) -> None:
        """Do nothing: there is never anything to do."""

    def fireSystemEvent(self, eventType: str) -> None:
        """Run the triggers of an event, in the order of their phases."""
        for phase in ("before", "during", "after"):
            for call, args, kw in self.triggers.get(phase, {}).get(eventType, []):
                call(*args, **kw)

    def addSystemEventTrigger(
        self, phase: str, eventType: str, callable: Callable[..., Any], *args: Any, **kw: Any
    ) -> Any:
        """Keep a trigger; return what removes it."""
        entry = (callable, args, kw)
        self.triggers.setdefault(phase, {}).setdefault(eventType, []).append(entry)
        return phase, eventType, entry

    def removeSystemEventTrigger(self, triggerID: Any) -> None:
        """Forget a trigger."""
        phase, eventType, entry = triggerID
        self.triggers[phase][eventType].remove(entry)

    def callWhenRunning(self, callable: Callable[..., Any], *args: Any, **kw: Any) -> None:
        """Call now if it runs, and at the start if not."""
        if self.running:
            callable(*args, **kw)
        else:
            self.whenRunningHooks.append((callable, args, kw))

    def _port(self, address: Any) -> _Port:
        port = _Port(address)
        port.startListening()
        return port

    def _connector(self, address: Any, factory: Any) -> _Connector:
        connector = _Connector(address)
        factory.startedConnecting(connector)
        self.connectors.append(connector)
        return connector

    def _address(self, host: str, port: int) -> Any:
        if host.replace(".", "").isdigit():
            return IPv4Address("TCP", host, port)
        return HostnameAddress(host.encode("ascii"), port)

    def adoptStreamPort(self, fileno: int, addressFamily: Any, factory: Any) -> _Port:
        """Keep the arguments; return a port."""
        self.adoptedPorts.append((fileno, addressFamily, factory))
        return self._port(IPv4Address("TCP", "0.0.0.0", 1234))

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: Any, factory: Any) -> None:
        """Keep the arguments."""
        self.adoptedStreamConnections.append((fileDescriptor, addressFamily, factory))

    def adoptDatagramPort(
        self, fileDescriptor: int, addressFamily: Any, protocol: Any, maxPacketSize: int = 8192
    ) -> _Port:
        """Keep the arguments; return a port."""
        self.adoptedPorts.append((fileDescriptor, addressFamily, protocol))
        return self._port(IPv4Address("UDP", "0.0.0.0", 1234))

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> _Port:
        """Keep the arguments; return a port."""
        self.tcpServers.append((port, factory, backlog, interface))
        return self._port(IPv4Address("TCP", "0.0.0.0", port))

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None
    ) -> _Connector:
        """Keep the arguments; return a connector."""
        self.tcpClients.append((host, port, factory, timeout, bindAddress))
        return self._connector(self._address(host, port), factory)

    def listenSSL(
        self,
        port: int,
        factory: Any,
        contextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> _Port:
        """Keep the arguments; return a port."""
        self.sslServers.append((port, factory, contextFactory, backlog, interface))
        return self._port(IPv4Address("TCP", "0.0.0.0", port))

    def connectSSL(
        self,
        host: str,
        port: int,
        factory: Any,
        contextFactory: Any,
        timeout: float = 30,
        bindAddress: Any = None,
    ) -> _Connector:
        """Keep the arguments; return a connector."""
        self.sslClients.append((host, port, factory, contextFactory, timeout, bindAddress))
        return self._connector(self._address(host, port), factory)

    def listenUNIX(
        self, address: Any, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: Any = 0
    ) -> _Port:
        """Keep the arguments; return a port."""
        self.unixServers.append((address, factory, backlog, mode, wantPID))
        return self._port(UNIXAddress(address))

    def connectUNIX(
        self, address: Any, factory: Any, timeout: float = 30, checkPID: Any = 0
    ) -> _Connector:
        """Keep the arguments; return a connector."""
        self.unixClients.append((address, factory, timeout, checkPID))
        return self._connector(UNIXAddress(address), factory)

    def addReader(self, reader: Any) -> None:
        """Keep a reader."""
        self.readers.add(reader)

    def removeReader(self, reader: Any) -> None:
        """Forget a reader."""
        self.readers.discard(reader)

    def addWriter(self, writer: Any) -> None:
        """Keep a writer."""
        self.writers.add(writer)

    def removeWriter(self, writer: Any) -> None:
        """Forget a writer."""
        self.writers.discard(writer)

    def removeAll(self) -> list[Any]:
        """Forget all readers and writers; return them."""
        found = [*self.readers, *self.writers]
        self.readers.clear()
        self.writers.clear()
        return found

    def getReaders(self) -> list[Any]:
        """Return the readers."""
        return list(self.readers)

    def getWriters(self) -> list[Any]:
        """Return the writers."""
        return list(self.writers)


class MemoryReactorClock(MemoryReactor, Clock):
    """A reactor that only remembers, with a clock that stands still."""

    def __init__(self) -> None:
        MemoryReactor.__init__(self)
        Clock.__init__(self)


class RaisingMemoryReactor(MemoryReactor):
    """
    A reactor that raises.

    Args:
        listenException: What every attempt to listen raises.
        connectException: What every attempt to connect raises.
    """

    def __init__(
        self,
        listenException: Exception | None = None,
        connectException: Exception | None = None,
    ) -> None:
        super().__init__()
        self._listenException = listenException
        self._connectException = connectException

    def _port(self, address: Any) -> _Port:
        if self._listenException is not None:
            raise self._listenException
        return super()._port(address)

    def _connector(self, address: Any, factory: Any) -> _Connector:
        if self._connectException is not None:
            raise self._connectException
        return super()._connector(address, factory)
