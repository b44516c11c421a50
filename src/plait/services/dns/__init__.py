"""
DNS: a server, and the engine below it.

`DNSServer` answers over UDP and TCP. The engine knows nothing of sockets: sources (`HostsFile`,
`ZoneFile`, or anything with the same two methods) say what is known, and a `Responder` turns a
request into its answer, remembering finished answers so that a question asked again costs one
dictionary look-up.

Names are fetched from their modules when they are first used, so that the ready-made service can be
listed without dnspython.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.lazy import fetching

from ._dns import dns as dns

if TYPE_CHECKING:
    from ._events import DataRefused as DataRefused
    from ._hosts import HostsFile as HostsFile
    from ._limit import RateLimit as RateLimit
    from ._responder import Responder as Responder
    from ._server import DNSServer as DNSServer
    from ._source import Answer as Answer
    from ._source import Question as Question
    from ._source import Record as Record
    from ._source import Source as Source
    from ._zone import ZoneFile as ZoneFile

__all__ = [
    "Answer",
    "DNSServer",
    "DataRefused",
    "HostsFile",
    "Question",
    "RateLimit",
    "Record",
    "Responder",
    "Source",
    "ZoneFile",
    "dns",
]

_HOME = {
    "Answer": "_source",
    "DNSServer": "_server",
    "DataRefused": "_events",
    "HostsFile": "_hosts",
    "Question": "_source",
    "RateLimit": "_limit",
    "Record": "_source",
    "Responder": "_responder",
    "Source": "_source",
    "ZoneFile": "_zone",
}

__getattr__ = fetching(__name__, _HOME)
