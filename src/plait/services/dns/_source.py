"""What a source of DNS data is asked and what it answers."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple, Protocol


class Question(NamedTuple):
    """
    What is asked.

    Args:
        name:
            The name in lower case, without the dot at the end.
        kind:
            The record type's number, such as 1 for A; 255 asks for all.
    """

    name: str
    kind: int


class Record(NamedTuple):
    """
    One record of an answer.

    Args:
        kind:
            The record type's number.
        ttl:
            Seconds the answer may be kept.
        text:
            The data as zone files write it, such as `192.0.2.7`.
        name:
            The owner; empty means the name that was asked.
    """

    kind: int
    ttl: int
    text: str
    name: str = ""


class Answer(NamedTuple):
    """
    What a source knows about a question.

    Args:
        records:
            The records, none when the name exists without records of this type.
        code:
            The response code: 0 no error, 3 no such name.
        authoritative:
            Whether the source speaks for the zone.
        authority:
            Records that say who speaks for it: the SOA of an answer without records, the servers
            that a part of the zone is left to.
        additional:
            Addresses of servers named in the others.
    """

    records: tuple[Record, ...] = ()
    code: int = 0
    authoritative: bool = False
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()


class Source(Protocol):
    """
    Anything that knows names.

    Its answers are remembered until its version changes, so both methods are called on the loop and
    must not block.
    """

    def version(self) -> Hashable:
        """Return something that changes whenever answers may have changed."""

    def lookup(self, question: Question) -> Answer | None:
        """
        Look up a name.

        Args:
            question:
                The name and the type that are asked for.

        Returns:
            What is known; None when this source has nothing to say, and the next one is asked.
        """
