"""Zones from master files, with delegation, wildcards and aliases as RFC 1034 describes them."""

from __future__ import annotations

import os
from collections.abc import Hashable
from pathlib import Path
from typing import NamedTuple

import dns.exception
import dns.name
import dns.rdataset
import dns.rdatatype
import dns.zone

from plait.errors import FileRefused

from ._source import Answer, Question, Record

_A, _NS, _CNAME, _SOA, _AAAA, _DS, _ANY = 1, 2, 5, 6, 28, 43, 255
_NXDOMAIN = 3
_SERVFAIL = 2
# An alias of an alias of an alias: nobody needs so many, and a ring has no end.
_ALIASES = 8

_Sets = dict[int, tuple[Record, ...]]


class _Contents(NamedTuple):
    """A zone as it was read."""

    origin: dns.name.Name
    nodes: dict[dns.name.Name, _Sets]
    # Names that exist without records of their own, because others stand below them.
    between: frozenset[dns.name.Name]
    cuts: frozenset[dns.name.Name]
    negative: tuple[Record, ...]


class ZoneFile:
    """
    A source that speaks for a zone.

    Args:
        origin:
            The zone's name, such as `example.org`.
        path:
            The master file.
    """

    def __init__(self, origin: str, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self.origin = dns.name.from_text(origin.lower())
        except dns.exception.DNSException as error:
            raise FileRefused(
                str(path), f"{origin!r} is no name of a zone ({error})", "one such as example.org"
            ) from None
        self._contents: _Contents | None = None
        self._signature: Hashable = None

    def changed(self) -> bool:
        """Return whether the file is another than the one that was read last, or tried to."""
        return self._look() != self._signature

    def load(self) -> None:
        """
        Read the file; until that succeeds, what was read before is answered.

        Raises:
            FileRefused: It cannot be read, or is not a zone.
        """
        self._signature = self._look()
        try:
            zone = dns.zone.from_file(str(self.path), self.origin, relativize=False)
        except (dns.exception.DNSException, ValueError) as error:
            reason = str(error).replace("\n", " ") or type(error).__name__
            raise FileRefused(str(self.path), reason, "a zone in the master format") from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise FileRefused(str(self.path), reason, "a file that can be read") from None
        self._contents = _read(zone, self.origin)

    def version(self) -> Hashable:
        """Return what has been read; a change of the file shows after `load()`."""
        return id(self._contents)

    def _look(self) -> Hashable:
        try:
            found = os.stat(self.path)
        except OSError:
            return ()
        return (found.st_ino, found.st_mtime_ns, found.st_size)

    def lookup(self, question: Question) -> Answer | None:
        """Return what the zone says, None for names outside of it."""
        name = dns.name.from_text(question.name)
        if not name.is_subdomain(self.origin):
            return None
        zone = self._contents
        if zone is None:
            return Answer(code=_SERVFAIL)
        found: list[Record] = []
        for _ in range(_ALIASES):
            cut = _cut(zone, name, question.kind)
            if cut is not None:
                servers = zone.nodes[cut][_NS]
                # Behind an alias the answer is ours, and ends where the zone does.
                return Answer(
                    tuple(found), 0, bool(found), () if found else servers, _glue(zone, servers)
                )
            sets, owner = _node(zone, name)
            if sets is None:
                return Answer(tuple(found), _NXDOMAIN, True, zone.negative)
            alias = sets.get(_CNAME)
            if alias is None or question.kind in (_CNAME, _ANY):
                return _answer(zone, found, sets, question.kind, owner)
            found += [record._replace(name=owner) for record in alias]
            name = dns.name.from_text(alias[0].text.lower())
            if not name.is_subdomain(zone.origin):
                break
        return Answer(tuple(found), 0, True)


def _answer(zone: _Contents, found: list[Record], sets: _Sets, kind: int, owner: str) -> Answer:
    if kind == _ANY:
        records = [record for each in sets.values() for record in each]
    else:
        records = list(sets.get(kind, ()))
    if not records:
        return Answer(tuple(found), 0, True, zone.negative)
    found += [record._replace(name=owner) for record in records]
    return Answer(tuple(found), 0, True, (), _glue(zone, records))


def _cut(zone: _Contents, name: dns.name.Name, kind: int) -> dns.name.Name | None:
    """Return the name from which on the zone is left to other servers, if it is above `name`."""
    found = None
    above = name
    while above != zone.origin:
        # Of a part's own name, this side answers for the signature of the delegation only.
        if above in zone.cuts and not (kind == _DS and above == name):
            found = above
        above = above.parent()
    return found


def _node(zone: _Contents, name: dns.name.Name) -> tuple[_Sets | None, str]:
    """Return the records of a name, by itself or by a wildcard, and their owner."""
    owner = name.to_text()
    sets = zone.nodes.get(name)
    if sets is not None:
        return sets, owner
    if name in zone.between:
        return {}, owner
    above = name
    while above != zone.origin:
        above = above.parent()
        if above in zone.nodes or above in zone.between:
            break
    wild = dns.name.Name((b"*", *above.labels))
    return zone.nodes.get(wild), owner


def _glue(zone: _Contents, records: tuple[Record, ...] | list[Record]) -> tuple[Record, ...]:
    """Return the addresses in the zone of the hosts that records name."""
    found: list[Record] = []
    for record in records:
        if record.kind not in (_NS, 15, 33):  # MX, SRV
            continue
        host = dns.name.from_text(record.text.split()[-1].lower())
        sets = zone.nodes.get(host, {})
        for kind in (_A, _AAAA):
            found += [each._replace(name=host.to_text()) for each in sets.get(kind, ())]
    return tuple(dict.fromkeys(found))


def _read(zone: dns.zone.Zone, origin: dns.name.Name) -> _Contents:
    nodes: dict[dns.name.Name, _Sets] = {}
    for name, node in zone.nodes.items():
        owner = name.to_text()
        sets: _Sets = {}
        for rdataset in node.rdatasets:
            kind = int(rdataset.rdtype)
            records = tuple(
                Record(kind, rdataset.ttl, rdata.to_text(), owner) for rdata in rdataset
            )
            sets[kind] = sets.get(kind, ()) + records
        nodes[name] = sets
    between = set()
    for name in nodes:
        while name != origin:
            name = name.parent()
            if name in nodes or name in between:
                break
            between.add(name)
    cuts = frozenset(name for name, sets in nodes.items() if _NS in sets and name != origin)
    (soa,) = nodes[origin][_SOA]
    lifetime = min(soa.ttl, int(soa.text.split()[-1]))
    negative = (soa._replace(ttl=lifetime),)
    return _Contents(origin, nodes, frozenset(between), cuts, negative)
