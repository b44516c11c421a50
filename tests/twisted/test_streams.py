"""Stream connections: the same program on our transports and on Twisted's own."""

from __future__ import annotations

import hashlib
import socket
from typing import Any

import pytest

from .worlds import World, worlds

pytestmark = pytest.mark.network


def _server(world: World, reactor: Any, kind: Any) -> Any:
    factory = world.protocol.Factory.forProtocol(kind)
    factory.noisy = False
    return reactor.listenTCP(0, factory, interface="127.0.0.1")


def _connect(world: World, reactor: Any, port: Any, protocol: Any) -> Any:
    endpoint = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    return world.endpoints.connectProtocol(endpoint, protocol)


def _recorder(world: World) -> Any:
    """Return a client protocol that keeps what happens, and fires `over` at its end."""

    class Recorder(world.protocol.Protocol):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.data = b""
            self.over = world.defer.Deferred()
            self.wanted = -1
            self.enough = world.defer.Deferred()

        def want(self, size: int) -> Any:
            self.wanted = size
            self._check()
            return self.enough

        def _check(self) -> None:
            if 0 <= self.wanted <= len(self.data) and not self.enough.called:
                self.enough.callback(self)

        def dataReceived(self, data: bytes) -> None:
            self.data += data
            self._check()

        def connectionLost(self, reason: Any = None) -> None:
            self.reason = reason
            self.over.callback(self)

    return Recorder()


def _echo(world: World) -> Any:
    class Echo(world.protocol.Protocol):  # type: ignore[misc, name-defined]
        def dataReceived(self, data: bytes) -> None:
            self.transport.write(data)

    return Echo


@worlds
def test_what_is_written_comes_back(world: World) -> None:
    """Bytes written in pieces come back whole and in order."""

    def body(world: World, reactor: Any) -> Any:
        port = _server(world, reactor, _echo(world))

        def connected(client: Any) -> Any:
            client.transport.write(b"one ")
            client.transport.writeSequence([b"two ", b"three"])
            return client.want(13)

        return _connect(world, reactor, port, _recorder(world)).addCallback(connected)

    assert world.run(body).data == b"one two three"


@worlds
def test_addresses_of_both_sides(world: World) -> None:
    """Each side's host is the other side's peer."""

    def body(world: World, reactor: Any) -> Any:
        seen: dict[str, Any] = {}

        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                seen["server"] = (self.transport.getHost(), self.transport.getPeer())
                self.transport.write(b"x")

        def connected(client: Any) -> Any:
            seen["client"] = (client.transport.getPeer(), client.transport.getHost())
            return client.want(1).addCallback(lambda _client: seen)

        port = _server(world, reactor, Server)
        return _connect(world, reactor, port, _recorder(world)).addCallback(connected)

    seen = world.run(body)
    assert seen["server"] == seen["client"]
    assert seen["server"][0].type == "TCP"


@worlds
def test_a_closed_connection_is_done(world: World) -> None:
    """Both sides of a connection that one closes hear of ConnectionDone."""

    def body(world: World, reactor: Any) -> Any:
        ends: list[Any] = []

        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.transport.write(b"bye")
                self.transport.loseConnection()

            def connectionLost(self, reason: Any = None) -> None:
                ends.append(reason.type)

        def over(client: Any) -> Any:
            return client.data, client.reason.type, ends

        port = _server(world, reactor, Server)
        d = _connect(world, reactor, port, _recorder(world))
        return d.addCallback(lambda client: client.over).addCallback(over)

    data, reason, ends = world.run(body)
    assert data == b"bye"
    assert reason is world.error.ConnectionDone
    assert ends in ([], [world.error.ConnectionDone])


@worlds
def test_written_after_close_in_the_same_turn(world: World) -> None:
    """What is written after loseConnection, before the loop turns, still goes out."""

    def body(world: World, reactor: Any) -> Any:
        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.transport.write(b"1")
                self.transport.loseConnection()
                self.transport.write(b"2")

        port = _server(world, reactor, Server)
        d = _connect(world, reactor, port, _recorder(world))
        return d.addCallback(lambda client: client.over)

    assert world.run(body).data == b"12"


@worlds
def test_an_aborted_connection(world: World) -> None:
    """The side that aborts hears of ConnectionAborted, the other of ConnectionLost."""

    def body(world: World, reactor: Any) -> Any:
        done = world.defer.Deferred()

        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def dataReceived(self, data: bytes) -> None:
                self.transport.abortConnection()

            def connectionLost(self, reason: Any = None) -> None:
                done.callback(reason.type)

        def connected(client: Any) -> Any:
            client.transport.write(b"x")
            return world.defer.gatherResults([done, client.over])

        port = _server(world, reactor, Server)
        return _connect(world, reactor, port, _recorder(world)).addCallback(connected)

    aborted, client = world.run(body)
    assert aborted is world.error.ConnectionAborted
    assert client.reason.type is world.error.ConnectionLost


@worlds
def test_an_exception_closes_its_connection_only(world: World) -> None:
    """An exception in dataReceived is the reason of that connection's end, and of no other's."""

    def body(world: World, reactor: Any) -> Any:
        done = world.defer.Deferred()

        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def dataReceived(self, data: bytes) -> None:
                if data == b"bad":
                    raise ValueError("bad")
                self.transport.write(data)

            def connectionLost(self, reason: Any = None) -> None:
                if reason.check(ValueError):
                    done.callback(str(reason.value))

        port = _server(world, reactor, Server)
        good = _recorder(world)

        def both(_clients: Any) -> Any:
            bad.transport.write(b"bad")
            return done.addCallback(after)

        def after(text: str) -> Any:
            good.transport.write(b"good")
            return good.want(4).addCallback(lambda client: (text, client.data))

        bad = _recorder(world)
        return world.defer.gatherResults(
            [_connect(world, reactor, port, bad), _connect(world, reactor, port, good)]
        ).addCallback(both)

    assert world.run(body) == ("bad", b"good")


@worlds
def test_half_close(world: World) -> None:
    """A protocol that can half-close is told of the peer's end and still sends."""

    def body(world: World, reactor: Any) -> Any:
        from zope.interface import implementer

        calls: list[str] = []

        @implementer(world.interfaces.IHalfCloseableProtocol)
        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def readConnectionLost(self) -> None:
                calls.append("read lost")
                self.transport.write(b"late answer")
                self.transport.loseConnection()

            def writeConnectionLost(self) -> None:
                calls.append("write lost")

        @implementer(world.interfaces.IHalfCloseableProtocol)
        class Client(type(_recorder(world))):  # type: ignore[misc]
            def readConnectionLost(self) -> None:
                calls.append("client read lost")
                self.transport.loseConnection()

            def writeConnectionLost(self) -> None:
                calls.append("client write lost")

        def connected(client: Any) -> Any:
            client.transport.write(b"question")
            client.transport.loseWriteConnection()
            return client.over.addCallback(lambda client: (client.data, calls))

        port = _server(world, reactor, Server)
        return _connect(world, reactor, port, Client()).addCallback(connected)

    data, calls = world.run(body)
    assert data == b"late answer"
    assert sorted(calls) == ["client read lost", "client write lost", "read lost"]


@worlds
def test_a_push_producer_is_paused_and_resumed(world: World) -> None:
    """A streaming producer is paused when the peer does not read, and resumed when it does."""

    def body(world: World, reactor: Any) -> Any:
        calls: list[str] = []
        done = world.defer.Deferred()

        class Producer:
            def __init__(self, transport: Any) -> None:
                self.transport = transport
                self.left = 64
                self.on = True

            def resumeProducing(self) -> None:
                calls.append("resume")
                self.on = True
                self.produce()

            def pauseProducing(self) -> None:
                calls.append("pause")
                self.on = False

            def stopProducing(self) -> None:
                calls.append("stop")

            def produce(self) -> None:
                while self.on and self.left:
                    self.left -= 1
                    self.transport.write(bytes(100_000))
                if not self.left:
                    self.transport.unregisterProducer()
                    self.transport.loseConnection()

        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                producer = Producer(self.transport)
                self.transport.registerProducer(producer, True)
                producer.produce()

        def connected(client: Any) -> Any:
            client.transport.pauseProducing()
            reactor.callLater(0.1, client.transport.resumeProducing)
            return client.over.addCallback(lambda client: (len(client.data), calls))

        port = _server(world, reactor, Server)
        _connect(world, reactor, port, _recorder(world)).addCallback(connected).chainDeferred(done)
        return done

    size, calls = world.run(body)
    assert size == 6_400_000
    assert calls[0] == "pause"
    assert "resume" in calls
    assert "stop" not in calls


@worlds
def test_a_pull_producer_is_asked_until_it_ends(world: World) -> None:
    """A pull producer is asked for each piece, and close waits for it."""

    def body(world: World, reactor: Any) -> Any:
        class Producer:
            def __init__(self, transport: Any) -> None:
                self.transport = transport
                self.left = 20

            def resumeProducing(self) -> None:
                self.left -= 1
                self.transport.write(b"%02d" % self.left)
                if not self.left:
                    self.transport.unregisterProducer()

            def stopProducing(self) -> None:
                raise AssertionError("nobody stops it")

        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.transport.registerProducer(Producer(self.transport), False)
                self.transport.loseConnection()

        port = _server(world, reactor, Server)
        d = _connect(world, reactor, port, _recorder(world))
        return d.addCallback(lambda client: client.over)

    assert world.run(body).data == b"".join(b"%02d" % number for number in range(19, -1, -1))


@worlds
def test_a_second_producer_is_refused(world: World) -> None:
    """Registering a producer while there is one is a RuntimeError."""

    def body(world: World, reactor: Any) -> Any:
        class Producer:
            def resumeProducing(self) -> None: ...

            def pauseProducing(self) -> None: ...

            def stopProducing(self) -> None: ...

        def connected(client: Any) -> Any:
            client.transport.registerProducer(Producer(), True)
            try:
                client.transport.registerProducer(Producer(), True)
            except RuntimeError as error:
                return str(error)[:24]
            return "accepted"

        port = _server(world, reactor, _echo(world))
        return _connect(world, reactor, port, _recorder(world)).addCallback(connected)

    assert world.run(body) == "Cannot register producer"


@worlds
def test_text_is_refused(world: World) -> None:
    """Writing text is a TypeError."""

    def body(world: World, reactor: Any) -> Any:
        def connected(client: Any) -> Any:
            with pytest.raises(TypeError):
                client.transport.write("text")

        port = _server(world, reactor, _echo(world))
        return _connect(world, reactor, port, _recorder(world)).addCallback(connected)

    world.run(body)


@worlds
def test_writing_to_a_lost_connection_is_ignored(world: World) -> None:
    """After the end of a connection writing and closing do nothing."""

    def body(world: World, reactor: Any) -> Any:
        def over(client: Any) -> str:
            transport = client.kept
            transport.write(b"late")
            transport.writeSequence([b"late"])
            transport.loseConnection()
            transport.abortConnection()
            return "quiet"

        def connected(client: Any) -> Any:
            client.kept = client.transport
            client.transport.loseConnection()
            return client.over.addCallback(over)

        port = _server(world, reactor, _echo(world))
        return _connect(world, reactor, port, _recorder(world)).addCallback(connected)

    assert world.run(body) == "quiet"


@worlds
def test_another_protocol_takes_over(world: World) -> None:
    """Setting the transport's protocol sends later bytes to the new one."""

    def body(world: World, reactor: Any) -> Any:
        class Second(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def dataReceived(self, data: bytes) -> None:
                self.transport.write(b"second:" + data)

        class First(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def dataReceived(self, data: bytes) -> None:
                transport = self.transport
                transport.protocol = second = Second()
                second.makeConnection(transport)
                transport.write(b"first:" + data)

        def connected(client: Any) -> Any:
            client.transport.write(b"a")
            return client.want(7).addCallback(again)

        def again(client: Any) -> Any:
            client.transport.write(b"b")
            client.enough = world.defer.Deferred()
            return client.want(15)

        port = _server(world, reactor, First)
        return _connect(world, reactor, port, _recorder(world)).addCallback(connected)

    assert world.run(body).data == b"first:asecond:b"


@worlds
def test_options_of_a_connection(world: World) -> None:
    """Delay and keep-alive are set and read back, and the handle is the socket."""

    def body(world: World, reactor: Any) -> Any:
        def connected(client: Any) -> Any:
            transport = client.transport
            found = []
            for wanted in (True, False):
                transport.setTcpNoDelay(wanted)
                transport.setTcpKeepAlive(wanted)
                found.append((transport.getTcpNoDelay(), transport.getTcpKeepAlive()))
            assert transport.getHandle().fileno() == transport.fileno()
            return [tuple(map(bool, pair)) for pair in found]

        port = _server(world, reactor, _echo(world))
        return _connect(world, reactor, port, _recorder(world)).addCallback(connected)

    assert world.run(body) == [(True, True), (False, False)]


@worlds
def test_a_stopped_port_refuses(world: World) -> None:
    """A port that was stopped refuses connections, and stopping it again is harmless."""

    def body(world: World, reactor: Any) -> Any:
        port = _server(world, reactor, _echo(world))
        number = port.getHost().port

        def stopped(_result: Any) -> Any:
            world.defer.maybeDeferred(port.stopListening)
            endpoint = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", number)
            return world.endpoints.connectProtocol(endpoint, _recorder(world))

        d = world.defer.maybeDeferred(port.stopListening).addCallback(stopped)
        return d.addErrback(lambda why: why.type)

    assert world.run(body) is world.error.ConnectionRefusedError


@worlds
def test_a_taken_port_cannot_be_listened_on(world: World) -> None:
    """A port in use is a CannotListenError that names interface and port."""

    def body(world: World, reactor: Any) -> Any:
        number = _server(world, reactor, _echo(world)).getHost().port
        factory = world.protocol.Factory.forProtocol(_echo(world))
        with pytest.raises(world.error.CannotListenError) as caught:
            reactor.listenTCP(number, factory, interface="127.0.0.1")
        return str(caught.value).startswith(f"Couldn't listen on 127.0.0.1:{number}: [Errno ")

    assert world.run(body)


@worlds
def test_a_factory_hears_of_a_failed_attempt(world: World) -> None:
    """A client factory is started, told of the failure with its connector, and stopped."""

    def body(world: World, reactor: Any) -> Any:
        calls: list[str] = []
        done = world.defer.Deferred()

        class Factory(world.protocol.ClientFactory):  # type: ignore[misc, name-defined]
            noisy = False

            def startFactory(self) -> None:
                calls.append("start")

            def startedConnecting(self, connector: Any) -> None:
                calls.append(connector.state)

            def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
                calls.append(reason.type.__name__)

            def stopFactory(self) -> None:
                calls.append("stop")
                reactor.callLater(0, done.callback, calls)

        port = _server(world, reactor, _echo(world))
        number = port.getHost().port

        def stopped(_result: Any) -> Any:
            reactor.connectTCP("127.0.0.1", number, Factory())
            return done

        return world.defer.maybeDeferred(port.stopListening).addCallback(stopped)

    assert world.run(body) == ["start", "connecting", "ConnectionRefusedError", "stop"]


@worlds
def test_a_connector_connects_again(world: World) -> None:
    """`connect()` from clientConnectionLost makes a new connection with the same factory."""

    def body(world: World, reactor: Any) -> Any:
        calls: list[str] = []
        done = world.defer.Deferred()

        class Client(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                calls.append("made")
                self.transport.loseConnection()

        class Factory(world.protocol.ClientFactory):  # type: ignore[misc, name-defined]
            noisy = False
            protocol = Client

            def stopFactory(self) -> None:
                calls.append("stop")
                done.callback(calls)

            def clientConnectionLost(self, connector: Any, reason: Any) -> None:
                calls.append("lost")
                if calls.count("made") < 3:
                    connector.connect()

        port = _server(world, reactor, _echo(world))
        reactor.connectTCP("127.0.0.1", port.getHost().port, Factory())
        return done

    assert world.run(body) == ["made", "lost", "made", "lost", "made", "lost", "stop"]


@worlds
def test_an_attempt_can_be_stopped(world: World) -> None:
    """`stopConnecting` ends an attempt with a UserError, and only an attempt."""

    def body(world: World, reactor: Any) -> Any:
        done = world.defer.Deferred()

        class Factory(world.protocol.ClientFactory):  # type: ignore[misc, name-defined]
            noisy = False

            def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
                reactor.callLater(0, done.callback, (connector, reason))

        connector = reactor.connectTCP("127.0.0.1", 9, Factory())
        connector.stopConnecting()

        def over(told: Any) -> Any:
            with pytest.raises(world.error.NotConnectingError):
                connector.stopConnecting()
            return told[0] is connector, told[1].type

        return done.addCallback(over)

    assert world.run(body) == (True, world.error.UserError)


@worlds
def test_a_name_that_does_not_exist(world: World) -> None:
    """A host that cannot be found is a DNSLookupError."""

    def body(world: World, reactor: Any) -> Any:
        endpoint = world.endpoints.HostnameEndpoint(reactor, b"no-such-host.invalid", 1)
        d = world.endpoints.connectProtocol(endpoint, _recorder(world))
        return d.addErrback(lambda why: why.type)

    assert world.run(body) is world.error.DNSLookupError


@worlds
def test_a_factory_may_refuse_a_connection(world: World) -> None:
    """A buildProtocol that returns None closes the connection."""

    def body(world: World, reactor: Any) -> Any:
        class Picky(world.protocol.Factory):  # type: ignore[misc, name-defined]
            noisy = False

            def buildProtocol(self, addr: Any) -> None:
                return None

        port = reactor.listenTCP(0, Picky(), interface="127.0.0.1")
        d = _connect(world, reactor, port, _recorder(world))
        return d.addCallback(lambda client: client.over)

    assert world.run(body).reason.type in (
        world.error.ConnectionDone,
        world.error.ConnectionLost,
    )


@pytest.mark.slow
@worlds
def test_much_data_arrives_whole(world: World) -> None:
    """A producer's 200 MiB arrive with their checksum, through back-pressure and half-close."""
    pieces, size = 3200, 65536

    def body(world: World, reactor: Any) -> Any:
        from zope.interface import implementer

        @implementer(world.interfaces.IHalfCloseableProtocol)
        class Sink(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.digest = hashlib.sha256()
                self.size = 0

            def dataReceived(self, data: bytes) -> None:
                self.digest.update(data)
                self.size += len(data)

            def readConnectionLost(self) -> None:
                self.transport.write(f"{self.size} {self.digest.hexdigest()}".encode())
                self.transport.loseConnection()

            def writeConnectionLost(self) -> None: ...

        class Producer:
            def __init__(self, transport: Any) -> None:
                self.transport, self.left, self.on = transport, pieces, True
                self.digest = hashlib.sha256()

            def resumeProducing(self) -> None:
                self.on = True
                while self.on and self.left:
                    self.left -= 1
                    piece = self.left.to_bytes(4, "big") * (size // 4)
                    self.digest.update(piece)
                    self.transport.write(piece)
                if not self.left:
                    self.transport.unregisterProducer()
                    self.transport.loseWriteConnection()

            def pauseProducing(self) -> None:
                self.on = False

            def stopProducing(self) -> None:
                self.on = False

        @implementer(world.interfaces.IHalfCloseableProtocol)
        class Client(type(_recorder(world))):  # type: ignore[misc]
            def readConnectionLost(self) -> None:
                self.transport.loseConnection()

            def writeConnectionLost(self) -> None: ...

        def connected(client: Any) -> Any:
            producer = Producer(client.transport)
            client.transport.registerProducer(producer, True)
            producer.resumeProducing()
            return client.over.addCallback(
                lambda client: (client.data.decode(), producer.digest.hexdigest())
            )

        port = _server(world, reactor, Sink)
        return _connect(world, reactor, port, Client()).addCallback(connected)

    told, digest = world.run(body)
    assert told == f"{pieces * size} {digest}"


@worlds
def test_a_connection_closed_as_it_is_made(world: World) -> None:
    """A connection that its protocol ends in connectionMade leaves no socket behind."""

    def body(world: World, reactor: Any, how: str) -> Any:
        done = world.defer.Deferred()

        class Ends(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                getattr(self.transport, how)()

            def connectionLost(self, reason: Any = None) -> None:
                reactor.callLater(0.02, lambda: done.called or done.callback(reason.type))

        client = world.protocol.ClientFactory()
        client.protocol = Ends
        reactor.connectTCP("127.0.0.1", _server(world, reactor, Ends).getHost().port, client)
        return done

    for how in ("loseConnection", "abortConnection"):
        kind = world.run(body, how).__name__
        assert kind in ("ConnectionDone", "ConnectionAborted", "ConnectionLost")
    # Sockets left open are collected as the world closes, and then a warning is an error.


@worlds
def test_a_connection_may_be_paused_while_it_is_made(world: World) -> None:
    """A protocol that stops reading in connectionMade hears nothing until it reads again."""

    def body(world: World, reactor: Any) -> Any:
        seen: list[Any] = []
        done = world.defer.Deferred()

        class Slow(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.transport.pauseProducing()
                reactor.callLater(0.05, self.read)

            def read(self) -> None:
                seen.append("reads")
                self.transport.resumeProducing()

            def dataReceived(self, data: bytes) -> None:
                seen.append(data)
                if data.endswith(b"!"):
                    self.transport.loseConnection()
                elif len(seen) == 2:
                    self.transport.pauseProducing()
                    reactor.callLater(0.05, self.read)

            def connectionLost(self, reason: Any = None) -> None:
                done.callback(seen)

        class Client(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.transport.write(b"hello")
                reactor.callLater(0.08, self.transport.write, b"again!")

        port = reactor.listenTCP(0, world.protocol.Factory.forProtocol(Slow), interface="127.0.0.1")
        endpoint = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        endpoint.connect(world.protocol.Factory.forProtocol(Client))
        return done

    assert world.run(body) == ["reads", b"hello", "reads", b"again!"]


@worlds
def test_a_close_does_not_wait_for_a_push_producer(world: World) -> None:
    """A registered push producer ends with the connection; what was written goes out."""

    def body(world: World, reactor: Any, size: int) -> Any:
        told: list[str] = []
        heard: list[int] = []
        done = world.defer.Deferred()

        class Producer:
            def pauseProducing(self) -> None:
                told.append("pause")

            def resumeProducing(self) -> None:
                told.append("resume")

            def stopProducing(self) -> None:
                told.append("stop")

        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.transport.registerProducer(Producer(), True)
                self.transport.write(b"x" * size)
                self.transport.loseConnection()

        class Client(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def dataReceived(self, data: bytes) -> None:
                heard.append(len(data))

            def connectionLost(self, reason: Any = None) -> None:
                reactor.callLater(0.02, done.callback, None)

        made = world.protocol.Factory.forProtocol(Server)
        port = reactor.listenTCP(0, made, interface="127.0.0.1")
        endpoint = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        endpoint.connect(world.protocol.Factory.forProtocol(Client))
        return done.addCallback(lambda _result: [sum(heard), told])

    for size in (5, 50_000):
        assert world.run(body, size) == [size, ["stop"]]


@worlds
def test_a_connection_closed_while_it_is_made_hears_nothing(world: World) -> None:
    """What the peer sends to a connection that is being closed is not delivered."""

    def body(world: World, reactor: Any) -> Any:
        seen: list[Any] = []
        done = world.defer.Deferred()

        class Busy(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.transport.write(b"busy")
                self.transport.loseConnection()

            def dataReceived(self, data: bytes) -> None:
                seen.append(data)

        class Client(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.transport.write(b"hello")

            def dataReceived(self, data: bytes) -> None:
                seen.append(data)

            def connectionLost(self, reason: Any = None) -> None:
                reactor.callLater(0.02, done.callback, seen)

        made = world.protocol.Factory.forProtocol(Busy)
        port = reactor.listenTCP(0, made, interface="127.0.0.1")
        endpoint = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        endpoint.connect(world.protocol.Factory.forProtocol(Client))
        return done

    assert world.run(body) == [b"busy"]


@worlds
def test_what_is_not_to_be_read_stays_in_the_socket(world: World) -> None:
    """What comes while reading is stopped, from connectionMade on, is left in the socket."""

    def body(world: World, reactor: Any) -> Any:
        seen = world.defer.Deferred()

        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.transport.stopReading()
                reactor.callLater(0.05, self.look)

            def look(self) -> None:
                self.transport.startReading()
                seen.callback(self.transport.socket.recv(100, socket.MSG_PEEK))
                self.transport.loseConnection()
                client.close()

        port = _server(world, reactor, Server)
        client = socket.create_connection(("127.0.0.1", port.getHost().port))
        client.sendall(b"for another")  # there when the connection is taken
        return seen

    assert world.run(body) == b"for another"
