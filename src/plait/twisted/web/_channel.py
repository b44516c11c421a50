"""One connection of the web server: h11 reads and frames, requests answer one after another."""

from __future__ import annotations

import tempfile
from typing import Any

import h11

from plait.twisted.internet.protocol import Protocol
from plait.twisted.python import log

__all__ = ["HTTPChannel"]

# Bytes of a body kept in memory; more goes to a file.
IN_MEMORY = 100_000
# Bytes of further requests kept while one is answered, before the client is held back.
AHEAD = 65536
MOST_HEADER = 65536


class HTTPChannel(Protocol):
    """The protocol of a Site."""

    site: Any = None
    factory: Any = None
    requestFactory: Any = None
    timeOut: float | None = 60
    _request: Any = None
    _idle: Any = None
    _held = False
    _body: Any = None
    _broken = False

    def connectionMade(self) -> None:
        """Wait for requests."""
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEADER)
        self._ahead = 0
        self._wait()

    # ---- the idle timeout

    def _wait(self) -> None:
        self._stop_waiting()
        if self.timeOut is not None:
            clock: Any = getattr(self.site, "reactor", None)
            if clock is None:
                from plait.twisted.internet import reactor as clock
            self._idle = clock.callLater(self.timeOut, self._timed_out)

    def _stop_waiting(self) -> None:
        if self._idle is not None and self._idle.active():
            self._idle.cancel()
        self._idle = None

    def _timed_out(self) -> None:
        log.msg(f"Timing out client: {self.transport.getPeer()}")
        self.transport.loseConnection()

    # ---- reading

    def dataReceived(self, data: bytes) -> None:
        """Read requests."""
        if self._broken:
            return
        if self._idle is not None:
            self._idle.reset(self.timeOut)
        self._h11.receive_data(data)
        self._ahead += len(data)
        self._events()
        if self._h11.their_state is h11.DONE and self._ahead > AHEAD and not self._held:
            self._held = True
            self.transport.pauseProducing()

    def _events(self) -> None:
        while not self._broken:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                self._refuse(error.error_status_hint)
                return
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return
            self._ahead = 0
            if type(event) is h11.Request:
                self._begin(event)
            elif type(event) is h11.Data:
                self._body.write(bytes(event.data))
            elif type(event) is h11.EndOfMessage:
                self._end()
            elif type(event) is h11.ConnectionClosed:
                return

    def _refuse(self, code: int) -> None:
        self._broken = True
        reason = {400: b"Bad Request", 431: b"Request Header Fields Too Large"}.get(code, b"Error")
        if self._request is None:
            self.transport.write(b"HTTP/1.1 %d %s\r\n\r\n" % (code, reason))
        self.transport.loseConnection()

    def _begin(self, event: h11.Request) -> None:
        self._request = request = self.requestFactory(self, False)
        request.site = self.site
        for name, value in event.headers:
            request.requestHeaders.addRawHeader(bytes(name), bytes(value))
        self._line = (bytes(event.method), bytes(event.target), b"HTTP/" + event.http_version)
        request.parseCookies()
        if self._h11.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            self.transport.write(self._h11.send(go_on))
        length = request.requestHeaders.getRawHeaders(b"content-length", [b"0"])[0]
        request.gotLength(int(length))
        self._body = request.content

    def _end(self) -> None:
        self._stop_waiting()
        self._body.seek(0)
        self._request.requestReceived(*self._line)

    # ---- answering, as the request asks for it

    def writeHeaders(self, version: bytes, code: int, reason: bytes, headers: Any) -> None:
        """Send the head of the answer."""
        pairs = [(name, value) for name, values in headers for value in values]
        response = h11.Response(status_code=code, headers=pairs, reason=reason)
        data = self._h11.send(response)
        if version == b"HTTP/1.0" and data.startswith(b"HTTP/1.1"):
            data = b"HTTP/1.0" + data[8:]
        self.transport.write(data)

    def writeBody(self, data: bytes) -> None:
        """Send a piece of the body."""
        framed = self._h11.send(h11.Data(data=data))
        if framed:
            self.transport.write(framed)

    def requestDone(self) -> None:
        """Send the end of the answer and go on to the next request, or close."""
        self._request = None
        try:
            end = self._h11.send(h11.EndOfMessage())
        except h11.LocalProtocolError:
            self.transport.loseConnection()  # fewer bytes than promised: only closing says so
            return
        if end:
            self.transport.write(end)
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            self.transport.loseConnection()
            return
        self._h11.start_next_cycle()
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
        return bool(getattr(self.transport, "TLS", False))

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


def body_file(length: int) -> Any:
    """Return a file for a body of a length; a long one is kept on disk."""
    return tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)
