"""The DNS server: UDP and TCP in front of a responder, and of upstream servers."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dns.flags
import dns.message
import dns.rcode

from plait.core import MultiService
from plait.errors import FileRefused, NetworkRefused
from plait.net import TCPEndpoint, TCPServer, UDPEndpoint, UDPServer

from ._events import DataRefused
from ._forward import Forwarder, Upstream
from ._hosts import HostsFile
from ._limit import RateLimit
from ._responder import HEADER, Responder, bare
from ._source import Answer, Source
from ._zone import ZoneFile

if TYPE_CHECKING:
    from plait.net import SocketSource

# Seconds between two looks at the files of zones.
_LOOK = 1.0
_TRUNCATED = 0x02
# Bytes of the longest request over UDP. Room for more would cost time at each datagram.
_REQUEST = 4096

#: Whose questions are handed on: this machine, and networks that are not the internet's.
LOCAL = (
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
)


class DNSServer(MultiService):
    """
    A service that answers DNS questions over UDP and TCP.

    Zones come first, then hosts files, then sources of one's own; what none of them knows goes to
    the upstream servers, and is refused where there are none. Files are read again when they
    change.

    Args:
        zones:
            Paths of master files by the names of their zones.
        hosts:
            Paths of files in the format of `/etc/hosts`.
        sources:
            Further sources.
        forward:
            Addresses of upstream servers, with a port behind a colon where it is not 53.
        forward_for:
            Networks whose questions are handed on; others are refused.
        host:
            An address of this machine; empty for all of them.
        port:
            The port, for UDP and TCP; 0 lets the kernel choose one, readable in `port`.
        ttl:
            Seconds that others may keep what comes from a hosts file.
        unknown:
            What a name gets that nobody knows: `refused` or `nxdomain`.
        rate_limit:
            Answers a second over UDP to one network (/24, /56 for IPv6); None for no limit.
        cache:
            How many answers of upstreams are remembered.
        timeout:
            Seconds that an upstream may take.
        udp_payload:
            The largest answer over UDP in bytes, where the asker takes so much.
        idle_timeout:
            Seconds that a TCP connection may be silent.
        max_connections:
            How many TCP connections may be open.
        drain:
            Seconds that questions under way may take at a stop.
        source:
            Where the sockets come from. Default: what `plait.net.socket_source` says.

    Raises:
        EndpointError: An address is not valid.
        NetworkRefused: A network is not one.
        FileRefused: The name of a zone is not one.
        ValueError: There is nothing to answer from.
    """

    def __init__(
        self,
        *,
        zones: Mapping[str, str | os.PathLike[str]] | None = None,
        hosts: Sequence[str | os.PathLike[str]] = (),
        sources: Sequence[Source] = (),
        forward: Sequence[str] = (),
        forward_for: Sequence[str] = LOCAL,
        host: str = "127.0.0.1",
        port: int = 0,
        ttl: int = 60,
        unknown: str = "refused",
        rate_limit: int | None = None,
        cache: int = 16384,
        timeout: float = 2.0,
        udp_payload: int = 1232,
        idle_timeout: float = 10.0,
        max_connections: int = 200,
        drain: float = 5.0,
        source: SocketSource | None = None,
    ) -> None:
        self.zones = [ZoneFile(name, path) for name, path in (zones or {}).items()]
        self.hosts = [HostsFile(path, ttl=ttl, reverse=True, authoritative=True) for path in hosts]
        every: list[Source] = [*self.zones, *self.hosts, *sources]
        if not every and not forward:
            raise ValueError("there is nothing to answer from; expected a zone, hosts or forward")
        code = dns.rcode.NXDOMAIN if unknown == "nxdomain" else dns.rcode.REFUSED
        self.responder = Responder(every, unknown=code, udp_payload=udp_payload)
        self._allowed = _networks(forward_for)
        self._may: dict[str, bool] = {}
        self._limit = RateLimit(rate_limit) if rate_limit else None
        self.forwarder: Forwarder | None = None
        if forward:
            self.forwarder = Forwarder(
                [Upstream.read(each) for each in forward],
                timeout=timeout,
                cache=cache,
                now=time.monotonic,
            )
        self._asking: set[asyncio.Task[None]] = set()
        self.tcp = TCPServer(
            self._serve_stream,
            endpoint=TCPEndpoint(host, port),
            idle_timeout=idle_timeout,
            max_connections=max_connections,
            drain=drain,
            source=source,
        )
        self.udp = _UDP(
            protocol=lambda: _Datagrams(self),
            endpoint=UDPEndpoint(host, port),
            max_size=_REQUEST,
            drain=drain,
            source=source,
        )
        self.udp.dns = self
        self.add(self.tcp, name="tcp")
        self.add(self.udp, name="udp")

    @property
    def port(self) -> int:
        """The port, known once it is prepared; 0 before."""
        return self.tcp.port

    def prepare(self) -> None:
        """Read the zones and hosts files, while everything can still be read."""
        for zone in self.zones:
            zone.load()
        for file in self.hosts:
            _check_hosts(file.path)
            file.version()

    async def start(self) -> None:
        """Watch the zones; the children listen afterwards."""
        if self.zones:
            self.spawn(self._watch(), name="zones")

    async def stop(self) -> None:
        """Give up questions that upstreams have not answered."""
        if self.forwarder is not None:
            await self.forwarder.close()

    async def reload(self) -> None:
        """Read all files again, and forget what upstreams have said."""
        for zone in self.zones:
            await self._load(zone)
        self.responder.forget()
        if self.forwarder is not None:
            self.forwarder.forget()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            for zone in self.zones:
                if zone.changed():
                    await self._load(zone)

    async def _load(self, zone: ZoneFile) -> None:
        try:
            await asyncio.to_thread(zone.load)
        except FileRefused as error:
            # The old contents are answered on.
            self.emit(DataRefused(self.path, error))
        self.responder.forget()

    # Questions.

    def consider(
        self, request: bytes, host: str, *, stream: bool
    ) -> bytes | Coroutine[Any, Any, bytes] | None:
        """
        Return the answer to a request, or what brings it, or None when there is nothing to say.

        Args:
            request:
                The request's bytes.
            host:
                The asker's address.
            stream:
                Whether it came over TCP.
        """
        responder = self.responder
        known = responder.remembered(request, stream=stream)
        if known is not None:
            return known
        query = responder.read(request)
        if not isinstance(query, dns.message.QueryMessage):
            return query
        answer = responder.known(query)
        forwarder = self.forwarder
        if answer is not None or forwarder is None:
            unknown = Answer(code=responder.unknown)
            return responder.finish(request, query, answer or unknown, stream=stream)
        if not query.flags & dns.flags.RD or not self._may_ask(host):
            refusal = dns.message.make_response(query)
            refusal.set_rcode(dns.rcode.REFUSED)
            return responder.fit(query, refusal, stream=stream)
        response = forwarder.remembered(query)
        if response is not None:
            return responder.fit(query, response, stream=stream)
        return self._hand_on(forwarder, query, stream=stream)

    async def _hand_on(
        self, forwarder: Forwarder, query: dns.message.QueryMessage, *, stream: bool
    ) -> bytes:
        response = await forwarder.ask(query)
        return self.responder.fit(query, response, stream=stream)

    def _may_ask(self, host: str) -> bool:
        found = self._may.get(host)
        if found is None:
            try:
                address = ipaddress.ip_address(host.partition("%")[0])
            except ValueError:
                return False
            mapped = getattr(address, "ipv4_mapped", None)
            found = any((mapped or address) in network for network in self._allowed)
            if len(self._may) >= 4096:
                self._may.clear()
            self._may[host] = found
        return found

    def answer_datagram(self, request: bytes, addr: Any, transport: Any) -> None:
        """Answer a request over UDP, now or when an upstream has answered."""
        limit = self._limit
        if limit is not None:
            verdict = limit.verdict(addr[0], time.monotonic())
            if verdict is not True:
                if verdict is None and len(request) >= HEADER and request[2] < 0x80:
                    transport.sendto(bare(request, 0, _TRUNCATED), addr)
                return
        answer = self.consider(request, addr[0], stream=False)
        if isinstance(answer, bytes):
            transport.sendto(answer, addr)
        elif answer is not None:
            task = asyncio.get_running_loop().create_task(_send_later(answer, transport, addr))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def finish_datagrams(self, seconds: float) -> None:
        """Let the questions that came over UDP be answered, within so many seconds."""
        if self._asking:
            _, late = await asyncio.wait(self._asking, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _serve_stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        peer = writer.get_extra_info("peername")
        host = peer[0] if isinstance(peer, tuple) else ""
        while True:
            try:
                size = int.from_bytes(await reader.readexactly(2), "big")
                request = await reader.readexactly(size)
            except asyncio.IncompleteReadError:
                return
            answer = self.consider(request, host, stream=True)
            if answer is not None and not isinstance(answer, bytes):
                answer = await answer
            if answer is None:
                return  # no question: this peer speaks something else
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()


class _UDP(UDPServer):
    """The UDP side, at the port that the TCP side has got."""

    dns: DNSServer

    def prepare(self) -> None:
        if isinstance(self.endpoint, UDPEndpoint) and not self.endpoint.port:
            self.endpoint = self.endpoint.replace(port=self.dns.tcp.port)
        super().prepare()

    async def stop(self) -> None:
        await self.dns.finish_datagrams(self._drain)
        await super().stop()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DNSServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._server.answer_datagram(data, addr, self._transport)


async def _send_later(answer: Coroutine[Any, Any, bytes], transport: Any, addr: Any) -> None:
    data = await answer
    if not transport.is_closing():
        transport.sendto(data, addr)


def _networks(texts: Sequence[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError:
            raise NetworkRefused(text) from None
    return found


def _check_hosts(path: Path) -> None:
    """Refuse a file that cannot be read now; later it may come and go."""
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileRefused(str(path), reason, "a file in the format of /etc/hosts") from None
