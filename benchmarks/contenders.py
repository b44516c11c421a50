"""The echo servers that are compared: plait's three, and its peers'."""

from __future__ import annotations

from .harness.process import Contender

UVLOOP, STREAMS = "uvloop protocol", "uvloop streams"
PROTOCOL, HANDLER, TWISTED_API = "plait protocol", "plait handler", "plait.twisted"
TWISTED, AIOMISC, C = "Twisted", "aiomisc", "C"
PLAIN, COROUTINE = "plait plain", "plait coroutine"


def loop(name: str, style: str, every: int = 1) -> Contender:
    """Return a server on a bare event loop."""
    command = ("{python}", "{programs}/echo_loop.py", name, style)
    return Contender(f"{name} {style}", command, (name,), every)


def plait(style: str) -> Contender:
    """Return a server of plait's own API."""
    command = ("{bin}/plait", "run", "{programs}/echo_plait.py")
    return Contender(f"plait {style}", command, environment={"BENCH_STYLE": style})


TWISTED_API_ECHO = Contender(
    TWISTED_API, ("{bin}/plait", "run", "--twisted=own", "{programs}/echo_twisted.py"), ("zope",)
)
TWISTED_ON_PLAIT = Contender(
    "plait + Twisted",
    ("{bin}/plait", "run", "--twisted=installed", "{programs}/echo_twisted.py"),
    ("twisted",),
    every=3,
)
TWISTED_ECHO = Contender(
    TWISTED,
    ("{bin}/twistd", "--pidfile=", "-noy", "{programs}/echo_twisted.py"),
    ("twisted",),
    every=3,
)
AIOMISC_ECHO = Contender(AIOMISC, ("{python}", "{programs}/echo_aiomisc.py"), ("aiomisc",), every=3)
C_ECHO = Contender(C, ("{folder}/echo",), ("built:echo",), every=3)

STREAM_ECHOES = [
    C_ECHO,
    loop("uvloop", "protocol"),
    plait("protocol"),
    TWISTED_API_ECHO,
    loop("uvloop", "streams"),
    plait("handler"),
    loop("asyncio", "protocol", every=3),
    TWISTED_ON_PLAIT,
    TWISTED_ECHO,
    AIOMISC_ECHO,
]
"""Those over TCP, TLS and UNIX sockets."""

DATAGRAM_ECHOES = [
    C_ECHO,
    loop("uvloop", "protocol"),
    plait("protocol"),
    plait("plain"),
    plait("coroutine"),
    TWISTED_API_ECHO,
    loop("asyncio", "protocol", every=3),
    TWISTED_ECHO._replace(every=1),
    AIOMISC_ECHO,
]
"""Those over UDP."""
