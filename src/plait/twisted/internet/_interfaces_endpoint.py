"""What endpoints, their parsers and the makers of TLS contexts promise."""

# An interface's methods are written without `self`: they describe calls as a caller makes them.
# mypy: disable-error-code="misc, no-untyped-def"

from __future__ import annotations

from zope.interface import Attribute, Interface


class IStreamClientEndpoint(Interface):
    """A place to connect to."""

    def connect(protocolFactory):
        """Connect; returns a Deferred with the protocol."""


class IStreamServerEndpoint(Interface):
    """A place to listen at."""

    def listen(protocolFactory):
        """Listen; returns a Deferred with an IListeningPort."""


class IStreamServerEndpointStringParser(Interface):
    """A plug-in that makes server endpoints of a new kind."""

    prefix = Attribute("The word in front of the first colon.")

    def parseStreamServer(reactor, *args, **kwargs):
        """Return the endpoint for the rest of the description."""


class IStreamClientEndpointStringParserWithReactor(Interface):
    """A plug-in that makes client endpoints of a new kind."""

    prefix = Attribute("The word in front of the first colon.")

    def parseStreamClient(reactor, *args, **kwargs):
        """Return the endpoint for the rest of the description."""


class IOpenSSLContextFactory(Interface):
    """A maker of TLS contexts."""

    def getContext():
        """Return the context."""


class IOpenSSLServerConnectionCreator(Interface):
    """A maker of server side TLS connections."""

    def serverConnectionForTLS(tlsProtocol):
        """Return the connection object."""


class IOpenSSLClientConnectionCreator(Interface):
    """A maker of client side TLS connections."""

    def clientConnectionForTLS(tlsProtocol):
        """Return the connection object."""


class ICipher(Interface):
    """A cipher of TLS."""

    fullName = Attribute("Its name.")


class IAcceptableCiphers(Interface):
    """A choice of ciphers."""

    def selectCiphers(availableCiphers):
        """Return those of the available ones that may be used."""
