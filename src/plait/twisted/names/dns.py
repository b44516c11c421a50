"""DNS messages and the protocols that carry them over UDP and TCP."""

from __future__ import annotations

import random
import struct
from typing import Any

from plait.twisted._absent import absent
from plait.twisted.internet import defer
from plait.twisted.internet.protocol import DatagramProtocol, Protocol
from plait.twisted.python import log

from ._messages import Message as Message
from ._names import Name as Name
from ._names import Query as Query
from ._names import RRHeader as RRHeader
from ._records import Record as Record
from ._records import Record_A as Record_A
from ._records import Record_AAAA as Record_AAAA
from ._records import Record_AFSDB as Record_AFSDB
from ._records import Record_CNAME as Record_CNAME
from ._records import Record_DNAME as Record_DNAME
from ._records import Record_HINFO as Record_HINFO
from ._records import Record_MX as Record_MX
from ._records import Record_NAPTR as Record_NAPTR
from ._records import Record_NS as Record_NS
from ._records import Record_NULL as Record_NULL
from ._records import Record_PTR as Record_PTR
from ._records import Record_RP as Record_RP
from ._records import Record_SOA as Record_SOA
from ._records import Record_SPF as Record_SPF
from ._records import Record_SRV as Record_SRV
from ._records import Record_SSHFP as Record_SSHFP
from ._records import Record_TXT as Record_TXT
from ._records import SimpleRecord as SimpleRecord
from ._records import UnknownRecord as UnknownRecord
from ._types import EXT_QUERIES as EXT_QUERIES
from ._types import QUERY_CLASSES as QUERY_CLASSES
from ._types import QUERY_TYPES as QUERY_TYPES
from ._types import seconds
from .error import AuthoritativeDomainError as AuthoritativeDomainError
from .error import DNSQueryTimeoutError as DNSQueryTimeoutError
from .error import DomainError as DomainError

__all__ = [
    "A",
    "A6",
    "AAAA",
    "AFSDB",
    "ALL_RECORDS",
    "ANY",
    "AXFR",
    "AuthoritativeDomainError",
    "CH",
    "CNAME",
    "CS",
    "DNAME",
    "DNSDatagramProtocol",
    "DNSMixin",
    "DNSProtocol",
    "DNSQueryTimeoutError",
    "DomainError",
    "EBADKEY",
    "EBADSIG",
    "EBADTIME",
    "EBADVERSION",
    "EFORMAT",
    "ENAME",
    "ENOTIMP",
    "EREFUSED",
    "ESERVER",
    "EXT_QUERIES",
    "HINFO",
    "HS",
    "IN",
    "IXFR",
    "MAILA",
    "MAILB",
    "MB",
    "MD",
    "MF",
    "MG",
    "MINFO",
    "MR",
    "MX",
    "Message",
    "NAPTR",
    "NS",
    "NULL",
    "Name",
    "OK",
    "OPT",
    "OP_INVERSE",
    "OP_NOTIFY",
    "OP_QUERY",
    "OP_STATUS",
    "OP_UPDATE",
    "PORT",
    "PTR",
    "QUERY_CLASSES",
    "QUERY_TYPES",
    "Query",
    "REV_CLASSES",
    "REV_TYPES",
    "RP",
    "RRHeader",
    "Record",
    "Record_A",
    "Record_AAAA",
    "Record_AFSDB",
    "Record_CNAME",
    "Record_DNAME",
    "Record_HINFO",
    "Record_MX",
    "Record_NAPTR",
    "Record_NS",
    "Record_NULL",
    "Record_PTR",
    "Record_RP",
    "Record_SOA",
    "Record_SPF",
    "Record_SRV",
    "Record_SSHFP",
    "Record_TXT",
    "SOA",
    "SPF",
    "SRV",
    "SSHFP",
    "SimpleRecord",
    "TIMEOUT",
    "TKEY",
    "TSIG",
    "TXT",
    "UnknownRecord",
    "WKS",
    "domainString",
    "str2time",
]

PORT = 53

(A, NS, MD, MF, CNAME, SOA, MB, MG, MR, NULL, WKS, PTR, HINFO, MINFO, MX, TXT, RP, AFSDB) = range(
    1, 19
)
AAAA, SRV, NAPTR, A6, DNAME, OPT, SSHFP, TSIG, SPF = 28, 33, 35, 38, 39, 41, 44, 250, 99
TKEY = 249
IXFR, AXFR, MAILB, MAILA, ALL_RECORDS = range(251, 256)
IN, CS, CH, HS, ANY = 1, 2, 3, 4, 255
OP_QUERY, OP_INVERSE, OP_STATUS, OP_NOTIFY, OP_UPDATE = 0, 1, 2, 4, 5
OK, EFORMAT, ESERVER, ENAME, ENOTIMP, EREFUSED = range(6)
EBADVERSION, EBADSIG, EBADKEY, EBADTIME = 16, 16, 17, 18

REV_TYPES = {name: number for number, name in (QUERY_TYPES | EXT_QUERIES).items()}
REV_CLASSES = {name: number for number, name in QUERY_CLASSES.items()}

# Seconds an answer is waited for, unless the caller says otherwise.
TIMEOUT = 10


def str2time(s: Any) -> Any:
    """
    Return a time in seconds; a text may end in a unit: `2H`.

    Args:
        s:
            A text, or a number that is returned as it is.

    Raises:
        ValueError: The text is no time.
    """
    return seconds(s)


def domainString(domain: bytes | str) -> bytes:
    """Return a name as bytes; what is not ASCII is encoded."""
    return Name(domain).name


class DNSMixin:
    """What both protocols share: questions that wait for their answers."""

    def __init__(self, controller: Any, reactor: Any = None) -> None:
        self.controller = controller
        self._given_reactor = reactor
        self.liveMessages: dict[int, tuple[Any, Any]] = {}
        self.id = random.randrange(2**10, 2**15)

    @property
    def _reactor(self) -> Any:
        if self._given_reactor is None:
            from plait.twisted.internet import reactor

            self._given_reactor = reactor
        return self._given_reactor

    def callLater(self, period: float, func: Any, *args: Any) -> Any:
        """Call something later on the protocol's reactor."""
        return self._reactor.callLater(period, func, *args)

    def pickID(self) -> int:
        """Return a number that no question in flight has."""
        while True:
            number = random.getrandbits(16)
            if number not in self.liveMessages:
                return number

    def _ask(self, queries: Any, timeout: float, id: int | None, send: Any) -> Any:
        number = self.pickID() if id is None else id
        message = Message(number, recDes=1)
        message.queries = list(queries)
        result: Any = defer.Deferred()
        alarm = self.callLater(timeout, self._late, number)
        self.liveMessages[number] = (result, alarm)
        try:
            send(message)
        except Exception:
            del self.liveMessages[number]
            alarm.cancel()
            return defer.fail()
        return result

    def _late(self, number: int) -> None:
        result, _alarm = self.liveMessages.pop(number)
        result.errback(DNSQueryTimeoutError(number))

    def _answered(self, message: Message) -> bool:
        """Return whether the message answers a question of ours, after handing it over."""
        waiting = self.liveMessages.pop(message.id, None)
        if waiting is None:
            return False
        result, alarm = waiting
        alarm.cancel()
        result.callback(message)
        return True


class DNSDatagramProtocol(DNSMixin, DatagramProtocol):
    """
    DNS over UDP.

    Args:
        controller:
            Hears of messages (`messageReceived(message, protocol, address)`).
        reactor:
            The reactor; the global one by default.
    """

    resends: Any = None

    def startProtocol(self) -> None:
        """Begin; a plain DNS server is answered for by the engine, bytes in and bytes out."""
        self.liveMessages = {}
        self.resends = {}
        engine = getattr(self.controller, "engine", None)
        responder = None if engine is None else engine()
        if responder is not None and type(self).datagramReceived is _plain_datagrams:
            self._answer_by(responder)

    def _answer_by(self, responder: Any) -> None:
        respond = responder.respond
        transport: Any = self.transport
        slow = self._slow

        def datagramReceived(data: bytes, addr: Any) -> None:
            if self.liveMessages:
                slow(data, addr)
                return
            answer = respond(data)
            if answer is not None:
                transport.write(answer, addr)

        # On the instance: the port calls it without a detour through the class.
        self.__dict__["datagramReceived"] = datagramReceived

    def stopProtocol(self) -> None:
        """End: what was asked is not waited for any longer."""
        self.__dict__.pop("datagramReceived", None)
        for result, alarm in self.liveMessages.values():
            alarm.cancel()
            result.errback(DNSQueryTimeoutError(0))
        self.liveMessages = {}
        self.transport = None

    def writeMessage(self, message: Message, address: Any) -> None:
        """Send a message."""
        assert self.transport is not None
        transport: Any = self.transport
        transport.write(message.toStr(), address)

    def datagramReceived(self, data: bytes, addr: Any) -> None:
        """Read a message: an answer of ours, or something for the controller."""
        self._slow(data, addr)

    def _slow(self, data: bytes, addr: Any) -> None:
        message = Message()
        try:
            message.fromStr(data)
        except EOFError:
            log.msg(f"Truncated packet ({len(data)} bytes) from {addr}")
            return
        if not (message.answer and self._answered(message)):
            self.controller.messageReceived(message, self, addr)

    def query(self, address: Any, queries: Any, timeout: float = TIMEOUT, id: Any = None) -> Any:
        """Ask; returns a Deferred of the answer's message."""
        if self.transport is None:
            self._reactor.listenUDP(0, self, maxPacketSize=512)
        return self._ask(queries, timeout, id, lambda message: self.writeMessage(message, address))


_plain_datagrams = DNSDatagramProtocol.datagramReceived


class DNSProtocol(DNSMixin, Protocol):
    """
    DNS over TCP: each message after its length in two bytes.

    Args:
        controller:
            Hears of messages and of the connection.
        reactor:
            The reactor; the global one by default.
    """

    length: int | None = None
    buffer = b""
    _responder: Any = None

    def connectionMade(self) -> None:
        """Tell the controller."""
        self.liveMessages = {}
        engine = getattr(self.controller, "engine", None)
        self._responder = None if engine is None else engine()
        self.controller.connectionMade(self)

    def connectionLost(self, reason: Any = None) -> None:
        """Tell the controller."""
        self.controller.connectionLost(self)

    def writeMessage(self, message: Message) -> None:
        """Send a message."""
        message.maxSize = 65535
        data = message.toStr()
        transport: Any = self.transport
        transport.write(struct.pack("!H", len(data)) + data)

    def dataReceived(self, data: bytes) -> None:
        """Cut the stream into messages."""
        self.buffer += data
        while len(self.buffer) >= 2:
            end = 2 + struct.unpack_from("!H", self.buffer)[0]
            if len(self.buffer) < end:
                return
            whole, self.buffer = self.buffer[2:end], self.buffer[end:]
            self._whole(whole)

    def _whole(self, data: bytes) -> None:
        if self._responder is not None and not self.liveMessages:
            answer = self._responder.respond(data, stream=True)
            if answer is not None:
                transport: Any = self.transport
                transport.write(struct.pack("!H", len(answer)) + answer)
            return
        message = Message()
        try:
            message.fromStr(data)
        except EOFError:
            transport = self.transport
            transport.loseConnection()
            return
        if not (message.answer and self._answered(message)):
            self.controller.messageReceived(message, self)

    def query(self, queries: Any, timeout: float = 60) -> Any:
        """Ask; returns a Deferred of the answer's message."""
        return self._ask(queries, timeout, None, self.writeMessage)


_PAST = "A6 MB MD MF MG MINFO MR TSIG WKS"
_OLD = "the type is of the past; its data are bytes in an UnknownRecord"

__getattr__ = absent(
    __name__,
    {
        **dict.fromkeys(
            [
                f"Record_{name}"
                for name in ["A6", "MB", "MD", "MF", "MG", "MINFO", "MR", "TSIG", "WKS"]
            ],
            _OLD,
        ),
        "Charstr": "texts in records are bytes",
        "DNSDecodeError": "what cannot be read is an EOFError",
        "IEncodable": "records have encode and decode",
        "IEncodableRecord": "records have encode and decode",
        "IRecord": "a record has a TYPE",
    },
)
