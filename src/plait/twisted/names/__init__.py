"""DNS in Twisted's words: messages and servers, on the engine of `plait.services.dns`."""

from plait.twisted._absent import absentModules

__getattr__ = absentModules(
    __name__,
    "authority cache client resolve root secondary srvconnect tap",
)
