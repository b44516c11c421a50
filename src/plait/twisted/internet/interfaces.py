"""What protocols, transports, the reactor and the objects they work with promise to each other."""

from plait.twisted._absent import absent

from ._interfaces_dns import IResolver as IResolver
from ._interfaces_endpoint import IAcceptableCiphers as IAcceptableCiphers
from ._interfaces_endpoint import ICipher as ICipher
from ._interfaces_endpoint import IOpenSSLClientConnectionCreator as IOpenSSLClientConnectionCreator
from ._interfaces_endpoint import IOpenSSLContextFactory as IOpenSSLContextFactory
from ._interfaces_endpoint import IOpenSSLServerConnectionCreator as IOpenSSLServerConnectionCreator
from ._interfaces_endpoint import IStreamClientEndpoint as IStreamClientEndpoint
from ._interfaces_endpoint import (
    IStreamClientEndpointStringParserWithReactor as IStreamClientEndpointStringParserWithReactor,
)
from ._interfaces_endpoint import IStreamServerEndpoint as IStreamServerEndpoint
from ._interfaces_endpoint import (
    IStreamServerEndpointStringParser as IStreamServerEndpointStringParser,
)
from ._interfaces_reactor import IDelayedCall as IDelayedCall
from ._interfaces_reactor import IFileDescriptor as IFileDescriptor
from ._interfaces_reactor import IHostnameResolver as IHostnameResolver
from ._interfaces_reactor import IHostResolution as IHostResolution
from ._interfaces_reactor import IReactorCore as IReactorCore
from ._interfaces_reactor import IReactorDaemonize as IReactorDaemonize
from ._interfaces_reactor import IReactorFDSet as IReactorFDSet
from ._interfaces_reactor import IReactorFromThreads as IReactorFromThreads
from ._interfaces_reactor import IReactorInThreads as IReactorInThreads
from ._interfaces_reactor import IReactorMulticast as IReactorMulticast
from ._interfaces_reactor import IReactorPluggableNameResolver as IReactorPluggableNameResolver
from ._interfaces_reactor import IReactorPluggableResolver as IReactorPluggableResolver
from ._interfaces_reactor import IReactorProcess as IReactorProcess
from ._interfaces_reactor import IReactorSocket as IReactorSocket
from ._interfaces_reactor import IReactorSSL as IReactorSSL
from ._interfaces_reactor import IReactorTCP as IReactorTCP
from ._interfaces_reactor import IReactorThreads as IReactorThreads
from ._interfaces_reactor import IReactorTime as IReactorTime
from ._interfaces_reactor import IReactorUDP as IReactorUDP
from ._interfaces_reactor import IReactorUNIX as IReactorUNIX
from ._interfaces_reactor import IReactorUNIXDatagram as IReactorUNIXDatagram
from ._interfaces_reactor import IReadDescriptor as IReadDescriptor
from ._interfaces_reactor import IReadWriteDescriptor as IReadWriteDescriptor
from ._interfaces_reactor import IResolutionReceiver as IResolutionReceiver
from ._interfaces_reactor import IResolverSimple as IResolverSimple
from ._interfaces_reactor import ISystemHandle as ISystemHandle
from ._interfaces_reactor import IWriteDescriptor as IWriteDescriptor
from ._interfaces_stream import IAddress as IAddress
from ._interfaces_stream import IConnector as IConnector
from ._interfaces_stream import IConsumer as IConsumer
from ._interfaces_stream import IFileDescriptorReceiver as IFileDescriptorReceiver
from ._interfaces_stream import IHalfCloseableDescriptor as IHalfCloseableDescriptor
from ._interfaces_stream import IHalfCloseableProtocol as IHalfCloseableProtocol
from ._interfaces_stream import IHandshakeListener as IHandshakeListener
from ._interfaces_stream import IListeningPort as IListeningPort
from ._interfaces_stream import ILoggingContext as ILoggingContext
from ._interfaces_stream import IMulticastTransport as IMulticastTransport
from ._interfaces_stream import INegotiated as INegotiated
from ._interfaces_stream import IProcessProtocol as IProcessProtocol
from ._interfaces_stream import IProcessTransport as IProcessTransport
from ._interfaces_stream import IProducer as IProducer
from ._interfaces_stream import IProtocol as IProtocol
from ._interfaces_stream import IProtocolFactory as IProtocolFactory
from ._interfaces_stream import IProtocolNegotiationFactory as IProtocolNegotiationFactory
from ._interfaces_stream import IPullProducer as IPullProducer
from ._interfaces_stream import IPushProducer as IPushProducer
from ._interfaces_stream import IServiceCollection as IServiceCollection
from ._interfaces_stream import ISSLTransport as ISSLTransport
from ._interfaces_stream import ITCPTransport as ITCPTransport
from ._interfaces_stream import ITLSTransport as ITLSTransport
from ._interfaces_stream import ITransport as ITransport
from ._interfaces_stream import IUDPTransport as IUDPTransport
from ._interfaces_stream import IUNIXDatagramConnectedTransport as IUNIXDatagramConnectedTransport
from ._interfaces_stream import IUNIXDatagramTransport as IUNIXDatagramTransport
from ._interfaces_stream import IUNIXTransport as IUNIXTransport

__all__ = [
    "IAcceptableCiphers",
    "IAddress",
    "ICipher",
    "IConnector",
    "IConsumer",
    "IDelayedCall",
    "IFileDescriptor",
    "IFileDescriptorReceiver",
    "IHalfCloseableDescriptor",
    "IHalfCloseableProtocol",
    "IHandshakeListener",
    "IHostResolution",
    "IHostnameResolver",
    "IListeningPort",
    "ILoggingContext",
    "IMulticastTransport",
    "INegotiated",
    "IOpenSSLClientConnectionCreator",
    "IOpenSSLContextFactory",
    "IOpenSSLServerConnectionCreator",
    "IProcessProtocol",
    "IProcessTransport",
    "IProducer",
    "IProtocol",
    "IProtocolFactory",
    "IProtocolNegotiationFactory",
    "IPullProducer",
    "IPushProducer",
    "IReactorCore",
    "IReactorDaemonize",
    "IReactorFDSet",
    "IReactorFromThreads",
    "IReactorInThreads",
    "IReactorMulticast",
    "IReactorPluggableNameResolver",
    "IReactorPluggableResolver",
    "IReactorProcess",
    "IReactorSSL",
    "IReactorSocket",
    "IReactorTCP",
    "IReactorThreads",
    "IReactorTime",
    "IReactorUDP",
    "IReactorUNIX",
    "IReactorUNIXDatagram",
    "IReadDescriptor",
    "IReadWriteDescriptor",
    "IResolutionReceiver",
    "IResolver",
    "IResolverSimple",
    "ISSLTransport",
    "IServiceCollection",
    "IStreamClientEndpoint",
    "IStreamClientEndpointStringParserWithReactor",
    "IStreamServerEndpoint",
    "IStreamServerEndpointStringParser",
    "ISystemHandle",
    "ITCPTransport",
    "ITLSTransport",
    "ITransport",
    "IUDPTransport",
    "IUNIXDatagramConnectedTransport",
    "IUNIXDatagramTransport",
    "IUNIXTransport",
    "IWriteDescriptor",
]

_SOCKET = "bind a socket of your own and hand it to reactor.adoptStreamPort"

__getattr__ = absent(
    __name__,
    {
        "Binding": _SOCKET,
        "IReactorTCP2": _SOCKET,
        "IReactorWin32Events": "wait in a thread, with reactor.callInThread and callFromThread",
    },
)
