"""Ports for tests: what is written for people says 7001, what is run by a test takes a free one."""

from __future__ import annotations

import random
import re
import socket

_WRITTEN = re.compile(r"\b70\d\d\b")


def free_port() -> int:
    """
    Return a port nobody listens on, below the range from which the system picks for clients.

    Its own generator, because the tests' one starts from the same seed in each worker.
    """
    pick = random.SystemRandom()
    while True:
        port = pick.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Ports:
    """Replaces the ports 7000 to 7099 in texts by free ones, the same always by the same."""

    def __init__(self) -> None:
        self._free: dict[str, int] = {}

    def __getitem__(self, written: int) -> int:
        return int(self.moved(str(written)))

    def moved(self, text: str) -> str:
        """Return the text with the ports replaced."""
        return _WRITTEN.sub(lambda found: str(self._take(found[0])), text)

    def back(self, text: str) -> str:
        """Return a text with the ports as they were written."""
        for written, port in self._free.items():
            text = re.sub(rf"\b{port}\b", written, text)
        return text

    def _take(self, written: str) -> int:
        if written not in self._free:
            self._free[written] = free_port()
        return self._free[written]
