"""The event-driven core: Deferreds, protocols, the reactor and what belongs to it."""

from plait.twisted._absent import absentModules

__getattr__ = absentModules(
    __name__,
    "abstract base cfreactor default epollreactor fdesc gireactor glib2reactor gtk2reactor "
    "gtk3reactor inotify iocpreactor kqreactor pollreactor posixbase process selectreactor "
    "serialport tksupport udp unix win32eventreactor wxreactor wxsupport",
    tcp="use reactor.listenTCP and connectTCP; for options of the socket, adoptStreamPort",
    asyncioreactor="the reactor is on asyncio already; choose the loop with plait run --loop",
)
