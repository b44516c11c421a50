"""The request that a resource sees, and its answer."""

from __future__ import annotations

import base64
import warnings
from io import BytesIO
from typing import Any

from zope.interface import implementer

from plait.twisted.internet import defer
from plait.twisted.internet.address import IPv4Address
from plait.twisted.internet.interfaces import IConsumer
from plait.twisted.python import log

from ._codes import CACHED, NO_BODY_CODES, RESPONSES
from ._dates import datetimeToString, stringToDatetime
from ._forms import body_file, multipart, parse_qs
from .http_headers import Headers

__all__ = ["Request"]


@implementer(IConsumer)
class Request:
    """
    A request and its answer.

    Args:
        channel:
            The connection it came on.
        queued:
            Unused; kept for compatibility.
        parsePOSTFormSubmission:
            Whether the values of a form that was posted become part of `args`.
    """

    producer: Any = None
    finished = 0
    code = 200
    code_message = RESPONSES[200]
    method: bytes = b"(no method yet)"
    uri: bytes = b"(no uri yet)"
    path: Any = None
    clientproto: bytes = b"(no clientproto yet)"
    startedWriting = 0
    sentLength = 0
    etag: bytes | None = None
    lastModified: float | None = None
    chunked = 0
    content: Any = None
    args: Any = None
    _disconnected = False
    _forceSSL = 0

    def __init__(
        self, channel: Any, queued: Any = None, parsePOSTFormSubmission: bool = True
    ) -> None:
        self.channel = channel
        self._forms = parsePOSTFormSubmission
        self.requestHeaders = Headers()
        self.responseHeaders = Headers()
        self.received_cookies: dict[bytes, bytes] = {}
        self.cookies: list[bytes] = []
        self.notifications: list[Any] = []
        self.client = channel.getPeer()
        self.host = channel.getHost()

    @property
    def transport(self) -> Any:
        """The transport of the connection."""
        return self.channel.transport

    # ---- coming in

    def gotLength(self, length: int | None) -> None:
        """Make the file for a body of a length."""
        self.content = BytesIO() if length is not None and length < 100_000 else body_file()

    def handleContentChunk(self, data: bytes) -> None:
        """Take a piece of the body; a subclass may do so before the rest is there."""
        self.content.write(data)

    def parseCookies(self) -> None:
        """Read the cookies of the request."""
        for line in self.requestHeaders.getRawHeaders(b"cookie", ()):
            for piece in line.split(b";"):
                name, equals, value = piece.strip().partition(b"=")
                if equals:
                    self.received_cookies[name] = value

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Take the request line, read the arguments, and begin to answer."""
        self.content.seek(0, 0)
        self.method, self.uri, self.clientproto = command, path, version
        self.path, _mark, query = path.partition(b"?")
        self.args = parse_qs(query, True)
        kind = self.requestHeaders.getRawHeaders(b"content-type", [b""])[0]
        if command == b"POST" and kind and self._forms:
            try:
                self._read_form(kind)
            except ValueError:
                self.channel.refuse(400)
                return
        self.process()

    def _read_form(self, kind: bytes) -> None:
        main = kind.partition(b";")[0].strip().lower()
        if main == b"application/x-www-form-urlencoded":
            self.args.update(parse_qs(self.content.read(), True))
        elif main == b"multipart/form-data":
            body = self.content.read()
            if body:
                self.args.update(multipart(kind, body))
        self.content.seek(0)

    def process(self) -> None:
        """Answer; a subclass does."""

    # ---- asked by resources

    def notifyFinish(self) -> Any:
        """Return a Deferred that fires when the answer is sent, and fails with the connection."""
        self.notifications.append(defer.Deferred())
        return self.notifications[-1]

    def getHeader(self, key: str | bytes) -> Any:
        """Return the last value of a header field, None without."""
        found = self.requestHeaders.getRawHeaders(key)
        return found[-1] if found else None

    def getAllHeaders(self) -> dict[bytes, bytes]:
        """Return the last value of each header field, by name in lower case."""
        return {name.lower(): values[-1] for name, values in self.requestHeaders.getAllRawHeaders()}

    def getCookie(self, key: bytes) -> bytes | None:
        """Return a cookie of the request, None without."""
        return self.received_cookies.get(key)

    def addCookie(
        self,
        k: Any,
        v: Any,
        expires: Any = None,
        domain: Any = None,
        path: Any = None,
        max_age: Any = None,
        comment: Any = None,
        secure: Any = None,
        httpOnly: bool = False,
        sameSite: Any = None,
    ) -> None:
        """Set a cookie with the answer."""
        cookie = _cookie(k) + b"=" + _cookie(v)
        for name, value in (
            (b"Expires", expires),
            (b"Domain", domain),
            (b"Path", path),
            (b"Max-Age", max_age),
            (b"Comment", comment),
        ):
            if value is not None:
                cookie += b"; " + name + b"=" + _cookie(value)
        if secure:
            cookie += b"; Secure"
        if httpOnly:
            cookie += b"; HttpOnly"
        if sameSite is not None:
            text = _cookie(sameSite).lower()
            if text not in (b"lax", b"strict", b"none"):
                raise ValueError(f"Invalid value for sameSite: {sameSite!r}")
            cookie += b"; SameSite=" + text
        self.cookies.append(cookie)

    def setHeader(self, name: str | bytes, value: Any) -> None:
        """Set a header field of the answer."""
        text = value if isinstance(value, (str, bytes)) else str(value)
        self.responseHeaders.setRawHeaders(name, [text])

    def setResponseCode(self, code: int, message: bytes | None = None) -> None:
        """Set the status of the answer."""
        if not isinstance(code, int):
            raise TypeError("HTTP response code must be int or long")
        self.code = code
        self.code_message = message or RESPONSES.get(code, b"Unknown Status")

    def setLastModified(self, when: float) -> str | None:
        """Say when the resource changed; returns CACHED when the client has it already."""
        when = int(-(-when // 1))
        if self.lastModified is None or self.lastModified < when:
            self.lastModified = when
        asked = self.getHeader(b"if-modified-since")
        if asked:
            try:
                since = stringToDatetime(asked.split(b";", 1)[0])
            except ValueError:
                return None
            if since >= self.lastModified:
                self.setResponseCode(304)
                return CACHED
        return None

    def setETag(self, etag: bytes) -> str | None:
        """Give the resource's entity tag; returns CACHED when the client has it already."""
        self.etag = etag
        asked = self.getHeader(b"if-none-match")
        if asked:
            tags = asked.split()
            if etag in tags or b"*" in tags:
                safe = self.method in (b"HEAD", b"GET")
                self.setResponseCode(304 if safe else 412)
                return CACHED
        return None

    def redirect(self, url: bytes) -> None:
        """Send the client elsewhere."""
        self.setResponseCode(302)
        self.setHeader(b"location", url)

    def getClientAddress(self) -> Any:
        """Return the client's address."""
        return self.client

    def getClientIP(self) -> str | None:
        """Return the client's IP address, None where it has none; `getClientAddress` says more."""
        return self.client.host if hasattr(self.client, "port") else None

    def getHost(self) -> Any:
        """Return the server's address."""
        return self.host

    def getRequestHostname(self) -> bytes:
        """Return the host name the client asked for."""
        host = self.getHeader(b"host")
        if host is not None:
            name: bytes = (
                host.partition(b"]")[0] + b"]" if host[:1] == b"[" else (host.partition(b":")[0])
            )
            return name
        return str(getattr(self.getHost(), "host", "")).encode("ascii")

    def setHost(self, host: bytes, port: int, ssl: int = 0) -> None:
        """Say by which name, port and scheme clients know this server."""
        self._forceSSL = ssl
        self.host = IPv4Address("TCP", host, port)  # type: ignore[arg-type]  # bytes, as in Twisted
        default = 443 if self.isSecure() else 80
        shown = host if port == default else b"%b:%d" % (host, port)
        self.requestHeaders.setRawHeaders(b"host", [shown])

    def isSecure(self) -> bool:
        """Tell whether the client speaks TLS, to us or to what stands in front."""
        return bool(self._forceSSL) or self.channel.isSecure()

    def _credentials(self) -> tuple[bytes, bytes]:
        scheme, _blank, text = (self.getHeader(b"authorization") or b"").partition(b" ")
        if scheme.lower() != b"basic":
            return b"", b""
        try:
            user, _colon, password = base64.b64decode(text).partition(b":")
        except ValueError:
            return b"", b""
        return user, password

    def getUser(self) -> bytes:
        """Return the user of basic authentication, empty without."""
        return self._credentials()[0]

    def getPassword(self) -> bytes:
        """Return the password of basic authentication, empty without."""
        return self._credentials()[1]

    # ---- going out

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Let a producer feed the body."""
        if self.producer is not None:
            raise ValueError(
                f"registering producer {producer} before previous one ({self.producer}) "
                "was unregistered"
            )
        self.producer = producer
        self.channel.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """Let the producer go."""
        self.producer = None
        self.channel.unregisterProducer()

    def write(self, data: bytes) -> None:
        """Send a piece of the body, and the head before the first one."""
        if self.finished:
            raise RuntimeError("Request.write called on a request after Request.finish was called.")
        if self._disconnected:
            return
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"write() takes bytes, not {type(data).__name__}")
        if not self.startedWriting:
            self._write_head()
        if self.method == b"HEAD" or self.code in NO_BODY_CODES:
            return
        self.sentLength += len(data)
        if data:
            self.channel.writeBody(bytes(data))

    def _write_head(self) -> None:
        self.startedWriting = 1
        headers = self.responseHeaders
        if self.lastModified is not None and not headers.hasHeader(b"last-modified"):
            headers.setRawHeaders(b"last-modified", [datetimeToString(self.lastModified)])
        if self.etag is not None:
            headers.setRawHeaders(b"etag", [self.etag])
        for cookie in self.cookies:
            headers.addRawHeader(b"set-cookie", cookie)
        if self.code in NO_BODY_CODES:
            headers.removeHeader(b"content-type")
        self.channel.writeHeaders(
            self.clientproto, self.code, self.code_message, headers.getAllRawHeaders()
        )

    def finish(self) -> None:
        """End the answer."""
        if self._disconnected:
            raise RuntimeError(
                "Request.finish called on a request after its connection was lost; "
                "use Request.notifyFinish to keep track of this."
            )
        if self.finished:
            warnings.warn("Warning! request.finish called twice.", stacklevel=2)
            return
        if not self.startedWriting:
            self.write(b"")
        self.finished = 1
        if self.content is not None:
            self.content.close()
        factory = getattr(self.channel, "factory", None)
        if factory is not None and hasattr(factory, "log"):
            factory.log(self)
        if self.producer is not None:
            # It would feed the answer to the next request, or keep the connection open.
            log.err(RuntimeError(f"Producer was not unregistered for {self.uri!r}"))
            self.unregisterProducer()
        self.channel.requestDone(self)
        notifications, self.notifications = self.notifications, []
        for each in notifications:
            each.callback(None)

    def loseConnection(self) -> None:
        """Close the connection."""
        if self.channel is not None:
            self.channel.loseConnection()

    def connectionLost(self, reason: Any) -> None:
        """Hear that the connection is over before the answer was."""
        self._disconnected = True
        if self.content is not None:
            self.content.close()
        notifications, self.notifications = self.notifications, []
        for each in notifications:
            each.errback(reason)

    def __repr__(self) -> str:
        method, uri, protocol = (
            each.decode("latin-1") for each in (self.method, self.uri, self.clientproto)
        )
        return (
            f"<{type(self).__name__} at {id(self):#x} method={method} uri={uri} "
            f"clientproto={protocol}>"
        )


def _cookie(value: Any) -> bytes:
    text = value if isinstance(value, bytes) else str(value).encode("utf-8")
    return b" ".join(text.splitlines()).replace(b";", b" ")
