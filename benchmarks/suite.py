"""The benchmarks by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import alone, churn, echo, names, processes, web
from .harness.run import Run


class Benchmark(NamedTuple):
    """
    One benchmark.

    Args:
        says: What it measures.
        measure: Does it.
        bases: The contenders with whom its tables compare the others: the first one that is there.
    """

    says: str
    measure: Callable[[Run], None]
    bases: tuple[str, ...]


BENCHMARKS = {
    "echo-tcp": Benchmark("Echo over TCP", echo.tcp, ("uvloop protocol",)),
    "echo-tls": Benchmark("Echo over TLS", echo.tls, ("uvloop protocol",)),
    "echo-unix": Benchmark("Echo over UNIX sockets", echo.unix, ("uvloop protocol",)),
    "echo-udp": Benchmark("Echo over UDP", echo.udp, ("Twisted",)),
    "churn": Benchmark("Connections that come and go", churn.churn, ("uvloop protocol",)),
    "start": Benchmark(
        "Start, stop and memory of a process", processes.start, ("uvloop protocol",)
    ),
    "idle": Benchmark("Idle connections", processes.idle, ("uvloop protocol",)),
    "tree": Benchmark("Trees of services", alone.tree, ("Twisted",)),
    "timers": Benchmark("Timers", alone.timers, ("asyncio call_at",)),
    "logging": Benchmark("Logging", alone.logging, ("stdlib",)),
    "deferred": Benchmark("Deferreds", alone.deferred, ("Twisted",)),
    "dns": Benchmark("DNS from a hosts file", names.dns, ("Twisted",)),
    "web": Benchmark("Web servers", web.web, ("uvicorn", "starlette")),
}
