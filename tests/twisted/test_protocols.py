"""Protocols, factories and policies behave as Twisted's do."""

from __future__ import annotations

import struct
from io import BytesIO, StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .both import OURS, THEIRS, Body, Words, agree, plain
from .test_defer import seen


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut bytes at some places."""
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(places)]


def received(w: Words, base: str, data: list[bytes], **attributes: Any) -> Any:
    """Return what a receiver hands out for some pieces, and how its transport ends."""
    out: list[Any] = []

    class Receiver(getattr(w.basic, base)):  # type: ignore[misc]  # of either one
        def lineReceived(self, line: bytes) -> Any:
            out.append(["line", line])
            if line.startswith(b"raw"):
                self.setRawMode()
            if line.startswith(b"pause"):
                self.pauseProducing()
            if line.startswith(b"clear"):
                out.append(["cleared", self.clearLineBuffer()])
            if line.startswith(b"close"):
                self.transport.loseConnection()
            return None

        def rawDataReceived(self, data: bytes) -> None:
            out.append(["raw", data])
            if b"l" in data:
                _, _, rest = data.partition(b"l")
                self.setLineMode(rest)

        def stringReceived(self, string: bytes) -> None:
            out.append(["string", string])
            if string.startswith(b"pause"):
                self.pauseProducing()

        def lengthLimitExceeded(self, length: int) -> None:
            out.append(["too long", length])
            self.transport.loseConnection()

    receiver, transport = Receiver(), w.testing.StringTransport(lenient=True)
    for name, value in attributes.items():
        setattr(receiver, name, value)
    receiver.makeConnection(transport)
    for piece in data:
        if out and out[-1][0] == "too long":
            # Twisted's would hand the strings of that piece out once more.
            break
        receiver.dataReceived(piece)
        if getattr(receiver, "paused", False):
            out.append("paused")
            receiver.resumeProducing()
    rest = receiver.clearLineBuffer() if hasattr(receiver, "clearLineBuffer") else None
    return [out, transport.disconnecting, rest]


LINES = st.lists(
    st.sampled_from(
        [
            b"a\r\n",
            b"raw\r\n",
            b"\r\n",
            b"x",
            b"\r",
            b"\n",
            b"pause\r\n",
            b"clear\r\n",
            b"longer\r\n",
            b"xlx",
            b"close\r\n",
        ]
    ),
    max_size=10,
).map(b"".join)
CUTS = st.lists(st.integers(0, 60), max_size=6)


@settings(max_examples=200, deadline=None)
@given(LINES, CUTS, st.sampled_from([3, 5, 100]), st.sampled_from([b"\r\n", b"\n"]))
def test_lines_are_cut_alike(data: bytes, cuts: list[int], limit: int, delimiter: bytes) -> None:
    """Bytes in any pieces give the same lines, raw parts and errors of length."""
    kw = {"MAX_LENGTH": limit, "delimiter": delimiter}
    parts = pieces(data, cuts)
    for base in ("LineReceiver", "LineOnlyReceiver"):
        if base == "LineOnlyReceiver" and any(w in data for w in (b"raw", b"pause", b"clear")):
            continue
        assert received(OURS, base, parts, **kw) == received(THEIRS, base, parts, **kw)


STRINGS = st.lists(st.binary(max_size=6) | st.sampled_from([b"pause", b"x" * 30]), max_size=5)


@settings(max_examples=100, deadline=None)
@given(
    STRINGS,
    st.lists(st.integers(0, 80), max_size=5),
    st.sampled_from("BHI"),
    st.sampled_from([9, 99]),
)
def test_strings_with_a_length_are_cut_alike(
    strings: list[bytes], cuts: list[int], kind: str, limit: int
) -> None:
    """Strings with their length before them arrive alike, whatever pieces they come in."""
    data = b"".join(struct.pack("!" + kind, len(one)) + one for one in strings)
    base = {"B": "Int8StringReceiver", "H": "Int16StringReceiver", "I": "Int32StringReceiver"}[kind]
    parts = pieces(data, cuts)
    ours, theirs = (received(w, base, parts, MAX_LENGTH=limit) for w in (OURS, THEIRS))
    assert ours == theirs


NETSTRINGS = st.lists(
    st.binary(max_size=5).map(lambda one: b"%d:%b," % (len(one), one))
    | st.sampled_from([b"3:abcd", b"03:abc,", b":a,", b"99:", b"x", b"0:,", b"-1:,", b"100000:"]),
    max_size=5,
).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(NETSTRINGS, CUTS)
def test_netstrings_are_cut_alike(data: bytes, cuts: list[int]) -> None:
    """Netstrings, and what is none, end alike whatever pieces they come in."""
    parts = pieces(data, cuts)
    ours, theirs = (received(w, "NetstringReceiver", parts, MAX_LENGTH=50) for w in (OURS, THEIRS))
    assert ours == theirs


def sent(w: Words, base: str, method: str, *what: bytes) -> Any:
    receiver, transport = getattr(w.basic, base)(), w.testing.StringTransport()
    receiver.makeConnection(transport)
    outcomes = [w.outcome(getattr(receiver, method), one) for one in what]
    return [[one if isinstance(one, list) else None for one in outcomes], transport.value()]


def unready(w: Words) -> Any:
    names = [
        ("LineReceiver", "lineReceived"),
        ("LineReceiver", "rawDataReceived"),
        ("LineOnlyReceiver", "lineReceived"),
        ("NetstringReceiver", "stringReceived"),
        ("Int8StringReceiver", "stringReceived"),
    ]
    return [w.outcome(getattr(getattr(w.basic, base)(), name), b"") for base, name in names]


def stateful(w: Words) -> Any:
    out: list[Any] = []

    class Talk(w.basic.StatefulStringProtocol, w.basic.NetstringReceiver):  # type: ignore[name-defined]  # of either
        def proto_init(self, string: bytes) -> str:
            out.append(["init", string])
            return "next"

        def proto_next(self, string: bytes) -> str:
            out.append(["next", string])
            return "done"

    talk, transport = Talk(), w.testing.StringTransport()
    talk.makeConnection(transport)
    talk.dataReceived(b"1:a,1:b,")
    return [out, talk.state, transport.disconnecting]


class Consumer:
    def __init__(self) -> None:
        self.out: list[Any] = []

    def registerProducer(self, producer: Any, streaming: Any) -> None:
        self.producer = producer
        self.out.append(["register", bool(streaming)])

    def unregisterProducer(self) -> None:
        self.out.append("unregister")

    def write(self, data: bytes) -> None:
        self.out.append(len(data))


def sending(w: Words, stop: bool) -> Any:
    consumer, sender = Consumer(), w.basic.FileSender()
    d = sender.beginFileTransfer(BytesIO(b"x" * 40000 + b"y"), consumer, lambda data: data + b"")
    for _ in range(1 if stop else 4):
        sender.resumeProducing()
    if stop:
        sender.stopProducing()
    return [consumer.out, seen(d)]


def factories(w: Words) -> Any:
    out: list[Any] = []

    class Made(w.protocol.Factory):  # type: ignore[name-defined]  # of either one
        noisy = False

        def startFactory(self) -> None:
            out.append("start")

        def stopFactory(self) -> None:
            out.append("stop")

    factory = Made.forProtocol(w.protocol.Protocol)
    for act in ("doStart", "doStart", "doStop", "doStop", "doStop"):
        getattr(factory, act)()
        out.append(factory.numPorts)
    built = factory.buildProtocol(None)
    built.makeConnection("transport")
    facts = [built.factory is factory, built.connected, built.transport, factory.logPrefix()]
    return [out, facts, w.outcome(w.protocol.Factory().buildProtocol, None)[:2], built.logPrefix()]


def noises(w: Words) -> Any:
    with w.logger.capturedLogs() as events:
        factory = w.protocol.ServerFactory()
        factory.doStart()
        factory.doStop()
        datagrams = w.protocol.DatagramProtocol()
        datagrams.makeConnection("t")
        datagrams.doStop()
    return [[w.logger.formatEvent(e), e["log_namespace"]] for e in events]


def datagrams(w: Words) -> Any:
    one = w.protocol.DatagramProtocol()
    one.noisy = False
    one.makeConnection("t")
    facts = [one.numPorts, one.transport, one.logPrefix(), w.outcome(one.makeConnection, "u")[:2]]
    one.doStop()
    return [facts, one.transport, one.numPorts, w.outcome(one.doStop)[:2]]


def processes(w: Words) -> Any:
    out: list[Any] = []

    class Talk(w.protocol.ProcessProtocol):  # type: ignore[name-defined]  # of either one
        def outReceived(self, data: bytes) -> None:
            out.append(["out", data])

        def errReceived(self, data: bytes) -> None:
            out.append(["err", data])

        def inConnectionLost(self) -> None:
            out.append("in lost")

        def errConnectionLost(self) -> None:
            out.append("err lost")

    talk = Talk()
    for fd in range(4):
        talk.childDataReceived(fd, b"x")
        talk.childConnectionLost(fd)
    return out


class Connector:
    def __init__(self, w: Words, out: list[Any]) -> None:
        self.w, self.out = w, out

    def connect(self) -> None:
        self.out.append("connect")

    def stopConnecting(self) -> None:
        self.out.append("stop")
        raise self.w.error.NotConnectingError


def reconnecting(w: Words, **attributes: Any) -> Any:
    out: list[Any] = []
    factory, clock, connector = (
        w.protocol.ReconnectingClientFactory(),
        w.task.Clock(),
        Connector(w, out),
    )
    factory.clock, factory.jitter, factory.noisy = clock, None, False
    for name, value in attributes.items():
        setattr(factory, name, value)
    for n in range(9):
        act = factory.clientConnectionLost if n % 2 else factory.clientConnectionFailed
        act(connector, None)
        times = [round(c.getTime() - clock.seconds(), 6) for c in clock.getDelayedCalls()]
        out.append([factory.retries, times])
        clock.advance(4000)
    factory.resetDelay()
    out.append([factory.delay, factory.retries])
    factory.clientConnectionLost(connector, None)
    factory.stopTrying()
    factory.clientConnectionLost(connector, None)
    return [
        out,
        len(clock.getDelayedCalls()),
        w.outcome(w.protocol.ReconnectingClientFactory().retry),
    ]


def creating(w: Words, act: str) -> Any:
    reactor = w.testing.MemoryReactorClock()
    d = w.protocol.ClientCreator(reactor, w.protocol.Protocol).connectTCP(
        "127.0.0.1", 80, timeout=3
    )
    host, port, factory, timeout, bind = reactor.tcpClients[0]
    if act == "connect":
        built = factory.buildProtocol(None)
        before = d.called
        reactor.advance(0)
        return [host, port, timeout, bind, before, d.called, d.result is built]
    if act == "fail":
        factory.clientConnectionFailed(None, w.failure.Failure(KeyError("k")))
        reactor.advance(0)
    else:
        d.cancel()
    return seen(d)


def wrapped(w: Words) -> Any:
    inner = w.protocol.Factory.forProtocol(w.wire.Echo)
    inner.noisy = False
    factory, transport = w.policies.WrappingFactory(inner), w.testing.StringTransport()
    factory.noisy = False
    factory.doStart()
    one = factory.buildProtocol(None)
    one.makeConnection(transport)
    one.dataReceived(b"ping")
    one.writeSequence([b"a", b"b"])
    facts = [
        transport.value(),
        inner.numPorts,
        len(factory.protocols),
        one.logPrefix(),
        factory.logPrefix(),
    ]
    facts += [
        one.getPeer(),
        one.wrappedProtocol.transport is one,
        w.interfaces.ITransport.providedBy(one),
    ]
    one.loseConnection()
    one.connectionLost(w.protocol.connectionDone)
    factory.doStop()
    return [
        facts,
        transport.disconnecting,
        one.disconnecting,
        len(factory.protocols),
        inner.numPorts,
    ]


def timing(w: Words) -> Any:
    clock, out = w.task.Clock(), []

    class Timed(w.policies.TimeoutMixin, w.protocol.Protocol):  # type: ignore[name-defined]  # of either one
        def callLater(self, period: float, func: Any) -> Any:
            return clock.callLater(period, func)

        def timeoutConnection(self) -> None:
            out.append(clock.seconds())

    one = Timed()
    out.append(one.setTimeout(3))
    clock.advance(2)
    one.resetTimeout()
    clock.advance(2)
    out.append(one.setTimeout(5))
    clock.advance(5)
    out.append([one.setTimeout(None), len(clock.getDelayedCalls())])
    one.setTimeout(1)
    one.setTimeout(None)
    clock.advance(9)
    return out


def timed_out(w: Words) -> Any:
    clock = w.task.Clock()
    inner = w.protocol.Factory.forProtocol(w.wire.Discard)
    factory = w.policies.TimeoutFactory(inner, 3)
    factory.callLater = clock.callLater
    one, transport = factory.buildProtocol(None), w.testing.StringTransport()
    one.makeConnection(transport)
    clock.advance(2)
    one.dataReceived(b"x")
    clock.advance(2)
    one.write(b"y")
    before = transport.disconnecting
    clock.advance(3)
    return [before, transport.disconnecting, transport.value(), len(clock.getDelayedCalls())]


def limited(w: Words) -> Any:
    total = w.policies.LimitTotalConnectionsFactory()
    total.protocol, total.connectionLimit, total.overflowProtocol = w.wire.Echo, 1, w.wire.QOTD
    first = total.buildProtocol(None)
    first.makeConnection(w.testing.StringTransport())
    second, transport = total.buildProtocol(None), w.testing.StringTransport()
    second.makeConnection(transport)
    facts = [total.connectionCount, transport.value(), transport.disconnecting]
    first.connectionLost(w.protocol.connectionDone)
    return [facts, total.connectionCount]


def recorded(w: Words) -> Any:
    files: list[StringIO] = []
    factory = w.policies.TrafficLoggingFactory(w.protocol.Factory.forProtocol(w.wire.Echo), "log")

    def opened(name: str) -> StringIO:
        files.append(StringIO())
        return files[-1]

    factory.open = opened
    one, transport = factory.buildProtocol(None), w.testing.StringTransport()
    one.makeConnection(transport)
    one.dataReceived(b"ping")
    one.writeSequence([b"a"])
    one.loseConnection()
    return [files[0].getvalue(), transport.value()]


def simple(w: Words) -> Any:
    out = []
    for name in ("Echo", "Discard", "Chargen", "QOTD", "Who"):
        one, transport = getattr(w.wire, name)(), w.testing.StringTransport()
        one.makeConnection(transport)
        one.dataReceived(b"in")
        out.append([name, transport.value(), transport.disconnecting, bool(transport.producer)])
    return out


def transports(w: Words) -> Any:
    t = w.testing.StringTransport()
    out = [w.outcome(t.write, "text"), repr(t.getPeer()), repr(t.getHost())]
    t.registerProducer("p", True)
    out += [w.outcome(t.registerProducer, "q", True), t.producer, t.streaming]
    t.unregisterProducer()
    out.append(w.outcome(t.unregisterProducer))
    for act in ("pauseProducing", "resumeProducing", "stopProducing"):
        getattr(t, act)()
        out.append(t.producerState)
    out.append(w.outcome(t.resumeProducing)[:2])
    t.write(b"a")
    t.writeSequence([b"b", b"c"])
    out.append(t.value())
    t.clear()
    t.abortConnection()
    return [*out, t.value(), t.disconnecting]


def memory(w: Words) -> Any:
    r = w.testing.MemoryReactorClock()
    factory = w.protocol.ClientFactory()
    port = r.listenTCP(80, factory, interface="127.0.0.1")
    connector = r.connectTCP("127.0.0.1", 80, factory)
    r.connectUNIX("/x", factory)
    r.listenUNIX("/x", factory)
    r.listenSSL(443, factory, None)
    r.connectSSL("127.0.0.1", 443, factory, None)
    out: list[Any] = [repr(port.getHost()), repr(connector.getDestination())]
    out += [
        len(getattr(r, name)) for name in ("tcpServers", "tcpClients", "unixClients", "unixServers")
    ]
    out += [len(r.sslServers), len(r.sslClients), len(r.connectors)]
    r.callWhenRunning(out.append, "running")
    r.addSystemEventTrigger("before", "shutdown", out.append, "shutdown")
    r.run()
    for call, args, kw in r.triggers["before"]["shutdown"]:
        call(*args, **kw)
    r.callLater(1, out.append, "later")
    r.advance(1)
    return [out, r.hasRun, r.running]


def accumulating(w: Words) -> Any:
    one = w.testing.AccumulatingProtocol()
    one.closedDeferred = d = w.defer.Deferred()
    one.factory = type("F", (), {"protocolConnectionMade": None})()
    one.makeConnection("t")
    one.dataReceived(b"a")
    one.dataReceived(b"b")
    one.connectionLost(None)
    return [one.made, one.data, one.closed, d.called]


def wrapper_of_files(w: Words) -> Any:
    file = BytesIO()
    one = w.protocol.FileWrapper(file)
    one.write(b"a")
    one.writeSequence([b"b", b"c"])
    value = file.getvalue()
    one.loseConnection()
    return [value, file.closed, one.closed, one.getPeer(), one.getHost()]


CASES: dict[str, Body] = {
    "lines sent": lambda w: [
        sent(w, base, "sendLine", b"a", b"") for base in ("LineReceiver", "LineOnlyReceiver")
    ],
    "strings sent": lambda w: [
        sent(w, base, "sendString", b"", b"abc", b"x" * 256)
        for base in (
            "Int8StringReceiver",
            "Int16StringReceiver",
            "Int32StringReceiver",
            "NetstringReceiver",
        )
    ],
    "what must be overridden": unready,
    "states": stateful,
    "a file sent": lambda w: sending(w, False),
    "a file not sent to its end": lambda w: sending(w, True),
    "factories": factories,
    "what factories say": noises,
    "datagrams": datagrams,
    "processes": processes,
    "reconnecting": reconnecting,
    "reconnecting a few times": lambda w: reconnecting(w, maxRetries=3),
    "reconnecting with a bound": lambda w: reconnecting(
        w, maxDelay=20, factor=3, initialDelay=2, delay=2
    ),
    "a client made": lambda w: creating(w, "connect"),
    "a client that fails": lambda w: creating(w, "fail"),
    "a client cancelled": lambda w: creating(w, "cancel"),
    "a protocol wrapped": wrapped,
    "time-outs of protocols": timing,
    "time-outs of connections": timed_out,
    "limits of connections": limited,
    "traffic recorded": recorded,
    "simple services": simple,
    "transports of strings": transports,
    "a reactor that remembers": memory,
    "a protocol that accumulates": accumulating,
    "a file as a transport": wrapper_of_files,
}


@pytest.mark.parametrize("case", CASES)
def test_as_in_twisted(case: str) -> None:
    """What is done with protocols ends as it does in Twisted."""
    agree(CASES[case])


def test_a_line_in_ten_thousand_pieces_is_searched_once() -> None:
    """A long line that comes byte by byte is not searched again from its start each time."""
    looked: list[int] = []

    class Bytes(bytes):
        def find(self, *args: Any) -> int:
            looked.append(len(self) - args[1])
            return bytes.find(self, *args)

        def __add__(self, other: Any) -> bytes:
            return Bytes(bytes.__add__(self, other))

    receiver = OURS.basic.LineReceiver()
    receiver.makeConnection(OURS.testing.StringTransport())
    receiver._buffer = Bytes()
    for _ in range(10_000):
        receiver.dataReceived(b"x")
    assert sum(looked) < 30_000


def test_daytime_and_time_send_the_time() -> None:
    """Daytime sends text and Time four bytes; Twisted's own Daytime fails on Python 3."""
    for name, size in (("Daytime", 26), ("Time", 4)):
        one, transport = getattr(OURS.wire, name)(), OURS.testing.StringTransport()
        one.makeConnection(transport)
        assert len(transport.value()) == size
        assert transport.disconnecting


def test_locks_between_processes(tmp_path: Path) -> None:
    """A lock is held by one and waited for with a Deferred, with a time-out."""

    def body(w: Words) -> Any:
        path, clock = str(tmp_path / w.root), w.task.Clock()
        first = w.lockfile.FilesystemLock(path)
        waiting = w.defer.DeferredFilesystemLock(path, scheduler=clock)
        out = [first.lock(), first.locked, first.clean, w.lockfile.isLocked(path)]
        d = waiting.deferUntilLocked(timeout=9)
        out.append(seen(waiting.deferUntilLocked())[:2])
        clock.advance(1)
        before = d.called
        first.unlock()
        clock.advance(1)
        out += [before, d.called, waiting.locked, first.lock(), len(clock.getDelayedCalls())]
        late = w.defer.DeferredFilesystemLock(path, scheduler=clock)
        e = late.deferUntilLocked(timeout=2)
        clock.pump([1, 1, 1])
        out.append(plain(e)[:2])
        e.addErrback(lambda _: None)
        waiting.unlock()
        return out

    agree(body)


def test_connections_of_one_peer_are_limited() -> None:
    """One host gets so many connections; Twisted's class does not know its own addresses."""
    w = OURS
    factory = w.policies.LimitConnectionsByPeer(w.protocol.Factory.forProtocol(w.wire.Echo))
    factory.maxConnectionsPerPeer = 1
    factory.startFactory()
    here = w.address.IPv4Address("TCP", "192.168.1.1", 1)
    kept = factory.buildProtocol(here)
    kept.makeConnection(w.testing.StringTransport())
    assert factory.buildProtocol(here) is None
    kept.connectionLost(w.protocol.connectionDone)
    assert factory.peerConnections == {}
    assert factory.buildProtocol(here) is not None


def test_the_rate_of_connections_is_limited() -> None:
    """What is read too fast is held back for as long as it was too much."""
    w, clock = OURS, OURS.task.Clock()
    inner = w.protocol.Factory.forProtocol(w.wire.Echo)
    factory = w.policies.ThrottlingFactory(inner, maxConnectionCount=1, readLimit=10)
    factory.callLater = clock.callLater
    one, transport = factory.buildProtocol(None), w.testing.StringTransport()
    one.makeConnection(transport)
    assert factory.buildProtocol(None) is None
    one.dataReceived(b"x" * 25)
    states = []
    for _ in range(3):
        clock.advance(1)
        states.append(transport.producerState)
    assert states == ["paused", "paused", "producing"]
    one.connectionLost(w.protocol.connectionDone)
    assert clock.getDelayedCalls() == []
