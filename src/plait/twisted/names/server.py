"""A DNS server: a chain of resolvers behind UDP and TCP."""

from __future__ import annotations

from time import time
from typing import Any

from plait.services.dns import Responder
from plait.twisted.internet import defer
from plait.twisted.internet.protocol import ServerFactory
from plait.twisted.python import log

from . import dns, hosts
from ._types import type_name
from .error import AuthoritativeDomainError, DomainError

__all__ = ["DNSServerFactory", "ResolverChain"]


class ResolverChain:
    """
    Asks one resolver after the other until one knows the answer.

    Args:
        resolvers:
            The resolvers.
    """

    def __init__(self, resolvers: Any) -> None:
        self.resolvers = list(resolvers)

    def query(self, query: Any, timeout: Any = None) -> Any:
        """Answer a question; returns a Deferred of answers, authority and additional."""
        if not self.resolvers:
            return defer.fail(DomainError(query.name.name))
        result = defer.maybeDeferred(self.resolvers[0].query, query, timeout)
        for resolver in self.resolvers[1:]:
            result.addErrback(self._next, resolver, query, timeout)
        return result

    @staticmethod
    def _next(why: Any, resolver: Any, query: Any, timeout: Any) -> Any:
        why.trap(DomainError, defer.TimeoutError)
        return resolver.query(query, timeout)


class DNSServerFactory(ServerFactory[Any]):
    """
    Answers questions from resolvers, over TCP as a factory and over UDP as a controller.

    Args:
        authorities:
            Resolvers that know their answers.
        caches:
            Resolvers that remember answers.
        clients:
            Resolvers that ask others; with them the server says that it can recurse.
        verbose:
            How much to log.
    """

    protocol = dns.DNSProtocol
    cache: Any = None

    def __init__(
        self, authorities: Any = None, caches: Any = None, clients: Any = None, verbose: int = 0
    ) -> None:
        resolvers = [*(authorities or ()), *(caches or ()), *(clients or ())]
        self.canRecurse = bool(clients)
        self.resolver = ResolverChain(resolvers)
        self.verbose = verbose
        if caches:
            self.cache = caches[-1]
        self.connections: list[Any] = []
        self._engine: Any = None

    def engine(self) -> Responder | None:
        """
        Return what answers bytes with bytes, None when questions must go through the methods.

        They must when a subclass overrides one of them, or a resolver is more than a hosts file.
        """
        if self._engine is None:
            self._engine = self._make_engine() or ()
        return self._engine or None

    def _make_engine(self) -> Responder | None:
        resolvers = self.resolver.resolvers
        plain = all(type(each) is hosts.Resolver for each in resolvers)
        if not plain or not resolvers or self.canRecurse or self.verbose or self._overridden():
            return None
        return Responder([each.source for each in resolvers])

    def _overridden(self) -> bool:
        if type(self.resolver) is not ResolverChain:
            return True
        return any(
            name in vars(self) or getattr(type(self), name) is not getattr(DNSServerFactory, name)
            for name in _HOT
        )

    def buildProtocol(self, addr: Any) -> Any:
        """Return the protocol of a TCP connection."""
        protocol = self.protocol(self)
        protocol.factory = self
        return protocol

    def connectionMade(self, protocol: Any) -> None:
        """Note a TCP connection."""
        self.connections.append(protocol)

    def connectionLost(self, protocol: Any) -> None:
        """Forget a TCP connection."""
        self.connections.remove(protocol)

    def _verboseLog(self, *args: Any) -> None:
        if self.verbose > 0:
            log.msg(*args)

    def _said(self, message: Any) -> None:
        """Log what is answered, as much of it as `verbose` asks for."""
        if self.verbose > 1:
            sections = (message.answers, message.authority, message.additional)
            for verb, section in zip(
                ("Answers are", "Authority is", "Additional is"), sections, strict=True
            ):
                if any(sections):
                    log.msg(f"{verb} {', '.join(str(each.payload) for each in section)}")
            if not any(sections):
                log.msg("Replying with no answers")
        if message.timeReceived is not None:
            self._verboseLog(f"Processed query in {time() - message.timeReceived:.3f} seconds")

    def sendReply(self, protocol: Any, message: Any, address: Any) -> None:
        """Send an answer where the question came from."""
        if self.verbose > 0:
            self._said(message)
        if address is None:
            protocol.writeMessage(message)
        else:
            protocol.writeMessage(message, address)

    def _response(self, message: Any, code: int) -> Any:
        response = dns.Message(
            message.id,
            answer=1,
            opCode=message.opCode,
            recDes=message.recDes,
            recAv=int(self.canRecurse),
            rCode=code,
        )
        response.queries = list(message.queries)
        response.timeReceived = message.timeReceived
        return response

    def gotResolverResponse(self, response: Any, protocol: Any, message: Any, address: Any) -> None:
        """Send what the resolvers found."""
        answers, authority, additional = response
        reply = self._response(message, dns.OK)
        reply.answers, reply.authority, reply.additional = map(
            list, (answers, authority, additional)
        )
        reply.auth = int(any(each.isAuthoritative() for each in answers))
        self.sendReply(protocol, reply, address)
        found = sum(map(len, (answers, authority, additional)))
        self._verboseLog(f"Lookup found {found} record{'s' if found != 1 else ''}")

    def gotResolverError(self, failure: Any, protocol: Any, message: Any, address: Any) -> None:
        """Send that there is no such name, or that the server failed."""
        if failure.check(DomainError, AuthoritativeDomainError):
            code = dns.ENAME
        else:
            code = dns.ESERVER
            log.err(failure)
        self.sendReply(protocol, self._response(message, code), address)
        self._verboseLog("Lookup failed")

    def handleQuery(self, message: Any, protocol: Any, address: Any) -> Any:
        """Ask the resolvers; returns a Deferred."""
        query = message.queries[0]
        return self.resolver.query(query).addCallbacks(
            self.gotResolverResponse,
            self.gotResolverError,
            callbackArgs=(protocol, message, address),
            errbackArgs=(protocol, message, address),
        )

    def _refuse(self, message: Any, protocol: Any, address: Any, code: int, what: str = "") -> None:
        if what:
            self._verboseLog(f"{what} from {address!r}")
        self.sendReply(protocol, self._response(message, code), address)

    def handleInverseQuery(self, message: Any, protocol: Any, address: Any) -> None:
        """Say that inverse queries are not answered."""
        self._refuse(message, protocol, address, dns.ENOTIMP, "Inverse query")

    def handleStatus(self, message: Any, protocol: Any, address: Any) -> None:
        """Say that questions about the status are not answered."""
        self._refuse(message, protocol, address, dns.ENOTIMP, "Status request")

    def handleNotify(self, message: Any, protocol: Any, address: Any) -> None:
        """Say that notifications are not taken."""
        self._refuse(message, protocol, address, dns.ENOTIMP, "Notify message")

    def handleOther(self, message: Any, protocol: Any, address: Any) -> None:
        """Say that the operation is unknown."""
        what = f"Unknown op code ({message.opCode})"
        self._refuse(message, protocol, address, dns.ENOTIMP, what)

    def messageReceived(self, message: Any, proto: Any, address: Any = None) -> None:
        """Answer a message."""
        if message.answer:
            return  # an answer to nothing we asked; a reply to it could bounce for ever
        message.timeReceived = time()
        if self.verbose > 0:
            self._asked(message, proto, address)
        if not message.queries:
            self._refuse(message, proto, address, dns.EFORMAT)
        elif not self.allowQuery(message, proto, address):
            self._refuse(message, proto, address, dns.EREFUSED)
        else:
            handlers: dict[int, Any] = {
                dns.OP_QUERY: self.handleQuery,
                dns.OP_INVERSE: self.handleInverseQuery,
                dns.OP_STATUS: self.handleStatus,
                dns.OP_NOTIFY: self.handleNotify,
            }
            handlers.get(message.opCode, self.handleOther)(message, proto, address)

    def _asked(self, message: Any, proto: Any, address: Any) -> None:
        show = str if self.verbose > 1 else _type
        queries = " ".join(map(show, message.queries))
        log.msg(f"{queries} query from {address or proto.transport.getPeer()}")

    def allowQuery(self, message: Any, protocol: Any, address: Any) -> bool:
        """Tell whether a question may be answered; a subclass may refuse."""
        return True


def _type(query: Any) -> str:
    return type_name(query.type)


_HOT = (
    "messageReceived",
    "handleQuery",
    "gotResolverResponse",
    "gotResolverError",
    "sendReply",
    "allowQuery",
    "_response",
)
