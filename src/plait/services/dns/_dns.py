"""The DNS server as a ready-made service; nothing here imports dnspython."""

from __future__ import annotations

from typing import Annotated, Literal

from plait.core import Service
from plait.plugins import Setting, ready_made


@ready_made("dns", extra="dns")
def dns(
    hosts_file: Annotated[tuple[str, ...], Setting(metavar="FILE")] = (),
    zone: Annotated[dict[str, str] | None, Setting(metavar="NAME=FILE")] = None,
    forward: Annotated[tuple[str, ...], Setting(metavar="ADDRESS")] = (),
    forward_for: Annotated[tuple[str, ...], Setting(metavar="NETWORK")] = (),
    host: str = "127.0.0.1",
    port: int = 53,
    ttl: Annotated[int, Setting(metavar="SECONDS")] = 60,
    unknown: Literal["refused", "nxdomain"] = "refused",
    rate_limit: int | None = None,
    cache: int = 16384,
    timeout: Annotated[float, Setting(metavar="SECONDS")] = 2.0,
    drain: Annotated[float, Setting(metavar="SECONDS")] = 5.0,
) -> Service:
    """
    Answers DNS questions from hosts files and zones, and hands on others.

    Args:
        hosts_file:
            A file in the format of /etc/hosts; it is read again when it changes.
        zone:
            A zone and its master file; it is read again when it changes.
        forward:
            The address of a server that gets the other questions, with a port behind a colon.
        forward_for:
            Networks whose questions are handed on; without it, this machine and private networks.
        host:
            The address to listen on; empty for all.
        port:
            The port to listen on, with UDP and TCP.
        ttl:
            How long others may keep what a hosts file says.
        unknown:
            What a name gets that nobody knows.
        rate_limit:
            Answers a second over UDP to one network; without it, any number.
        cache:
            How many answers of others are remembered.
        timeout:
            Time that a server that got a question may take.
        drain:
            Time that questions under way may take when it stops.

    Returns:
        The service.

    Raises:
        ValueError: There is nothing to answer from.
        EndpointError: An address is not valid.
    """
    from ._server import LOCAL, DNSServer

    return DNSServer(
        zones=zone,
        hosts=hosts_file,
        forward=forward,
        forward_for=forward_for or LOCAL,
        host=host,
        port=port,
        ttl=ttl,
        unknown=unknown,
        rate_limit=rate_limit,
        cache=cache,
        timeout=timeout,
        drain=drain,
    )
