"""The web server: a site and its requests."""

from __future__ import annotations

import html
import secrets
from typing import Any
from urllib.parse import quote as _quote
from urllib.parse import unquote_to_bytes

from zope.interface import implementer

from plait.twisted._absent import absent
from plait.twisted.logger import Logger
from plait.twisted.python.components import Componentized
from plait.twisted.python.failure import Failure
from plait.twisted.python.reflect import safe_repr

from . import http, iweb, resource
from ._session import Session as Session
from .error import Error, UnsupportedMethod
from .http import NO_CONTENT as NO_CONTENT
from .http import NOT_MODIFIED as NOT_MODIFIED

__all__ = [
    "NOT_DONE_YET",
    "NOT_MODIFIED",
    "NO_CONTENT",
    "Request",
    "Session",
    "Site",
    "date_time_string",
    "quote",
    "string_date_time",
    "supportedMethods",
    "version",
]

NOT_DONE_YET = 1
supportedMethods = (b"GET", b"HEAD", b"POST")
version = b"plait"

date_time_string = http.datetimeToString
string_date_time = http.stringToDatetime


def quote(string: bytes, *args: Any, **kwargs: Any) -> bytes:
    """Return bytes as they are written in addresses."""
    return _quote(string, *args, **kwargs).encode("ascii")


@implementer(iweb.IRequest)
class Request(http.Request, Componentized):
    """A request to a site: finds its resource and sends what that renders."""

    _log = Logger("twisted.web.server.Request")
    defaultContentType: bytes | None = b"text/html"
    site: Any = None
    appRootURL: Any = None
    _encoder: Any = None
    _inFakeHead = False

    prepath: list[bytes]
    postpath: list[bytes]

    def __init__(self, channel: Any, *args: Any, **kw: Any) -> None:
        http.Request.__init__(self, channel, *args, **kw)
        Componentized.__init__(self)
        # The one that goes over TLS only, and the other: who knows one must not get at the other.
        self._sessions: dict[bool, Any] = {}

    def process(self) -> None:
        """Find the resource and render it."""
        self.site = self.channel.site
        self.setHeader(b"Server", version)
        self.setHeader(b"Date", http.datetimeToString())
        self.prepath = []
        if self.path == b"*":
            self._answer_star()
            return
        self.postpath = [unquote_to_bytes(each) for each in self.path[1:].split(b"/")]
        try:
            self.render(self.site.getResourceFor(self))
        except Exception:
            self.processingFailed(Failure())

    def _answer_star(self) -> None:
        self.defaultContentType = None  # there is no content
        if self.method == b"OPTIONS":
            self.setResponseCode(200)
        else:
            self.setResponseCode(405)
            self.setHeader(b"allow", b"OPTIONS")
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
            self._page(500, "Request did not return bytes", _said(self, resrc, body))
            return
        if body and self.method == b"HEAD":
            self._log.info(
                "Warning: HEAD request {request} for resource {resource} is returning a message "
                "body. I think I'll eat it.",
                request=self,
                resource=resrc,
            )
        # The answer to HEAD may say how long the body would be; then that stays.
        if not self.startedWriting and (body or self.method != b"HEAD"):
            self.setHeader(b"content-length", b"%d" % len(body))
        self.write(b"" if self.method == b"HEAD" else body)
        self.finish()

    def _refuse(self, allowed: Any) -> None:
        name = html.escape(self.method.decode("latin-1"))
        if self.method in supportedMethods:
            listed = ", ".join(
                each.decode("latin-1") if isinstance(each, bytes) else each for each in allowed
            )
            self.setHeader(b"Allow", listed.encode("latin-1"))
            uri = html.escape(self.uri.decode("latin-1"))
            text = (
                f'Your browser approached me (at {uri}) with the method "{name}".  '
                f"I only allow the methods {listed} here."
            )
            self._page(405, "Method Not Allowed", text)
        else:
            self._page(501, "Huh?", f"I don't know how to treat a {name} request.")

    def _page(self, code: int, brief: str, text: str) -> None:
        body = resource.ErrorPage(code, brief, text).render(self)
        self.setHeader(b"content-length", b"%d" % len(body))
        self.write(b"" if self.method == b"HEAD" else body)
        self.finish()

    def processingFailed(self, reason: Any) -> Any:
        """Log a failure and answer 500, with the traceback if the site says so."""
        if not reason.check(Error):
            self._log.failure("", failure=reason)
        if self.finished or self._disconnected:
            return reason
        if self.startedWriting:
            self.loseConnection()
            return reason
        shown = ""
        self.setHeader(b"content-type", b"text/html")
        if getattr(self.site, "displayTracebacks", False):
            shown = f"<pre>{html.escape(reason.getTraceback())}</pre>"
            self.setHeader(b"content-type", b"text/html; charset=utf-8")
        body = (
            "<html><head><title>Processing Failed</title></head><body>"
            f"<b>Processing Failed</b>{shown}</body></html>"
        ).encode()
        self.setResponseCode(500)
        self.setHeader(b"content-length", b"%d" % len(body))
        self.write(b"" if self.method == b"HEAD" else body)
        self.finish()
        return reason

    # ---- addresses

    def prePathURL(self) -> bytes:
        """Return the address of the resource that was found."""
        return self._url(b"/".join(quote(each, safe="") for each in self.prepath))

    def _url(self, path: bytes) -> bytes:
        secure = self.isSecure()
        port = getattr(self.getHost(), "port", None)
        shown = self.getRequestHostname()
        if port not in (None, 443 if secure else 80):
            shown = b"%b:%d" % (shown, port)
        return b"http%b://%b/%b" % (b"s" if secure else b"", shown, path)

    def URLPath(self) -> Any:
        """Return the address of the resource that was found, as an object."""
        from plait.twisted.python.urlpath import URLPath

        return URLPath.fromRequest(self)

    def childLink(self, name: bytes) -> bytes:
        """Return a relative link to a child."""
        if self.postpath:
            return b"../" * (len(self.postpath) - 1) + name
        here = self.prepath[-1] if self.prepath else b""
        return here + b"/" + name if here else name

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

    @property
    def session(self) -> Any:
        """The session that was asked for, of a secure connection the secure one; else None."""
        return self._sessions.get(self.isSecure())

    def getSession(self, sessionInterface: Any = None, forceNotSecure: bool = False) -> Any:
        """Return the client's session, made and given a cookie if need be."""
        secure = self.isSecure() and not forceNotSecure
        cookie = b"TWISTED_SECURE_SESSION" if secure else b"TWISTED_SESSION"
        session = self._sessions.get(secure)
        if session is None:
            session = self.site.sessions.get(self.getCookie(cookie))
            if session is None:
                session = self.site.makeSession()
                self.addCookie(cookie, session.uid, path=b"/", secure=secure, httpOnly=True)
            self._sessions[secure] = session
        session.touch()
        if sessionInterface is not None:
            return session.getComponent(sessionInterface)
        return session


def _said(request: Any, resrc: Any, body: Any) -> str:
    """Return the markup that says what a resource returned that is not bytes."""
    shown = [html.escape(safe_repr(each)) for each in (request, resrc, body)]
    return "Request: <pre>{}</pre><br />Resource: <pre>{}</pre><br />Value: <pre>{}</pre>".format(
        *shown
    )


class Site(http.HTTPFactory):
    """
    A web site: a factory that any stream transport can drive.

    Args:
        resource:
            The root of the resources.
        requestFactory:
            Makes requests.
        args:
            As for `HTTPFactory`: the access log's path, seconds a connection may be idle, what
            makes the lines of the access log, the clock.
        parsePOSTFormSubmission:
            Whether the values of a form that was posted become part of a request's `args`.
        kwargs:
            The same by their names.
    """

    displayTracebacks = False
    isLeaf = True
    counter = 0
    sessionFactory = Session
    sessionCheckTime = 60
    requestFactory: Any = Request

    def __init__(
        self,
        resource: Any,
        requestFactory: Any = None,
        *args: Any,
        parsePOSTFormSubmission: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.resource = resource
        self.sessions: dict[bytes, Any] = {}
        if requestFactory is not None:
            self.requestFactory = requestFactory
        self._forms = parsePOSTFormSubmission

    def acceptableProtocols(self) -> list[bytes]:
        """Return the protocols that a TLS client may choose from."""
        return [b"http/1.1"]

    def buildProtocol(self, addr: Any) -> Any:
        """Return the protocol of a connection."""
        channel = super().buildProtocol(addr)
        if channel is not None:
            channel.site = self
            channel.requestFactory = self._make if not self._forms else self.requestFactory
        return channel

    def _make(self, channel: Any, queued: Any = None) -> Any:
        return self.requestFactory(channel, queued, parsePOSTFormSubmission=False)

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
