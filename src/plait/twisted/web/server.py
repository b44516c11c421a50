"""The web server: a site and its requests."""

from __future__ import annotations

import html
import os
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from plait.twisted._absent import absent
from plait.twisted.internet.protocol import ServerFactory
from plait.twisted.python import log
from plait.twisted.python.failure import Failure

from . import http, resource
from .error import Error, UnsupportedMethod

__all__ = [
    "NOT_DONE_YET",
    "Request",
    "Session",
    "Site",
    "date_time_string",
    "string_date_time",
    "supportedMethods",
    "version",
]

NOT_DONE_YET = 1
supportedMethods = (b"GET", b"HEAD", b"POST")
version = b"plait"

date_time_string = http.datetimeToString
string_date_time = http.stringToDatetime


class Request(http.Request):
    """A request to a site: finds its resource and sends what that renders."""

    defaultContentType: bytes | None = b"text/html"
    site: Any = None
    appRootURL: Any = None
    session: Any = None
    _encoder: Any = None
    _inFakeHead = False

    def __init__(self, channel: Any, queued: Any = None) -> None:
        super().__init__(channel, queued)
        self.prepath: list[bytes] = []
        self.postpath: list[bytes] = []

    def process(self) -> None:
        """Find the resource and render it."""
        self.site = self.channel.site
        self.setHeader(b"Server", version)
        self.setHeader(b"Date", http.datetimeToString())
        self.prepath = []
        if self.path == b"*" and self.method == b"OPTIONS":
            self._answer_star()
            return
        self.postpath = [unquote_to_bytes(each) for each in self.path[1:].split(b"/")]
        try:
            self.render(self.site.getResourceFor(self))
        except Exception:
            self.processingFailed(Failure())

    def _answer_star(self) -> None:
        self.setResponseCode(200)
        self.setHeader(b"content-length", b"0")
        self.finish()

    def write(self, data: bytes) -> None:
        """Send a piece of the body; says what type it is if nobody did."""
        if not self.startedWriting:
            headers = self.responseHeaders
            needs = self.code not in http.NO_BODY_CODES and self.defaultContentType is not None
            if needs and not headers.hasHeader(b"content-type"):
                headers.setRawHeaders(b"content-type", [self.defaultContentType or b""])
        super().write(data)

    def render(self, resrc: Any) -> None:
        """Render a resource and send what it returns."""
        try:
            body = resrc.render(self)
        except UnsupportedMethod as error:
            self._refuse(error.allowedMethods)
            return
        if body is NOT_DONE_YET:
            return
        if not isinstance(body, bytes):
            detail = (
                f"Request: {self!r}\nResource: {resrc!r}\nValue: {body!r}\n"
                "A resource returns bytes or NOT_DONE_YET."
            )
            log.msg(detail, isError=True)
            self._page(500, "Request did not return bytes", detail)
            return
        # The answer to HEAD may say how long the body would be; then that stays.
        if not self.startedWriting and (body or self.method != b"HEAD"):
            self.setHeader(b"content-length", b"%d" % len(body))
        self.write(b"" if self.method == b"HEAD" else body)
        self.finish()

    def _refuse(self, allowed: Any) -> None:
        name = self.method.decode("latin-1")
        if self.method in supportedMethods:
            listed = ", ".join(each.decode("latin-1") for each in allowed)
            self.setHeader(b"Allow", listed.encode("latin-1"))
            uri = self.uri.decode("latin-1")
            text = (
                f'Your browser approached me (at {uri}) with the method "{name}".  '
                f"I only allow the methods {listed} here."
            )
            self._page(405, "Method Not Allowed", text)
        else:
            self._page(501, "Huh?", f"I don't know how to treat a {name} request.")

    def _page(self, code: int, brief: str, text: str) -> None:
        from .pages import errorPage

        body = errorPage(code, brief, text).render(self)
        self.write(b"" if self.method == b"HEAD" else body)
        self.finish()

    def processingFailed(self, reason: Any) -> Any:
        """Log a failure and answer 500, with the traceback if the site says so."""
        if not reason.check(Error):
            log.err(reason)
        if self.finished or self._disconnected:
            return reason
        if self.startedWriting:
            self.loseConnection()
            return reason
        shown = "Processing Failed"
        if getattr(self.site, "displayTracebacks", False):
            shown = reason.getTraceback()
        body = (
            "<html><head><title>Processing Failed</title></head><body>"
            f"<b>Processing Failed</b><pre>{html.escape(shown)}</pre></body></html>"
        ).encode()
        self.setResponseCode(500)
        self.setHeader(b"content-type", b"text/html; charset=utf-8")
        self.setHeader(b"content-length", b"%d" % len(body))
        self.write(b"" if self.method == b"HEAD" else body)
        self.finish()
        return reason

    # ---- addresses

    def prePathURL(self) -> bytes:
        """Return the address of the resource that was found."""
        return self._url(b"/".join(quote(each, safe="").encode() for each in self.prepath))

    def _url(self, path: bytes) -> bytes:
        secure = self.isSecure()
        port = getattr(self.getHost(), "port", None)
        host = self.getRequestHostname()
        if self._host is not None:
            port = self._host[1]
        shown = host
        if port not in (None, 443 if secure else 80):
            shown = b"%b:%d" % (host, port)
        return b"http%b://%b/%b" % (b"s" if secure else b"", shown, path)

    def childLink(self, name: bytes) -> bytes:
        """Return a relative link to a child."""
        last = self.postpath[-1] if self.postpath else b""
        here = self.prepath[-1] if self.prepath else b""
        return name if last == b"" and here == b"" else here + b"/" + name

    def sibLink(self, name: bytes) -> bytes:
        """Return a relative link to a sibling."""
        return (b"../" * len(self.postpath) if self.postpath else b"") + name

    def rememberRootURL(self) -> None:
        """Remember the address up to here as the application's root."""
        self.appRootURL = self._url(b"/".join(self.prepath[:-1]))

    def getRootURL(self) -> Any:
        """Return the remembered address."""
        return self.appRootURL

    # ---- sessions

    def getSession(self, sessionInterface: Any = None, forceNotSecure: bool = False) -> Any:
        """Return the client's session, made and given a cookie if need be."""
        secure = self.isSecure() and not forceNotSecure
        cookie = b"TWISTED_SECURE_SESSION" if secure else b"TWISTED_SESSION"
        if self.session is None:
            known = self.getCookie(cookie)
            self.session = self.site.sessions.get(known)
            if self.session is None:
                self.session = self.site.makeSession()
                self.addCookie(cookie, self.session.uid, path=b"/", secure=secure, httpOnly=True)
        self.session.touch()
        if sessionInterface is not None:
            return sessionInterface(self.session)
        return self.session


class Session:
    """
    What a site remembers of a client.

    Args:
        site:
            The site.
        uid:
            The session's name, as the cookie has it.
        reactor:
            The clock of its expiry.
    """

    sessionTimeout = 900
    _expireCall: Any = None

    def __init__(self, site: Any, uid: bytes, reactor: Any = None) -> None:
        if reactor is None:
            from plait.twisted.internet import reactor
        self._reactor = reactor
        self.site = site
        self.uid = uid
        self.expireCallbacks: list[Callable[[], object]] = []
        self.touch()

    def startCheckingExpiration(self) -> None:
        """Let the session expire when it is not used for a while."""
        self._expireCall = self._reactor.callLater(self.sessionTimeout, self.expire)

    def notifyOnExpire(self, callback: Callable[[], object]) -> None:
        """Call something when the session expires."""
        self.expireCallbacks.append(callback)

    def expire(self) -> None:
        """End the session."""
        self.site.sessions.pop(self.uid, None)
        callbacks, self.expireCallbacks = self.expireCallbacks, []
        for callback in callbacks:
            callback()
        if self._expireCall is not None and self._expireCall.active():
            self._expireCall.cancel()
        self._expireCall = None

    def touch(self) -> None:
        """Note that the session is in use."""
        self.lastModified = self._reactor.seconds()
        if self._expireCall is not None:
            self._expireCall.reset(self.sessionTimeout)


class Site(ServerFactory[Any]):
    """
    A web site: a factory that any stream transport can drive.

    Args:
        resource:
            The root of the resources.
        requestFactory:
            Makes requests.
        logPath:
            A file for the access log; without it, lines go to the application's log.
        timeout:
            Seconds a connection may be idle.
        logFormatter:
            Makes the lines of the access log.
        reactor:
            The clock of the idle timeout.
    """

    displayTracebacks = False
    sessionFactory = Session
    requestFactory: Any = Request
    protocol: Any = http.HTTPChannel
    logFile: Any = None

    def __init__(
        self,
        resource: Any,
        requestFactory: Any = None,
        logPath: Any = None,
        timeout: float | None = 60,
        logFormatter: Any = None,
        reactor: Any = None,
    ) -> None:
        self.resource = resource
        self.sessions: dict[bytes, Any] = {}
        self.timeOut = timeout
        self.reactor = reactor
        self.logPath = None if logPath is None else os.path.abspath(os.fsdecode(logPath))
        self._format = logFormatter or http.combinedLogFormatter
        if requestFactory is not None:
            self.requestFactory = requestFactory

    def startFactory(self) -> None:
        """Open the access log."""
        if self.logPath is not None:
            self.logFile = open(self.logPath, "ab", buffering=0)  # noqa: SIM115 - closed by stopFactory

    def stopFactory(self) -> None:
        """Close the access log."""
        if self.logFile is not None:
            self.logFile.close()
            self.logFile = None

    def buildProtocol(self, addr: Any) -> Any:
        """Return the protocol of a connection."""
        channel = self.protocol()
        channel.factory = channel.site = self
        channel.requestFactory = self.requestFactory
        channel.timeOut = self.timeOut
        return channel

    def log(self, request: Any) -> None:
        """Write the line of a request to the access log."""
        line = self._format(http.datetimeToLogString(), request)
        if self.logFile is not None:
            self.logFile.write(line.encode("utf-8") + b"\n")
        else:
            log.msg(line)

    def getResourceFor(self, request: Any) -> Any:
        """Return the resource for a request."""
        request.site = self
        request.sitepath = list(request.prepath)
        return resource.getChildForRequest(self.resource, request)

    def getChildWithDefault(self, pathEl: bytes, request: Any) -> Any:
        """Return a child of the root."""
        request.site = self
        return self.resource.getChildWithDefault(pathEl, request)

    def render(self, request: Any) -> Any:
        """Send the client to the address with a slash at the end."""
        request.redirect(request.prePathURL() + b"/")
        request.finish()
        return NOT_DONE_YET

    def makeSession(self) -> Any:
        """Return a new session."""
        uid = secrets.token_hex(16).encode()
        session = self.sessions[uid] = self.sessionFactory(self, uid)
        session.startCheckingExpiration()
        return session

    def getSession(self, uid: bytes) -> Any:
        """Return the session of a name, KeyError without."""
        return self.sessions[uid]


__getattr__ = absent(__name__, {"GzipEncoderFactory": "let a proxy in front compress"})
