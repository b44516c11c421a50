"""The transports of TCP and UNIX connections."""

from __future__ import annotations

import os
import socket
from typing import Any

from .ancillary import DescriptorTransport
from .stream import Connection
from .words import Words


def address_of(words: Words, sock: socket.socket, raw: Any) -> Any:
    """Return the address object for what the socket module returned."""
    kinds = words.address
    if sock.family == socket.AF_INET:
        return kinds.IPv4Address("TCP", raw[0], raw[1])
    if sock.family == socket.AF_INET6:
        return kinds.IPv6Address("TCP", *raw)
    return kinds.UNIXAddress(os.fsencode(raw) if raw else None)


class TCPConnection(Connection):
    """A TCP connection, which may become a TLS one."""

    def getTcpNoDelay(self) -> bool:
        """Tell whether small packets go out at once."""
        return bool(self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Say whether small packets go out at once; asyncio's transports begin with True."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, enabled)

    def getTcpKeepAlive(self) -> bool:
        """Tell whether the kernel probes an idle peer."""
        return bool(self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Say whether the kernel probes an idle peer."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, enabled)

    def startTLS(self, contextFactory: Any, normal: bool = True) -> None:
        """
        Go on in TLS from here.

        Args:
            contextFactory:
                What makes the TLS context, or the client options.
            normal:
                Whether the side that connected is the TLS client, which it normally is.
        """
        client = (self.server is None) == bool(normal)
        self.reactor.words.tls.start(self, contextFactory, client)

    def _ssl(self) -> Any:
        return self._transport.get_extra_info("ssl_object") if self.TLS else None

    def getPeerCertificate(self) -> Any:
        """Return the peer's certificate, None when it sent none."""
        return self.reactor.words.tls.peer_certificate(self._ssl())

    @property
    def negotiatedProtocol(self) -> bytes | None:
        """The protocol chosen by ALPN, None when there was no choice."""
        tls = self._ssl()
        chosen = None if tls is None else tls.selected_alpn_protocol()
        return None if chosen is None else str(chosen).encode()

    def _prefix(self) -> str:
        name = super()._prefix()
        return f"{name} (TLS)" if self.TLS else name


class UNIXConnection(Connection):
    """A connection over a UNIX socket."""

    def sendFileDescriptor(self, descriptor: int) -> None:
        """
        Send a descriptor along with the next byte that is written; it stays open here.

        Args:
            descriptor:
                Its number.
        """
        if not self.connected or self.disconnecting or self._write_ending:
            return
        if not isinstance(self._transport, DescriptorTransport):
            before = self._transport
            # The loop's transport closes its own descriptor, not the connection.
            self.socket = self.socket.dup()
            self._use(DescriptorTransport(self))
            self._transport.follow(before)
            self._bind()
        self._transport.send_descriptor(descriptor)

    def _carried(self) -> bool:
        receiver = self.reactor.words.interfaces.IFileDescriptorReceiver
        if not receiver.providedBy(self._protocol):
            return False
        DescriptorTransport(self).begin()
        return True

    def _descriptor_came(self, descriptor: int) -> None:
        """Hand a descriptor to the protocol; one that takes none must not leave it open."""
        receiver = self.reactor.words.interfaces.IFileDescriptorReceiver(self._protocol, None)
        if receiver is None or not self.connected:
            os.close(descriptor)
        else:
            self.reactor.guard(receiver.fileDescriptorReceived, descriptor)
