"""What protocols, factories, transports, producers and consumers promise."""

# An interface's methods are written without `self`: they describe calls as a caller makes them.
# mypy: disable-error-code="misc, no-untyped-def"

from __future__ import annotations

from zope.interface import Attribute, Interface


class IAddress(Interface):
    """An address of a peer or a host; comparable and hashable."""


class ILoggingContext(Interface):
    """Something that gives log lines a prefix."""

    def logPrefix():
        """Return the prefix, a short text."""


class IConnector(Interface):
    """An outgoing connection, while it is made and afterwards."""

    def stopConnecting():
        """Give up an attempt to connect."""

    def disconnect():
        """Close the connection, or give up the attempt."""

    def connect():
        """Try to connect, first or again."""

    def getDestination():
        """Return the address to connect to."""


class IListeningPort(Interface):
    """A port that is listened on."""

    def startListening():
        """Begin to listen; raises CannotListenError when that is impossible."""

    def stopListening():
        """Stop; may return a Deferred that fires when it is done."""

    def getHost():
        """Return the local address."""


class IProducer(Interface):
    """A source of data for a consumer."""

    def stopProducing():
        """Produce nothing more, ever."""


class IPushProducer(IProducer):
    """A source that sends of itself until it is told to pause."""

    def pauseProducing():
        """Hold back until resumeProducing is called."""

    def resumeProducing():
        """Go on sending."""


class IPullProducer(IProducer):
    """A source that sends one piece each time it is asked."""

    def resumeProducing():
        """Send one piece."""


class IConsumer(Interface):
    """A taker of data."""

    def registerProducer(producer, streaming):
        """Take data from this producer; streaming says that it pushes."""

    def unregisterProducer():
        """Take no more from the producer."""

    def write(data):
        """Take a piece of data."""


class IProtocol(Interface):
    """One side of a conversation over a stream."""

    def dataReceived(data):
        """Called with the bytes that have arrived."""

    def connectionLost(reason):
        """Called with a Failure when the connection has ended."""

    def makeConnection(transport):
        """Called with the transport to use; calls connectionMade."""

    def connectionMade():
        """Called when the connection is there."""


class IProcessProtocol(Interface):
    """The conversation with a child process."""

    def makeConnection(process):
        """Called with the process transport when the child has been started."""

    def childDataReceived(childFD, data):
        """Called with bytes that the child wrote to one of its descriptors."""

    def childConnectionLost(childFD):
        """Called when one of the child's descriptors has been closed."""

    def processExited(reason):
        """Called with a Failure when the child has exited."""

    def processEnded(reason):
        """Called with a Failure when it has exited and all its descriptors are closed."""


class IHalfCloseableProtocol(Interface):
    """A protocol that can go on when one direction of its connection has ended."""

    def readConnectionLost():
        """Called when the peer sends nothing more."""

    def writeConnectionLost():
        """Called when nothing more can be sent."""


class IHalfCloseableDescriptor(Interface):
    """A descriptor one direction of which can end alone."""

    def writeConnectionLost(reason):
        """Called when nothing more can be written."""

    def readConnectionLost(reason):
        """Called when nothing more can be read."""


class IFileDescriptorReceiver(Interface):
    """A protocol that takes file descriptors sent over a UNIX connection."""

    def fileDescriptorReceived(descriptor):
        """Called with each descriptor, which the protocol owns then."""


class IHandshakeListener(Interface):
    """A protocol that wants to know when TLS is ready."""

    def handshakeCompleted():
        """Called when the handshake is done and the peer has been checked."""


class IProtocolFactory(Interface):
    """A maker of protocols."""

    def buildProtocol(addr):
        """Return a protocol for a connection from that address, or None to refuse it."""

    def doStart():
        """Called each time a port or connector begins to use the factory."""

    def doStop():
        """Called each time one stops using it."""


class IProtocolNegotiationFactory(Interface):
    """A factory that names the protocols it offers in a TLS handshake."""

    def acceptableProtocols():
        """Return the names as a list of bytes, the preferred first."""


class ITransport(Interface):
    """The means to send to a peer."""

    def write(data):
        """Send bytes, some time soon."""

    def writeSequence(data):
        """Send a list of bytes."""

    def loseConnection():
        """Close the connection after all that was written has been sent."""

    def getPeer():
        """Return the peer's address."""

    def getHost():
        """Return the address on this side."""


class ITCPTransport(ITransport):
    """A TCP connection."""

    def loseWriteConnection():
        """Send nothing more after what was written; still receive."""

    def abortConnection():
        """Close at once, dropping what was not sent."""

    def getTcpNoDelay():
        """Return whether small packets are sent at once."""

    def setTcpNoDelay(enabled):
        """Send small packets at once, or gather them."""

    def getTcpKeepAlive():
        """Return whether an idle connection is probed."""

    def setTcpKeepAlive(enabled):
        """Probe an idle connection, or do not."""

    def getHost():
        """Return the local address."""

    def getPeer():
        """Return the peer's address."""


class IUNIXTransport(ITransport):
    """A UNIX connection."""

    def sendFileDescriptor(descriptor):
        """Send a copy of a file descriptor with the next bytes."""


class ITLSTransport(ITCPTransport):
    """A TCP connection that can change over to TLS."""

    def startTLS(contextFactory):
        """Begin TLS, as the side the factory is made for."""


class ISSLTransport(ITCPTransport):
    """A connection with TLS."""

    def getPeerCertificate():
        """Return the certificate the peer showed."""


class INegotiated(ISSLTransport):
    """A TLS connection that may have agreed on a protocol."""

    negotiatedProtocol = Attribute("The name agreed on as bytes, or None.")


class IProcessTransport(ITransport):
    """A child process."""

    pid = Attribute("The process id, None once it has ended.")

    def closeStdin():
        """Close the child's standard input after what was written."""

    def closeStdout():
        """Close the reading end of its standard output."""

    def closeStderr():
        """Close the reading end of its standard error."""

    def closeChildFD(descriptor):
        """Close one of the descriptors shared with the child."""

    def writeToChild(childFD, data):
        """Write bytes to one of the child's descriptors."""

    def loseConnection():
        """Close standard input, output and error."""

    def signalProcess(signalID):
        """Send a signal: a name such as KILL, TERM, INT, HUP, or a number."""


class IServiceCollection(Interface):
    """An object that holds named services, from before there was an application package."""

    def getServiceNamed(serviceName):
        """Return the service of that name."""

    def addService(service):
        """Add a service."""

    def removeService(service):
        """Remove a service."""


class IUDPTransport(Interface):
    """A UDP port."""

    def write(packet, addr=None):
        """Send a datagram; the address is left out when the port is connected."""

    def connect(host, port):
        """Send to and receive from one address only."""

    def getHost():
        """Return the local address."""

    def stopListening():
        """Close the port; may return a Deferred."""

    def setBroadcastAllowed(enabled):
        """Allow sending to broadcast addresses, or forbid it."""

    def getBroadcastAllowed():
        """Return whether sending to broadcast addresses is allowed."""


class IMulticastTransport(IUDPTransport):
    """A UDP port that can join multicast groups."""

    def getOutgoingInterface():
        """Return the interface that group datagrams leave by."""

    def setOutgoingInterface(addr):
        """Send group datagrams by that interface; returns a Deferred."""

    def getLoopbackMode():
        """Return whether own group datagrams come back."""

    def setLoopbackMode(mode):
        """Let own group datagrams come back, or not."""

    def getTTL():
        """Return how many hops group datagrams may make."""

    def setTTL(ttl):
        """Set how many hops group datagrams may make."""

    def joinGroup(addr, interface=""):
        """Join a group; returns a Deferred."""

    def leaveGroup(addr, interface=""):
        """Leave a group; returns a Deferred."""


class IUNIXDatagramTransport(Interface):
    """A UNIX datagram port."""

    def write(packet, addr):
        """Send a datagram to a path."""

    def getHost():
        """Return the local address."""


class IUNIXDatagramConnectedTransport(Interface):
    """A UNIX datagram port with one peer."""

    def write(packet):
        """Send a datagram to the peer."""

    def getHost():
        """Return the local address."""

    def getPeer():
        """Return the peer's address."""
