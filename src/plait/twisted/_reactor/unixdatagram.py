"""Datagram ports on UNIX sockets."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any

from .tcp import address_of
from .udp import DatagramPort, Socket

if TYPE_CHECKING:
    from .reactor import Reactor


class UNIXDatagramPort(DatagramPort):
    """The transport of listenUNIXDatagram and connectUNIXDatagram."""

    kind = "UNIX"

    def __init__(
        self,
        reactor: Reactor,
        address: Any,
        protocol: Any,
        maxPacketSize: int = 8192,
        mode: int | None = 0o666,
        remote: Any = None,
    ) -> None:
        super().__init__(reactor, protocol, maxPacketSize)
        self.port = None if address is None else os.fsdecode(address)
        self.mode = mode
        self.remoteaddr = None if remote is None else os.fsdecode(remote)

    def _open(self) -> Socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            if self.port is not None:
                sock.bind(self.port)
                if self.mode is not None and not self.port.startswith("\0"):
                    os.chmod(self.port, self.mode)
            if self.remoteaddr is not None:
                sock.connect(self.remoteaddr)
                self._connectedAddr = self.remoteaddr
        except OSError as error:
            sock.close()
            raise self.reactor.words.error.CannotListenError(None, self.port, error) from error
        return sock

    def _address(self, raw: Any) -> Any:
        assert self.socket is not None
        return address_of(self.reactor.words, self.socket, raw)

    def _where(self) -> Any:
        return repr(self.port or self.remoteaddr)

    def write(self, datagram: bytes, address: Any = None) -> Any:
        """Send a datagram to a path, or to the peer of a connected port."""
        if self._connectedAddr is not None:
            return self._send(datagram, None)
        return self._send(datagram, os.fsdecode(address))

    def _finish(self) -> None:
        if self.port is not None and not self.port.startswith("\0"):
            with contextlib.suppress(OSError):
                os.unlink(self.port)
        super()._finish()


class ConnectedUNIXDatagramPort(UNIXDatagramPort):
    """The transport of connectUNIXDatagram; its protocol knows whom it talks to."""

    def _receiver(self) -> Any:
        received = self.protocol.datagramReceived
        return lambda data, _peer: received(data)

    def startListening(self) -> None:
        """Connect and start the protocol, or tell it that there is nobody."""
        try:
            super().startListening()
        except self.reactor.words.error.CannotListenError as error:
            self.protocol.connectionFailed(self.reactor.words.failure(error.socketError))

    def disconnect(self) -> Any:
        """Close the port, as the service of connectUNIXDatagram asks for it."""
        return self.stopListening()

    def getPeer(self) -> Any:
        """Return the address of the other side."""
        path = self.remoteaddr
        return self.reactor.words.address.UNIXAddress(None if path is None else path.encode())
