"""TLS and UNIX streams: one program, three worlds."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from .worlds import WORLDS, World, worlds

pytestmark = [
    pytest.mark.network,
    # pyOpenSSL and Twisted disagree about the form of certificates.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


# Twisted's TLS gathers small writes on the process's reactor, so in the real world these bodies,
# which have reactors of their own, cannot run.
secure = pytest.mark.parametrize("world", [WORLDS["own"], WORLDS["mixed"]], ids=["own", "mixed"])


class Files(NamedTuple):
    """
    A server's key and certificate, and the authority that signed it.

    Args:
        key:
            The key's file.
        certificate:
            The certificate's file.
        authority:
            The authority's file.
    """

    key: str
    certificate: str
    authority: str


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Return a certificate for localhost."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    server = authority.issue_cert("localhost")
    found = Files(str(folder / "key.pem"), str(folder / "cert.pem"), str(folder / "ca.pem"))
    server.private_key_pem.write_to_path(found.key)
    with open(found.certificate, "wb") as file:
        file.write(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    authority.cert_pem.write_to_path(found.authority)
    return found


def _context(world: World, files: Files) -> Any:
    return world.ssl.DefaultOpenSSLContextFactory(files.key, files.certificate)


def _trust(world: World, files: Files) -> Any:
    with open(files.authority, "rb") as file:
        return world.ssl.Certificate.loadPEM(file.read())


def _echo(world: World) -> Any:
    class Echo(world.protocol.Protocol):  # type: ignore[misc, name-defined]
        def dataReceived(self, data: bytes) -> None:
            self.transport.write(data)

    factory = world.protocol.Factory.forProtocol(Echo)
    factory.noisy = False
    return factory


def _client(world: World, size: int = -1) -> Any:
    class Client(world.protocol.Protocol):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.data = b""
            self.over = world.defer.Deferred()

        def dataReceived(self, data: bytes) -> None:
            self.data += data
            if len(self.data) == size:
                self.certificate = self.transport.getPeerCertificate()
                self.transport.loseConnection()

        def connectionLost(self, reason: Any = None) -> None:
            self.reason = reason
            self.over.callback(self)

    return Client()


@secure
def test_bytes_over_tls(world: World, files: Files) -> None:
    """What is written over TLS comes back, and the peer's certificate is there."""

    def body(world: World, reactor: Any) -> Any:
        port = reactor.listenSSL(0, _echo(world), _context(world, files), interface="127.0.0.1")
        options = world.ssl.optionsForClientTLS("localhost", _trust(world, files))
        wrap = world.endpoints.wrapClientTLS
        plain = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        client = _client(world, 6)
        d = world.endpoints.connectProtocol(wrap(options, plain, reactor), client)
        d.addCallback(lambda client: client.transport.write(b"secret"))
        d.addErrback(client.over.errback)
        return client.over

    client = world.run(body)
    assert client.data == b"secret"
    assert client.reason.check(world.error.ConnectionDone)
    assert client.certificate is not None


@secure
def test_a_name_that_is_not_in_the_certificate(world: World, files: Files) -> None:
    """A server whose certificate has another name is refused."""

    def body(world: World, reactor: Any) -> Any:
        port = reactor.listenSSL(0, _echo(world), _context(world, files), interface="127.0.0.1")
        options = world.ssl.optionsForClientTLS("other.example", _trust(world, files))
        plain = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        client = _client(world)
        d = world.endpoints.connectProtocol(
            world.endpoints.wrapClientTLS(options, plain, reactor), client
        )
        d.addErrback(lambda why: client.over.callback(why))
        return client.over

    ended = world.run(body)
    reason = getattr(ended, "reason", ended)
    assert not reason.check(world.error.ConnectionDone)


@secure
def test_start_tls_in_the_middle(world: World, files: Files) -> None:
    """A connection that began in clear goes on in TLS; what is written at once waits for it."""
    amount = 20 * 1024 * 1024

    def body(world: World, reactor: Any) -> Any:
        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                self.secure = False
                self.digest = hashlib.sha256()
                self.left = amount

            def dataReceived(self, data: bytes) -> None:
                if not self.secure:
                    assert data == b"STARTTLS"
                    self.transport.write(b"go")
                    self.transport.startTLS(_context(world, files))
                    self.secure = True
                    return
                self.digest.update(data)
                self.left -= len(data)
                if not self.left:
                    self.transport.write(self.digest.hexdigest().encode())
                    self.transport.loseConnection()

        class Client(type(_client(world))):  # type: ignore[misc]
            def connectionMade(self) -> None:
                self.transport.write(b"STARTTLS")

            def dataReceived(self, data: bytes) -> None:
                if data != b"go":
                    self.data += data
                    return
                options = world.ssl.optionsForClientTLS("localhost", _trust(world, files))
                self.transport.startTLS(options)
                self.digest = hashlib.sha256()
                for number in range(amount // 65536):
                    piece = number.to_bytes(4, "big") * 16384
                    self.digest.update(piece)
                    self.transport.write(piece)

        factory = world.protocol.Factory.forProtocol(Server)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        plain = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        client = Client()
        world.endpoints.connectProtocol(plain, client)
        return client.over

    client = world.run(body)
    assert client.data.decode() == client.digest.hexdigest()


# Twisted's TLS drives pull producers by the process's reactor.
@pytest.mark.parametrize("world", [WORLDS["own"]], ids=["own"])
def test_a_producer_over_tls(world: World, files: Files) -> None:
    """A pull producer's pieces come through TLS, and close waits for the last one."""

    def body(world: World, reactor: Any) -> Any:
        class Producer:
            def __init__(self, transport: Any) -> None:
                self.transport, self.left = transport, 50

            def resumeProducing(self) -> None:
                self.left -= 1
                self.transport.write(b"%02d" % self.left * 1000)
                if not self.left:
                    self.transport.unregisterProducer()

            def stopProducing(self) -> None: ...

        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def dataReceived(self, data: bytes) -> None:
                self.transport.registerProducer(Producer(self.transport), False)
                self.transport.loseConnection()

        factory = world.protocol.Factory.forProtocol(Server)
        port = reactor.listenSSL(0, factory, _context(world, files), interface="127.0.0.1")
        options = world.ssl.CertificateOptions()
        endpoint = world.endpoints.SSL4ClientEndpoint(
            reactor, "127.0.0.1", port.getHost().port, options
        )
        client = _client(world)
        d = world.endpoints.connectProtocol(endpoint, client)
        d.addCallback(lambda client: client.transport.write(b"go"))
        return client.over

    assert world.run(body).data == b"".join(b"%02d" % n * 1000 for n in range(49, -1, -1))


@pytest.mark.parametrize("world", [WORLDS["own"]], ids=["own"])
def test_tls_cannot_close_one_direction(world: World, files: Files) -> None:
    """Half-close over TLS is refused with an error that says what to use."""

    def body(world: World, reactor: Any) -> Any:
        port = reactor.listenSSL(0, _echo(world), _context(world, files), interface="127.0.0.1")
        endpoint = world.endpoints.SSL4ClientEndpoint(
            reactor, "127.0.0.1", port.getHost().port, world.ssl.CertificateOptions()
        )

        def connected(client: Any) -> str:
            with pytest.raises(NotImplementedError, match="use loseConnection"):
                client.transport.loseWriteConnection()
            assert client.transport.negotiatedProtocol is None
            return "refused"

        return world.endpoints.connectProtocol(endpoint, _client(world)).addCallback(connected)

    assert world.run(body) == "refused"


@secure
def test_an_application_protocol_is_negotiated(world: World, files: Files) -> None:
    """ALPN chooses a protocol that both sides know."""

    def body(world: World, reactor: Any) -> Any:
        with open(files.key, "rb") as key, open(files.certificate, "rb") as certificate:
            whole = world.ssl.PrivateCertificate.loadPEM(key.read() + certificate.read())
        options = world.ssl.CertificateOptions(
            privateKey=getattr(whole.privateKey, "original", whole.privateKey),
            certificate=getattr(whole, "original", whole),
            acceptableProtocols=[b"h2", b"http/1.1"],
        )
        port = reactor.listenSSL(0, _echo(world), options, interface="127.0.0.1")
        client_options = world.ssl.CertificateOptions(acceptableProtocols=[b"http/1.1"])
        endpoint = world.endpoints.SSL4ClientEndpoint(
            reactor, "127.0.0.1", port.getHost().port, client_options
        )
        client = _client(world, 1)

        class Client(type(client)):  # type: ignore[misc]
            def connectionMade(self) -> None:
                self.transport.write(b"x")

            def dataReceived(self, data: bytes) -> None:
                self.chosen = self.transport.negotiatedProtocol
                self.transport.loseConnection()

        client = Client()
        world.endpoints.connectProtocol(endpoint, client)
        return client.over

    assert world.run(body).chosen == b"http/1.1"


@worlds
def test_bytes_over_a_unix_socket(world: World, tmp_path: Path) -> None:
    """A UNIX socket has the mode that was asked for, answers, and is gone after stop."""
    path = str(tmp_path / "socket")

    def body(world: World, reactor: Any) -> Any:
        port = reactor.listenUNIX(path, _echo(world), mode=0o600, wantPID=True)
        mode = os.stat(path).st_mode & 0o777
        client = _client(world, 5)
        client.transport = None

        class Client(type(client)):  # type: ignore[misc]
            def connectionMade(self) -> None:
                self.transport.write(b"hello")

            def dataReceived(self, data: bytes) -> None:
                self.data += data
                self.transport.loseConnection()

        client = Client()
        endpoint = world.endpoints.UNIXClientEndpoint(reactor, path, checkPID=True)
        world.endpoints.connectProtocol(endpoint, client)

        def over(client: Any) -> Any:
            d = world.defer.maybeDeferred(port.stopListening)
            return d.addCallback(lambda _result: (client.data, mode, os.listdir(tmp_path)))

        return client.over.addCallback(over)

    assert world.run(body) == (b"hello", 0o600, [])


@worlds
def test_a_unix_socket_left_behind_is_replaced(world: World, tmp_path: Path) -> None:
    """With its lock a socket of a dead process is replaced, and one of a living is not."""
    path = str(tmp_path / "socket")

    def body(world: World, reactor: Any) -> Any:
        old = socket.socket(socket.AF_UNIX)
        old.bind(path)
        old.close()
        os.symlink("999999999", path + ".lock")
        port = reactor.listenUNIX(path, _echo(world), wantPID=True)
        with pytest.raises(world.error.CannotListenError):
            reactor.listenUNIX(path, _echo(world), wantPID=True)
        return world.defer.maybeDeferred(port.stopListening)

    world.run(body)
    assert not os.path.lexists(path + ".lock")


@worlds
def test_a_port_made_elsewhere_is_adopted(world: World) -> None:
    """A listening socket that exists already is served, and so is a connection."""

    def body(world: World, reactor: Any) -> Any:
        listening = socket.create_server(("127.0.0.1", 0))
        port = reactor.adoptStreamPort(listening.fileno(), socket.AF_INET, _echo(world))
        number = listening.getsockname()[1]
        listening.close()
        assert port.getHost().port == number
        left, right = socket.socketpair(socket.AF_UNIX)
        reactor.adoptStreamConnection(right.fileno(), socket.AF_UNIX, _echo(world))
        right.close()
        left.sendall(b"pair")
        with pytest.raises(world.error.UnsupportedAddressFamily):
            reactor.adoptStreamPort(left.fileno(), 999, _echo(world))

        def read() -> bytes:
            with left:
                return left.recv(10)

        return world.threads.deferToThreadPool(reactor, reactor.getThreadPool(), read)

    assert world.run(body) == b"pair"


@secure
def test_a_datagram_port_made_elsewhere_is_adopted(world: World) -> None:
    """A bound UDP socket that exists already is served."""

    def body(world: World, reactor: Any) -> Any:
        got = world.defer.Deferred()

        class Datagrams(world.protocol.DatagramProtocol):  # type: ignore[misc, name-defined]
            def datagramReceived(self, data: bytes, addr: Any) -> None:
                got.callback(data)

        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind(("127.0.0.1", 0))
        reactor.adoptDatagramPort(bound.fileno(), socket.AF_INET, Datagrams())
        bound.sendto(b"to myself", bound.getsockname())
        bound.close()
        return got

    assert world.run(body) == b"to myself"


def test_keys_are_not_made_and_say_so() -> None:
    """What needs a cryptography library is absent with the advice what to use."""
    from plait.twisted.internet import ssl

    key = ssl.KeyPair.load(b"x", 1)
    for name in ("selfSignedCert", "keyHash", "certificateRequest"):
        with pytest.raises(AttributeError, match="with openssl"):
            getattr(key, name)
    with pytest.raises(AttributeError, match=r"no KeyPair\.nothing"):
        _ = key.nothing
    with pytest.raises(AttributeError, match="listenSSL"):
        _ = ssl.Port


@worlds
def test_what_building_a_protocol_puts_off_finds_it_connected(world: World) -> None:
    """A call for the next turn comes after the connection is made, at the client and the server."""

    def body(world: World, reactor: Any) -> Any:
        seen = [world.defer.Deferred(), world.defer.Deferred()]

        class Putting(world.protocol.ClientFactory):  # type: ignore[misc, name-defined]
            noisy = False

            def __init__(self, done: Any) -> None:
                self.done = done

            def buildProtocol(self, addr: Any) -> Any:
                protocol = world.protocol.Protocol()
                dropped = reactor.callLater(0, self.done.callback, "not dropped")
                moved = reactor.callLater(0, lambda: self.done.callback(protocol.transport))
                reactor.callLater(0, moved.reset, 0.01)
                dropped.cancel()
                return protocol

        port = reactor.listenTCP(0, Putting(seen[0]), interface="127.0.0.1")
        reactor.connectTCP("127.0.0.1", port.getHost().port, Putting(seen[1]))

        def end(transports: Any) -> Any:
            transports[1].loseConnection()
            return world.defer.maybeDeferred(port.stopListening).addCallback(
                lambda _: [transport is not None for transport in transports]
            )

        return world.defer.gatherResults(seen).addCallback(end)

    assert world.run(body) == [True, True]


@worlds
def test_a_client_creator_over_tcp(world: World) -> None:
    """The Deferred of a ClientCreator fires with a protocol that has a transport."""

    def body(world: World, reactor: Any) -> Any:
        server = world.protocol.Factory.forProtocol(world.protocol.Protocol)
        port = reactor.listenTCP(0, server, interface="127.0.0.1")
        creator = world.protocol.ClientCreator(reactor, world.protocol.Protocol)

        def end(protocol: Any) -> Any:
            there = protocol.transport is not None
            if there:
                protocol.transport.loseConnection()
            return world.defer.maybeDeferred(port.stopListening).addCallback(lambda _: there)

        return creator.connectTCP("127.0.0.1", port.getHost().port).addCallback(end)

    assert world.run(body) is True


@worlds
def test_a_client_creator_waits_for_the_handshake(world: World, files: Files) -> None:
    """Its Deferred fires with a protocol that is connected; the real one does not wait for TLS."""

    def body(world: World, reactor: Any) -> Any:
        class Client(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            made = False

            def connectionMade(self) -> None:
                self.made = True

        server = world.protocol.Factory.forProtocol(world.protocol.Protocol)
        context = _context(world, files)
        port = reactor.listenSSL(0, server, context, interface="127.0.0.1")
        creator = world.protocol.ClientCreator(reactor, Client)
        context = world.ssl.ClientContextFactory()
        connected = creator.connectSSL("127.0.0.1", port.getHost().port, context)

        def seen(protocol: Any) -> Any:
            known = protocol.transport.getPeerCertificate() is not None
            made = protocol.made
            protocol.connectionLost = lambda reason: done.callback((made, known))
            protocol.transport.loseConnection()

        done = world.defer.Deferred()
        connected.addCallback(seen).addErrback(done.errback)
        return done

    made, known = world.run(body)
    assert made
    # Twisted's own TLS fires before the handshake; on our transports a turn later, maybe after it.
    assert known is (world.name == "own") or world.name == "mixed"


@worlds
@pytest.mark.skipif(sys.platform != "linux", reason="the abstract name space is Linux's")
def test_a_port_in_the_abstract_name_space_can_be_closed(world: World) -> None:
    """A UNIX port without a file listens, is connected to and is closed."""
    name = f"\0plait-{os.getpid()}-{world.name}"

    def body(world: World, reactor: Any) -> Any:
        factory = world.protocol.Factory.forProtocol(world.protocol.Protocol)
        port = reactor.listenUNIX(name, factory)
        endpoint = world.endpoints.UNIXClientEndpoint(reactor, name)
        made = endpoint.connect(world.protocol.Factory.forProtocol(world.protocol.Protocol))
        made.addCallback(lambda protocol: protocol.transport.loseConnection())
        made.addCallback(lambda _result: port.stopListening())
        return made.addCallback(lambda _result: "closed")

    assert world.run(body) == "closed"
