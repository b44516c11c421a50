"""What resolvers have in common."""

from __future__ import annotations

import socket
from typing import Any

from zope.interface import implementer

from plait.twisted.internet import defer
from plait.twisted.internet.error import DNSLookupError
from plait.twisted.internet.interfaces import IResolver

from . import dns
from .error import (
    DNSFormatError,
    DNSNameError,
    DNSNotImplementedError,
    DNSQueryRefusedError,
    DNSServerError,
    DNSUnknownError,
)

__all__ = [
    "EMPTY_RESULT",
    "ResolverBase",
]

EMPTY_RESULT: tuple[tuple[Any, ...], ...] = (), (), ()

_LOOKUPS = {
    "lookupAFSDatabase": 18,
    "lookupAddress": 1,
    "lookupAddress6": 38,
    "lookupAllRecords": 255,
    "lookupAuthority": 6,
    "lookupCanonicalName": 5,
    "lookupHostInfo": 13,
    "lookupIPV6Address": 28,
    "lookupMailBox": 7,
    "lookupMailExchange": 15,
    "lookupMailGroup": 8,
    "lookupMailRename": 9,
    "lookupMailboxInfo": 14,
    "lookupNameservers": 2,
    "lookupNamingAuthorityPointer": 35,
    "lookupNull": 10,
    "lookupPointer": 12,
    "lookupResponsibility": 17,
    "lookupSenderPolicy": 99,
    "lookupService": 33,
    "lookupText": 16,
    "lookupWellKnownServices": 11,
    "lookupZone": 252,
}

_CODES = {
    dns.EFORMAT: DNSFormatError,
    dns.ESERVER: DNSServerError,
    dns.ENAME: DNSNameError,
    dns.ENOTIMP: DNSNotImplementedError,
    dns.EREFUSED: DNSQueryRefusedError,
}


def _lookup_of(kind: int) -> Any:
    def lookup(self: Any, name: Any, timeout: Any = None) -> Any:
        """Look up the records of one type; returns a Deferred of answers, authority, additional."""
        return self._lookup(_bytes(name), dns.IN, kind, timeout)

    return lookup


def _bytes(name: Any) -> bytes:
    return dns.Name(name).name


@implementer(IResolver)
class ResolverBase:
    """
    A resolver; a subclass answers all look-ups in `_lookup`, or each in its own method.

    A look-up returns a Deferred of answers, authority and additional.
    """

    typeToMethod: dict[int, Any]

    def __init__(self) -> None:
        self.typeToMethod = {kind: getattr(self, name) for name, kind in _LOOKUPS.items()}

    def exceptionForCode(self, responseCode: int) -> type[Exception]:
        """Return the error for a code of an answer."""
        return _CODES.get(responseCode, DNSUnknownError)

    def query(self, query: Any, timeout: Any = None) -> Any:
        """Answer a question; returns a Deferred of answers, authority and additional."""
        method = self.typeToMethod.get(query.type)
        if method is None:
            return self._lookup(query.name.name, dns.IN, query.type, timeout)
        return defer.maybeDeferred(method, query.name.name, timeout)

    def _lookup(self, name: bytes, cls: int, type: int, timeout: Any) -> Any:
        return defer.fail(NotImplementedError("ResolverBase._lookup"))

    def getHostByName(self, name: Any, timeout: Any = None, effort: int = 10) -> Any:
        """
        Look up an address.

        Args:
            name:
                The host's name.
            timeout:
                Seconds for each attempt.
            effort:
                How many other names may lead to it.

        Returns:
            A Deferred of the address as text.
        """
        found = self.lookupAllRecords(name, timeout)  # type: ignore[attr-defined]  # made below
        return found.addCallback(self._address, _bytes(name), effort)

    def _address(self, records: Any, name: bytes, effort: int) -> Any:
        answers = [each for section in records for each in section]
        wanted = dns.Name(name)
        for header in answers:
            if header.name == wanted and header.type == dns.A:
                return socket.inet_ntop(socket.AF_INET, header.payload.address)
            if header.name == wanted and header.type == dns.AAAA:
                return socket.inet_ntop(socket.AF_INET6, header.payload.address)
        for header in answers:
            if header.name == wanted and header.type == dns.CNAME and effort > 0:
                real = header.payload.name
                if any(each.name == real for each in answers):
                    return self._address(records, real.name, effort - 1)
                return self.getHostByName(real.name, None, effort - 1)
        raise DNSLookupError(name)


for _name, _kind in _LOOKUPS.items():
    _made = _lookup_of(_kind)
    _made.__name__ = _name
    _made.__qualname__ = f"ResolverBase.{_name}"
    setattr(ResolverBase, _name, _made)
