"""Ports for tests: what is written for people says 7001, what is run by a test takes a free one."""

from __future__ import annotations

import random
import re
import socket

_WRITTEN = re.compile(r"\b70\d\d\b")


def free_port() -> int:
    """Return a port nobody listens on."""
    return _free_block(1)


def _free_block(count: int) -> int:
    """
    Return the first of so many ports in a row nobody listens on.

    They are below the range from which the system picks for clients. The generator is one of its
    own, because the tests' one starts from the same seed in each worker.
    """
    pick = random.SystemRandom()
    while True:
        first = pick.randrange(20_000, 32_000 - count)
        if all(_is_free(port) for port in range(first, first + count)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Ports:
    """Moves the ports 7000 to 7099 in texts to a hundred free ones, so that ranges stay ranges."""

    def __init__(self) -> None:
        self._first = _free_block(100)

    def __getitem__(self, written: int) -> int:
        return self._first + written - 7000

    def moved(self, text: str) -> str:
        """Return the text with the ports moved."""
        return _WRITTEN.sub(lambda found: str(self[int(found[0])]), text)

    def back(self, text: str) -> str:
        """Return a text with the ports as they were written."""
        return re.sub(r"\b[23]\d{4}\b", lambda found: self._written(found[0]), text)

    def _written(self, port: str) -> str:
        distance = int(port) - self._first
        return str(7000 + distance) if 0 <= distance < 100 else port
