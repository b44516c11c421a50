"""Names from a file in the format of /etc/hosts."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Hashable
from pathlib import Path

from ._source import Answer, Question, Record

A = 1
AAAA = 28
PTR = 12
ANY = 255


class HostsFile:
    """
    A source of addresses that follows its file: a change is seen at the next look at the clock.

    Args:
        path:
            The file; while it is missing, nothing is known.
        ttl:
            Seconds others may keep an answer.
        shared:
            Whether a name that has addresses, but none of the family asked for, is left to the next
            source. Otherwise the answer is empty, which says that the name exists.
        reverse:
            Whether it also knows the names of its addresses.
        authoritative:
            Whether it speaks for its names.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = "/etc/hosts",
        *,
        ttl: int = 3600,
        shared: bool = False,
        reverse: bool = False,
        authoritative: bool = False,
    ) -> None:
        self.path = Path(path)
        self.ttl = ttl
        self.shared = shared
        self.reverse = reverse
        self.authoritative = authoritative
        self._names: dict[str, list[tuple[int, str]]] = {}
        self._version: Hashable = ()

    def version(self) -> Hashable:
        """Return the file's identity and times; they change when it is edited or replaced."""
        try:
            found = os.stat(self.path)
        except OSError:
            now: Hashable = None
        else:
            now = (found.st_ino, found.st_mtime_ns, found.st_size)
        if now != self._version:
            self._names = self._read()
            self._version = now
        return now

    def _read(self) -> dict[str, list[tuple[int, str]]]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return {}
        names: dict[str, list[tuple[int, str]]] = {}
        for line in text.splitlines():
            words = line.partition("#")[0].split()
            if len(words) < 2:
                continue
            try:
                address = ipaddress.ip_address(words[0].partition("%")[0])
            except ValueError:
                continue
            entry = (A if address.version == 4 else AAAA, str(address))
            if self.reverse:
                pointer = (PTR, words[1].rstrip(".") + ".")
                names.setdefault(address.reverse_pointer, [pointer])
            for name in words[1:]:
                known = names.setdefault(name.lower().rstrip("."), [])
                if entry not in known:
                    known.append(entry)
        return names

    def addresses(self, name: str, kind: int) -> list[str]:
        """
        Return the addresses of a name.

        Args:
            name:
                The host's name, in any case.
            kind:
                1 for IPv4, 28 for IPv6, 255 for both.
        """
        if not self._version:
            self.version()
        found = self._names.get(name.lower().rstrip("."), ())
        wanted = (A, AAAA) if kind == ANY else (kind,)
        return [text for which, text in found if which in wanted]

    def lookup(self, question: Question) -> Answer | None:
        """Return the addresses of a name, None when the file does not have it."""
        found = self._names.get(question.name)
        if not found:
            return None
        records = tuple(
            Record(kind, self.ttl, text) for kind, text in found if question.kind in (kind, ANY)
        )
        if not records and self.shared and question.kind in (A, AAAA):
            return None
        return Answer(records, authoritative=self.authoritative)
