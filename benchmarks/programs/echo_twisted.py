"""An echo server in the Twisted API, for `twistd -noy` and for `plait run`."""

import os

from twisted.application import internet, service
from twisted.internet import protocol


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class EchoDatagrams(protocol.DatagramProtocol):
    def datagramReceived(self, datagram, addr):
        self.transport.write(datagram, addr)


mode, port = os.environ["BENCH_MODE"], int(os.environ["BENCH_PORT"])
factory = protocol.Factory.forProtocol(Echo)
if mode == "tcp":
    made = internet.TCPServer(port, factory, backlog=1024, interface="127.0.0.1")
elif mode == "unix":
    made = internet.UNIXServer(os.environ["BENCH_PATH"], factory, backlog=1024)
elif mode == "udp":
    made = internet.UDPServer(port, EchoDatagrams(), interface="127.0.0.1")
else:
    from twisted.internet import ssl

    context = ssl.DefaultOpenSSLContextFactory(
        os.environ["BENCH_KEY"], os.environ["BENCH_CERT"], sslmethod=ssl.SSL.TLS_METHOD
    )
    made = internet.SSLServer(port, factory, context, backlog=1024, interface="127.0.0.1")

application = service.Application("echo")
made.setServiceParent(application)
