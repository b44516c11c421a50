"""No method of an interface is there and does nothing: each is driven, or refuses in words."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from plait.twisted._reactor.declare import PROVIDED, declare
from plait.twisted._reactor.process import Process
from plait.twisted._reactor.tcp import TCPConnection, UNIXConnection
from plait.twisted._reactor.words import own

from . import test_datagrams, test_reactor, test_streams, test_tls
from .worlds import WORLDS, World

pytestmark = [pytest.mark.network, pytest.mark.process, pytest.mark.slow]

#: The loop's own functions once a connection is made: the echo of every test is their drive.
THE_LOOPS_OWN: set[tuple[type, str]] = {(TCPConnection, "write"), (TCPConnection, "writeSequence")}
THE_LOOPS_OWN |= {(UNIXConnection, "write"), (UNIXConnection, "writeSequence")}

#: Methods that are absent, with what their error says.
REFUSES = {
    (Process, "getHost"): "a process has no address",
    (Process, "getPeer"): "a process has no address",
}


class Watch:
    """Notes every function that is called while it watches."""

    def __init__(self) -> None:
        self.called: set[CodeType] = set()

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        """Note one call."""
        self.called.add(frame.f_code)

    def during(self, function: Callable[..., object], *args: object) -> None:
        """Call a function and watch."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            function(*args)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


def _rest_of_the_reactor(world: World, reactor: Any) -> Any:
    """Drive what no other test needs."""
    with pytest.raises(RuntimeError, match="cannot turn"):
        reactor.iterate(0)
    assert reactor.isInIOThread()
    assert reactor.getHostByName("192.0.2.1").result == "192.0.2.1"
    before = reactor.installNameResolver(reactor.nameResolver)
    reactor.installNameResolver(before)
    lookup = reactor.resolve("no-such-host.invalid")
    lookup.cancel()
    return lookup.addErrback(lambda why: why.trap(world.defer.CancelledError))


def _rest_of_a_connection(world: World, reactor: Any) -> Any:
    port = test_streams._server(world, reactor, test_streams._echo(world))
    assert repr(port)

    def connected(client: Any) -> Any:
        transport = client.transport
        transport.pauseProducing()
        transport.resumeProducing()
        assert transport.connector.getDestination().port == port.getHost().port
        assert transport.getPeerCertificate() is None
        assert transport.logPrefix()
        transport.stopProducing()
        return client.over

    return test_streams._connect(world, reactor, port, test_streams._recorder(world)).addCallback(
        connected
    )


def _disconnect(world: World, reactor: Any) -> Any:
    port = test_streams._server(world, reactor, test_streams._echo(world))

    def connected(client: Any) -> Any:
        client.transport.connector.disconnect()
        return client.over

    return test_streams._connect(world, reactor, port, test_streams._recorder(world)).addCallback(
        connected
    )


def _process(world: World, reactor: Any) -> Any:
    done = world.defer.Deferred()
    transport = reactor.spawnProcess(test_reactor._process(world, done), "/bin/cat", ["cat"])

    class Producer:
        left = 3

        def resumeProducing(self) -> None:
            self.left -= 1
            transport.writeSequence([b"x", b"y"])
            if not self.left:
                transport.unregisterProducer()

        def stopProducing(self) -> None: ...

    transport.registerProducer(Producer(), False)
    transport.pauseProducing()
    transport.resumeProducing()
    for refused in (transport.getHost, transport.getPeer):
        with pytest.raises(NotImplementedError, match="no address"):
            refused()

    def close() -> None:
        assert transport.producer is None
        transport.closeStdin()
        transport.closeStdout()
        transport.closeStderr()
        transport.stopProducing()

    reactor.callLater(0.1, close)
    return done


def _unix(world: World, reactor: Any, path: str) -> Any:
    reactor.listenUNIX(path, test_tls._echo(world))
    client = test_streams._recorder(world)

    class Factory(world.protocol.ClientFactory):  # type: ignore[misc, name-defined]
        noisy = False

        def buildProtocol(self, addr: Any) -> Any:
            return client

    connector = reactor.connectUNIX(path, Factory())
    assert connector.getDestination().name == path.encode()

    def made() -> Any:
        client.transport.sendFileDescriptor(client.transport.fileno())
        assert client.transport.getHandle().fileno() == client.transport.fileno()
        assert client.transport.getPeer() != client.transport.getHost()

        class Producer:
            def resumeProducing(self) -> None: ...

            def pauseProducing(self) -> None: ...

            def stopProducing(self) -> None: ...

        client.transport.registerProducer(Producer(), True)
        client.transport.pauseProducing()
        client.transport.resumeProducing()
        client.transport.unregisterProducer()
        client.transport.stopProducing()

    reactor.callLater(0.05, made)
    return client.over


def _datagrams(world: World, reactor: Any, folder: Path) -> Any:
    port = reactor.listenUDP(0, test_datagrams._protocol(world), interface="127.0.0.1")
    assert port.getHandle().fileno() == port.fileno()
    assert port.logPrefix()
    local = reactor.listenUNIXDatagram(str(folder / "d"), test_datagrams._protocol(world))
    assert local.getHost().name == str(folder / "d").encode()
    assert local.getHandle().fileno() == local.fileno()
    port.loseConnection()
    return local.stopListening()


def _drive(watch: Watch, folder: Path) -> None:
    world = WORLDS["own"]
    for module in (test_streams, test_datagrams, test_reactor):
        for name, test in vars(module).items():
            if not name.startswith("test_") or name == "test_much_data_arrives_whole":
                continue
            place = folder / str(len(list(folder.iterdir())))  # a socket's path has to be short
            place.mkdir()
            extra = (place,) if "tmp_path" in test.__code__.co_varnames[:2] else ()
            watch.during(test, world, *extra)
    for body in (_rest_of_the_reactor, _rest_of_a_connection, _disconnect, _process):
        watch.during(world.run, body)
    watch.during(world.run, _unix, str(folder / "socket"))
    watch.during(world.run, _datagrams, folder)
    for adopted in (
        test_tls.test_a_port_made_elsewhere_is_adopted,
        test_tls.test_a_datagram_port_made_elsewhere_is_adopted,
    ):
        watch.during(adopted, world)


def test_every_declared_method_is_driven(tmp_path: Path, tmp_path_factory: Any) -> None:
    """Each method of each interface our classes provide is called against a real peer."""
    declare(own())
    watch = Watch()
    _drive(watch, tmp_path)
    files = test_tls.files.__wrapped__(tmp_path_factory)  # type: ignore[attr-defined]
    for secure in (
        test_tls.test_bytes_over_tls,
        test_tls.test_start_tls_in_the_middle,
        test_tls.test_an_application_protocol_is_negotiated,
    ):
        watch.during(secure, WORLDS["own"], files)
    missing = []
    words = own().interfaces
    for cls, names in (*PROVIDED, (Process, ("IProcessTransport", "IConsumer"))):
        for interface in (getattr(words, name) for name in names):
            for name in interface.names(all=True):
                found = getattr(cls, name, None)
                code = getattr(found, "__code__", None)
                if isinstance(found, property):
                    code = found.fget.__code__ if found.fget is not None else None
                if code is None or (cls, name) in THE_LOOPS_OWN or code in watch.called:
                    continue
                missing.append(f"{cls.__name__}.{name} of {interface.__name__}")
    assert not missing, "\n".join(missing)


def test_every_declared_method_is_there() -> None:
    """verifyObject finds every interface our transports declare fulfilled by their classes."""
    declare(own())
    words = own().interfaces
    for cls, names in PROVIDED:
        for name in names:
            interface = getattr(words, name)
            assert interface.implementedBy(cls)
            for method in interface.names(all=True):
                attribute = hasattr(cls, method) or (cls, method) in THE_LOOPS_OWN
                in_instance = method in ("running", "name", "write", "writeSequence")
                assert attribute or in_instance, f"{cls.__name__} lacks {method} of {name}"


def test_what_is_absent_says_so() -> None:
    """The errors of absent methods say what is missing."""
    for (cls, name), text in REFUSES.items():
        with pytest.raises(NotImplementedError, match=text):
            getattr(cls, name)(*([None] * getattr(cls, name).__code__.co_argcount))
