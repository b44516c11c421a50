"""One connection of the web server: h11 reads and frames, requests answer one after another."""

from __future__ import annotations

from typing import Any

import h11

from plait.twisted.internet.interfaces import ISSLTransport
from plait.twisted.internet.protocol import Protocol
from plait.twisted.logger import Logger

from ._codes import RESPONSES
from ._request import Request

__all__ = ["HTTPChannel"]

# Bytes of further requests kept while one is answered, before the client is held back.
AHEAD = 65536
# A request is being read; else the next one waits for an answer, one that offers an upgrade too.
_READING = (h11.IDLE, h11.SEND_BODY)
# The last request is whole: what comes behind it is nobody's.
_LAST = (h11.MUST_CLOSE, h11.CLOSED)


class HTTPChannel(Protocol):
    """
    The protocol of an HTTP server.

    A subclass may set `requestFactory` to a `Request` of its own.
    """

    _log = Logger("twisted.web.http.HTTPChannel")
    requestFactory: Any = Request
    maxHeaders = 500
    totalHeadersSize = 16384
    timeOut: float | None = 60
    abortTimeout: float | None = 15
    site: Any = None
    factory: Any = None
    _request: Any = None
    _idle: Any = None
    _held = False
    _broken = False
    _answered = False
    _begun = False
    _at_work = False

    def connectionMade(self) -> None:
        """Wait for requests."""
        # A head that comes in pieces; one that comes at once is measured by _fault.
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=2 * self.totalHeadersSize)
        self._ahead = 0
        self._wait()

    # ---- the idle timeout

    def _wait(self) -> None:
        self._stop_waiting()
        if self.timeOut is not None:
            self._idle = self._clock().callLater(self.timeOut, self._timed_out)

    def _stop_waiting(self) -> None:
        if self._idle is not None and self._idle.active():
            self._idle.cancel()
        self._idle = None

    def _timed_out(self) -> None:
        self._log.info("Timing out client: {peer}", peer=self.transport.getPeer())
        self.transport.loseConnection()
        if self.abortTimeout is not None:
            # A client that takes nothing keeps what is to be sent, and with it the connection.
            self._idle = self._clock().callLater(self.abortTimeout, self._force)

    def _force(self) -> None:
        self._idle = None
        self._log.info("Forcibly timing out client: {peer}", peer=self.transport.getPeer())
        self.transport.abortConnection()

    def _clock(self) -> Any:
        clock: Any = getattr(self.factory, "reactor", None)
        if clock is None:
            from plait.twisted.internet import reactor as clock
        return clock

    # ---- reading

    def dataReceived(self, data: bytes) -> None:
        """Read requests."""
        if self._broken or not data or self._h11.their_state in _LAST:
            return
        if self._idle is not None:
            self._idle.reset(self.timeOut)
        if not self._begun:
            # Some clients send an empty line too many after the body of the last request.
            data = data.removeprefix(b"\r\n") if self._h11.their_state is h11.IDLE else data
            self._begun = bool(data)
        self._h11.receive_data(data)
        self._ahead += len(data)
        self._events()
        if self._ahead > AHEAD and self._h11.their_state not in _READING and not self._held:
            self._held = True
            self.transport.pauseProducing()

    def _events(self) -> None:
        if self._at_work:
            return  # an answer has ended within the loop below, which goes on to the next request
        self._at_work = True
        try:
            self._read()
        finally:
            self._at_work = False

    def _read(self) -> None:
        while not self._broken and self._h11.their_state not in _LAST:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError:
                self.refuse(400)
                return
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return
            self._ahead = 0
            if type(event) is h11.Request:
                self._begin(event)
            elif type(event) is h11.Data:
                self._request.handleContentChunk(bytes(event.data))
            elif type(event) is h11.EndOfMessage:
                self._end()
            elif type(event) is h11.ConnectionClosed:
                return

    def refuse(self, code: int) -> None:
        """Answer a request that cannot be read with a status alone, and close."""
        self._broken = True
        self._stop_waiting()
        if not self._answered:
            self.transport.write(b"HTTP/1.1 %d %s\r\n\r\n" % (code, RESPONSES[code]))
        self.transport.loseConnection()

    def _fault(self, event: h11.Request) -> bool:
        """Tell whether a head is one that h11 lets pass and that is better refused."""
        names = [name for name, _value in event.headers]
        return (
            event.http_version not in (b"1.1", b"1.0")
            or (b"content-length" in names and b"transfer-encoding" in names)
            or len(names) > self.maxHeaders
            or sum(len(name) + len(value) for name, value in event.headers) > self.totalHeadersSize
            or len(event.target) > self.totalHeadersSize
        )

    def _begin(self, event: h11.Request) -> None:
        if self._fault(event):
            self.refuse(400)
            return
        self._request = request = self.requestFactory(self, False)
        request.site = self.site
        for name, value in event.headers:
            request.requestHeaders.addRawHeader(bytes(name), bytes(value))
        self._line = (bytes(event.method), bytes(event.target), b"HTTP/" + event.http_version)
        request.parseCookies()
        if self._h11.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            self.transport.write(self._h11.send(go_on))
        length = request.requestHeaders.getRawHeaders(b"content-length")
        chunked = request.requestHeaders.hasHeader(b"transfer-encoding")
        request.gotLength(None if chunked else int(length[0]) if length else 0)

    def _end(self) -> None:
        self._stop_waiting()
        self._request.requestReceived(*self._line)

    # ---- answering, as the request asks for it

    def writeHeaders(self, version: bytes, code: int, reason: bytes, headers: Any) -> None:
        """Send the head of the answer."""
        pairs = [(name, value) for name, values in headers for value in values]
        response = h11.Response(status_code=code, headers=pairs, reason=reason)
        data = self._h11.send(response)
        if version == b"HTTP/1.0" and data.startswith(b"HTTP/1.1"):
            data = b"HTTP/1.0" + data[8:]
        self._answered = True
        self.transport.write(data)

    def writeBody(self, data: bytes) -> None:
        """Send a piece of the body."""
        framed = self._h11.send(h11.Data(data=data))
        if framed:
            self.transport.write(framed)

    def requestDone(self, request: Any) -> None:
        """Send the end of the answer and go on to the next request, or close."""
        self._request = None
        try:
            end = self._h11.send(h11.EndOfMessage())
        except h11.LocalProtocolError:
            self.loseConnection()  # fewer bytes than promised: only closing says so
            return
        if end:
            self.transport.write(end)
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            self.loseConnection()
            return
        self._h11.start_next_cycle()
        self._answered = self._begun = False
        if self._held:
            self._held = False
            self.transport.resumeProducing()
        self._wait()
        self._events()

    def loseConnection(self) -> None:
        """Close."""
        self._broken = True
        self.transport.loseConnection()

    def abortConnection(self) -> None:
        """Close at once."""
        self._broken = True
        self.transport.abortConnection()

    def isSecure(self) -> bool:
        """Tell whether the connection speaks TLS."""
        return bool(getattr(self.transport, "TLS", False)) or ISSLTransport.providedBy(
            self.transport
        )

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Let a producer feed the answer."""
        self.transport.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """Let the producer go."""
        self.transport.unregisterProducer()

    def getPeer(self) -> Any:
        """Return the client's address."""
        return self.transport.getPeer()

    def getHost(self) -> Any:
        """Return the server's address."""
        return self.transport.getHost()

    def connectionLost(self, reason: Any = None) -> None:
        """Tell the request under way."""
        self._broken = True
        self._stop_waiting()
        request, self._request = self._request, None
        if request is not None:
            request.connectionLost(reason)
