"""Who may connect: networks, the allow list, and the proxies whose word is taken."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from plait.errors import NetworkRefused, ProxyHeaderRefused

from ._connection import NotAdmitted

if TYPE_CHECKING:
    from ._connection import Connection

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

LOCAL = "unix"


class Networks:
    """
    A set of networks.

    Args:
        texts:
            Networks such as `10.0.0.0/8`, single addresses, or `unix` for peers on UNIX sockets.

    Raises:
        NetworkRefused:
            A text is none of these.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        if isinstance(texts, str):
            texts = (texts,)  # one network where a list was expected: what was meant is clear
        self._local = False
        self._networks: list[_Network] = []
        for text in texts:
            if text == LOCAL:
                self._local = True
                continue
            try:
                self._networks.append(ipaddress.ip_network(text))
            except ValueError:
                raise NetworkRefused(text) from None

    def __contains__(self, address: Any) -> bool:
        """Return whether a peer's address, as `accept` gives it, is in one of the networks."""
        if not isinstance(address, tuple):
            return self._local
        try:
            found = ipaddress.ip_address(str(address[0]).partition("%")[0])
        except ValueError:
            return False
        # What an IPv4 client looks like on a dual-stack socket.
        mapped = getattr(found, "ipv4_mapped", None)
        found = mapped if mapped is not None else found
        return any(found in network for network in self._networks)


class Gate:
    """
    Decides whether a connection is served, and who it is with.

    Args:
        allow:
            Networks that clients may come from; None for all.
        proxies:
            Networks of the proxies that send a PROXY header; None for none.
    """

    def __init__(self, allow: Networks | None, proxies: Networks | None) -> None:
        self._allow = allow
        self._proxies = proxies

    async def admit(self, connection: Connection, sock: socket.socket, seconds: float) -> None:
        """
        Take the PROXY header off a connection where one is due, and look at the allow list.

        Args:
            connection:
                Learns the client's address from the header.
            sock:
                Its socket.
            seconds:
                How long the header may take.

        Raises:
            NotAdmitted:
                The peer may not connect, or has sent no proper header.
            OSError:
                The connection broke.
        """
        nameless = False
        if self._proxies is not None and connection.peer in self._proxies:
            from ._proxy import read_header

            try:
                async with asyncio.timeout(seconds):
                    header = await read_header(asyncio.get_running_loop(), sock)
            except ProxyHeaderRefused as error:
                raise NotAdmitted(str(error)) from None
            except TimeoutError:
                raise NotAdmitted(f"no PROXY protocol header within {seconds:g} s") from None
            if header.local:
                return  # the proxy itself, looking whether the server is well
            nameless = header.source is None
            if not nameless:
                connection.replace_peer(header.source, header.destination)
        if self._allow is None:
            return
        if nameless:
            raise NotAdmitted("the proxy does not say who the client is")
        if connection.peer not in self._allow:
            raise NotAdmitted("its address is not on the allow list")
