"""How many answers a second a network gets: forged senders must not be drowned by ours."""

from __future__ import annotations

import socket


class RateLimit:
    """
    Counts answers over UDP by the network of the asker: /24 for IPv4, /56 for IPv6.

    Args:
        rate:
            Answers a second.
        slip:
            Of those too many, each so-manyth is answered with "ask over TCP", which a forged sender
            does not do; the others are dropped.
        most:
            How many networks are counted; beyond, all others share one count.
    """

    def __init__(self, rate: int, *, slip: int = 2, most: int = 65536) -> None:
        self.rate = rate
        self.slip = slip
        self._most = most
        self._second = -1
        self._counts: dict[str | bytes, int] = {}

    def verdict(self, host: str, now: float) -> bool | None:
        """Return True to answer, None to answer with truncation, False to say nothing."""
        second = int(now)
        counts = self._counts
        if second != self._second:
            self._second = second
            counts.clear()
        key = _network(host)
        if len(counts) >= self._most and key not in counts:
            key = ""
        count = counts[key] = counts.get(key, 0) + 1
        if count <= self.rate:
            return True
        return None if self.slip and (count - self.rate) % self.slip == 0 else False


def _network(host: str) -> str | bytes:
    if ":" not in host:
        return host.rpartition(".")[0]
    try:
        packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    except OSError:
        return host
    if packed.startswith(b"\0" * 10 + b"\xff\xff"):
        return packed[12:15]
    return packed[:7]
