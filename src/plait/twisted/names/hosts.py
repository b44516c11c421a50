"""Names from a file in the format of /etc/hosts."""

from __future__ import annotations

import os
from typing import Any

from plait.services.dns import HostsFile
from plait.twisted.internet import defer

from . import common, dns
from .error import DomainError

__all__ = ["Resolver", "searchFileFor", "searchFileForAll"]

_IPV4 = 1
_IPV6 = 28


def _path(file: Any) -> str:
    return os.fsdecode(getattr(file, "path", file))


def searchFileForAll(hostsFile: Any, name: bytes | str) -> list[str]:
    """
    Return all addresses of a name.

    Args:
        hostsFile:
            A FilePath or a path.
        name:
            The host's name, in any case.
    """
    known = HostsFile(_path(hostsFile))
    return known.addresses(os.fsdecode(name), 255)


def searchFileFor(file: Any, name: bytes | str) -> str | None:
    """Return the first address of a name, None without one."""
    found = searchFileForAll(file, name)
    return found[0] if found else None


class Resolver(common.ResolverBase):
    """
    Answers from a hosts file.

    Args:
        file:
            The file.
        ttl:
            Seconds others may keep an answer.
    """

    def __init__(self, file: Any = b"/etc/hosts", ttl: int = 60 * 60) -> None:
        super().__init__()
        self.file = file
        self.ttl = ttl
        self.source = HostsFile(_path(file), ttl=ttl, shared=True)

    def _found(self, name: bytes | str, kind: int) -> Any:
        text = os.fsdecode(name)
        self.source.version()
        payload: Any = dns.Record_A if kind == _IPV4 else dns.Record_AAAA
        answers = tuple(
            dns.RRHeader(name, kind, dns.IN, self.ttl, payload(address, self.ttl))
            for address in self.source.addresses(text, kind)
        )
        if answers:
            return defer.succeed((answers, (), ()))
        return defer.fail(DomainError(name))

    def lookupAddress(self, name: bytes | str, timeout: Any = None) -> Any:
        """Look up IPv4 addresses; returns a Deferred of answers, authority and additional."""
        return self._found(name, _IPV4)

    def lookupIPV6Address(self, name: bytes | str, timeout: Any = None) -> Any:
        """Look up IPv6 addresses; returns a Deferred of answers, authority and additional."""
        return self._found(name, _IPV6)

    def lookupAllRecords(self, name: bytes | str, timeout: Any = None) -> Any:
        """Look up what there is, which is IPv4 addresses first of all, as in Twisted."""
        return self.lookupAddress(name, timeout)

    def query(self, query: Any, timeout: Any = None) -> Any:
        """Answer a question; returns a Deferred of answers, authority and additional."""
        if query.type == _IPV6:
            return self.lookupIPV6Address(query.name.name, timeout)
        if query.type in (_IPV4, dns.ALL_RECORDS):
            return self.lookupAddress(query.name.name, timeout)
        self.source.version()
        if self.source.addresses(os.fsdecode(query.name.name), 255):
            return defer.succeed(((), (), ()))  # the name exists, without such records
        return defer.fail(DomainError(query.name.name))
