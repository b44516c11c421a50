"""What the reactor promises."""

# An interface's methods are written without `self`: they describe calls as a caller makes them.
# mypy: disable-error-code="misc, no-untyped-def"

from __future__ import annotations

from zope.interface import Attribute, Interface

from ._interfaces_stream import ILoggingContext


class IReactorCore(Interface):
    """The loop itself."""

    running = Attribute("Whether the reactor runs.")

    def resolve(name, timeout=(1, 3, 11, 45)):
        """Look up the IPv4 address of a name; returns a Deferred with text."""

    def run():
        """Run until stop is called."""

    def stop():
        """Stop in order: fire the shutdown event and wait for its triggers."""

    def crash():
        """Stop at once."""

    def iterate(delay=0):
        """Run one turn."""

    def fireSystemEvent(eventType):
        """Run the triggers of startup, shutdown or persist."""

    def addSystemEventTrigger(phase, eventType, callable, *args, **kwargs):
        """Call this before, during or after an event; returns an id."""

    def removeSystemEventTrigger(triggerID):
        """Take a trigger back."""

    def callWhenRunning(callable, *args, **kwargs):
        """Call this when the reactor runs, now if it does."""


class IReactorTime(Interface):
    """A clock that calls later."""

    def seconds():
        """Return the time in seconds."""

    def callLater(delay, callable, *args, **kwargs):
        """Call this after so many seconds; returns an IDelayedCall."""

    def getDelayedCalls():
        """Return the calls that have not run yet."""


class IDelayedCall(Interface):
    """A call that waits for its time."""

    def getTime():
        """Return when it runs, on the clock's scale."""

    def cancel():
        """Do not run it; raises AlreadyCalled or AlreadyCancelled."""

    def delay(secondsLater):
        """Run it so many seconds later than planned."""

    def reset(secondsFromNow):
        """Run it so many seconds from now."""

    def active():
        """Return whether it still waits."""


class IReactorFromThreads(Interface):
    """Calls from other threads."""

    def callFromThread(callable, *args, **kwargs):
        """Call this on the reactor's thread; may be called from any."""


class IReactorInThreads(Interface):
    """Calls in other threads."""

    def callInThread(callable, *args, **kwargs):
        """Call this in a thread of the pool."""


class IReactorThreads(IReactorFromThreads, IReactorInThreads):
    """A reactor with a thread pool."""

    def getThreadPool():
        """Return the pool, starting it if need be."""

    def suggestThreadPoolSize(size):
        """Set how many threads the pool may have."""


class IReactorTCP(Interface):
    """TCP."""

    def listenTCP(port, factory, backlog=50, interface=""):
        """Listen; returns an IListeningPort."""

    def connectTCP(host, port, factory, timeout=30.0, bindAddress=None):
        """Connect; returns an IConnector."""


class IReactorSSL(Interface):
    """TLS over TCP."""

    def connectSSL(host, port, factory, contextFactory, timeout=30, bindAddress=None):
        """Connect; returns an IConnector."""

    def listenSSL(port, factory, contextFactory, backlog=50, interface=""):
        """Listen; returns an IListeningPort."""


class IReactorUNIX(Interface):
    """UNIX stream sockets."""

    def connectUNIX(address, factory, timeout=30, checkPID=False):
        """Connect; returns an IConnector."""

    def listenUNIX(address, factory, backlog=50, mode=0o666, wantPID=False):
        """Listen; returns an IListeningPort."""


class IReactorUNIXDatagram(Interface):
    """UNIX datagram sockets."""

    def connectUNIXDatagram(address, protocol, maxPacketSize=8192, mode=0o666, bindAddress=None):
        """Connect to a peer."""

    def listenUNIXDatagram(address, protocol, maxPacketSize=8192, mode=0o666):
        """Receive at a path."""


class IReactorUDP(Interface):
    """UDP."""

    def listenUDP(port, protocol, interface="", maxPacketSize=8192):
        """Receive at a port; returns an IListeningPort."""


class IReactorMulticast(Interface):
    """UDP with multicast groups."""

    def listenMulticast(port, protocol, interface="", maxPacketSize=8192, listenMultiple=False):
        """Receive at a port that others may share."""


class IReactorSocket(Interface):
    """Sockets that exist already."""

    def adoptStreamPort(fileDescriptor, addressFamily, factory):
        """Accept on a listening socket."""

    def adoptStreamConnection(fileDescriptor, addressFamily, factory):
        """Use a connected socket."""

    def adoptDatagramPort(fileDescriptor, addressFamily, protocol, maxPacketSize=8192):
        """Use a bound datagram socket."""


class IReactorProcess(Interface):
    """Child processes."""

    def spawnProcess(
        processProtocol,
        executable,
        args=(),
        env=None,
        path=None,
        uid=None,
        gid=None,
        usePTY=0,
        childFDs=None,
    ):
        """Start a child; returns an IProcessTransport."""


class IReactorFDSet(Interface):
    """Descriptors of the program's own."""

    def addReader(reader):
        """Call doRead of an IReadDescriptor when there is something to read."""

    def addWriter(writer):
        """Call doWrite of an IWriteDescriptor when it can be written to."""

    def removeReader(reader):
        """Stop watching for reading."""

    def removeWriter(writer):
        """Stop watching for writing."""

    def removeAll():
        """Stop watching all of them; returns what was watched."""

    def getReaders():
        """Return what is watched for reading."""

    def getWriters():
        """Return what is watched for writing."""


class IReactorDaemonize(Interface):
    """A reactor that must know of a fork."""

    def beforeDaemonize():
        """Called before the fork."""

    def afterDaemonize():
        """Called in the child."""


class IReactorPluggableResolver(Interface):
    """A reactor whose name look-up can be replaced."""

    def installResolver(resolver):
        """Use this IResolverSimple; returns the one before."""


class IReactorPluggableNameResolver(Interface):
    """A reactor whose host name look-up can be replaced."""

    nameResolver = Attribute("The IHostnameResolver in use.")

    def installNameResolver(resolver):
        """Use this IHostnameResolver; returns the one before."""


class IResolverSimple(Interface):
    """A look-up of one address."""

    def getHostByName(name, timeout=()):
        """Return a Deferred with the IPv4 address as text."""


class IHostResolution(Interface):
    """A look-up in progress."""

    name = Attribute("The name being looked up.")

    def cancel():
        """Give up."""


class IResolutionReceiver(Interface):
    """The taker of a look-up's results."""

    def resolutionBegan(resolutionInProgress):
        """Called with the IHostResolution first."""

    def addressResolved(address):
        """Called with each address found."""

    def resolutionComplete():
        """Called when there are no more."""


class IHostnameResolver(Interface):
    """A look-up of all addresses of a name."""

    def resolveHostName(
        resolutionReceiver, hostName, portNumber=0, addressTypes=None, transportSemantics="TCP"
    ):
        """Begin; returns an IHostResolution."""


class IFileDescriptor(ILoggingContext):
    """Something with a descriptor that the reactor can watch."""

    def fileno():
        """Return the descriptor's number, -1 when it is closed."""

    def connectionLost(reason):
        """Called with a Failure when it is of no more use."""


class IReadDescriptor(IFileDescriptor):
    """A descriptor to read from."""

    def doRead():
        """Read; return None, or an exception that ends the connection."""


class IWriteDescriptor(IFileDescriptor):
    """A descriptor to write to."""

    def doWrite():
        """Write; return None, or an exception that ends the connection."""


class IReadWriteDescriptor(IReadDescriptor, IWriteDescriptor):
    """A descriptor for both."""


class ISystemHandle(Interface):
    """Something that wraps an object of the system."""

    def getHandle():
        """Return that object, such as a socket."""
