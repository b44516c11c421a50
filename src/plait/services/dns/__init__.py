"""
A DNS engine: question bytes in, answer bytes out.

It knows nothing of sockets. Sources (`HostsFile`, or anything with the same two methods) say what
is known, and a `Responder` turns a request into its answer, remembering finished answers so that a
question asked again costs one dictionary look-up.
"""

from __future__ import annotations

from ._hosts import HostsFile as HostsFile
from ._responder import Responder as Responder
from ._source import (
    Answer as Answer,
)
from ._source import (
    Question as Question,
)
from ._source import (
    Record as Record,
)
from ._source import (
    Source as Source,
)

__all__ = ["Answer", "HostsFile", "Question", "Record", "Responder", "Source"]
