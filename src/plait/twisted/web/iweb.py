"""What the parts of a web server promise each other."""

# Methods of an interface are declared without self.
# mypy: disable-error-code="misc, no-untyped-def"

from __future__ import annotations

from zope.interface import Attribute, Interface

from plait.twisted._absent import absent

__all__ = [
    "IAccessLogFormatter",
    "INonQueuedRequestFactory",
    "IRequest",
]


class IRequest(Interface):
    """A request, and the answer to it."""

    method = Attribute("The method, as bytes.")
    uri = Attribute("The address as it was sent, as bytes.")
    path = Attribute("The path of it, still quoted.")
    args = Attribute("The values of query and form: lists of bytes, by name.")
    prepath = Attribute("The parts of the path that led to the resource.")
    postpath = Attribute("The parts of the path that are left for it.")
    requestHeaders = Attribute("The header fields that came.")
    content = Attribute("A file with the body that came.")
    responseHeaders = Attribute("The header fields of the answer.")

    def getHeader(key):
        """Return the last value of a header field, None without."""

    def getCookie(key):
        """Return a cookie of the request, None without."""

    def getAllHeaders():
        """Return the last value of each header field."""

    def getRequestHostname():
        """Return the host name the client asked for."""

    def getHost():
        """Return the server's address."""

    def getClientAddress():
        """Return the client's address."""

    def getClientIP():
        """Return the client's IP address, None where it has none."""

    def getUser():
        """Return the user of basic authentication."""

    def getPassword():
        """Return the password of basic authentication."""

    def isSecure():
        """Tell whether the client speaks TLS."""

    def getSession(sessionInterface=None):
        """Return the client's session."""

    def URLPath():
        """Return the address of the resource, as an object."""

    def prePathURL():
        """Return the address of the resource."""

    def rememberRootURL():
        """Remember the address up to here as the application's root."""

    def getRootURL():
        """Return the remembered address."""

    def finish():
        """End the answer."""

    def write(data):
        """Send a piece of the body."""

    def addCookie(
        k,
        v,
        expires=None,
        domain=None,
        path=None,
        max_age=None,
        comment=None,
        secure=None,
    ):
        """Set a cookie with the answer."""

    def setResponseCode(code, message=None):
        """Set the status of the answer."""

    def setHeader(k, v):
        """Set a header field of the answer."""

    def redirect(url):
        """Send the client elsewhere."""

    def setLastModified(when):
        """Say when the resource changed."""

    def setETag(etag):
        """Give the resource's entity tag."""

    def setHost(host, port, ssl=0):
        """Say by which name, port and scheme clients know this server."""


class IAccessLogFormatter(Interface):
    """What makes the lines of the access log."""

    def __call__(timestamp, request):
        """Return the line of a request."""


class INonQueuedRequestFactory(Interface):
    """What makes requests that need not be told whether they are queued."""

    def __call__(channel):
        """Return a request."""


_CLIENT = "it belongs to web.client: install Twisted itself (pip install twisted)"

__getattr__ = absent(
    __name__,
    {
        **dict.fromkeys(
            [
                "IAgent",
                "IAgentEndpointFactory",
                "IBodyProducer",
                "IClientRequest",
                "IPolicyForHTTPS",
                "IResponse",
                "UNKNOWN_LENGTH",
            ],
            _CLIENT,
        ),
        **dict.fromkeys(
            ["ICredentialFactory", "IRenderable", "ITemplateLoader", "IUsernameDigestHash"],
            "install Twisted itself (pip install twisted)",
        ),
    },
)
