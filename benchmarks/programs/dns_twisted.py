"""A DNS server from a hosts file in the Twisted API, for `twistd -noy` and for `plait run`."""

import os

from twisted.application import internet, service
from twisted.names import dns, hosts, server

port = int(os.environ["BENCH_PORT"])
names = service.MultiService()
factory = server.DNSServerFactory([hosts.Resolver(os.environ["BENCH_HOSTS"])])
internet.TCPServer(port, factory, interface="127.0.0.1").setServiceParent(names)
internet.UDPServer(port, dns.DNSDatagramProtocol(factory), interface="127.0.0.1").setServiceParent(
    names
)
application = service.Application("names")
names.setServiceParent(application)
