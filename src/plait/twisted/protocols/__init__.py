"""Building blocks of protocols: lines, strings with a length, time-outs, the simple services."""

from plait.twisted._absent import absentModules

__getattr__ = absentModules(
    __name__,
    "amp finger ftp htb ident loopback memcache pcp postfix shoutcast sip socks stateful",
    haproxy="listen with the endpoint haproxy:tcp:port",
    tls="use reactor.listenSSL, reactor.connectSSL or transport.startTLS",
)
