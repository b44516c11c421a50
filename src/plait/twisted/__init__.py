"""
Twisted's words: its application API, implemented anew on plait's services and asyncio.

`plait.twisted.X` has the names and the behaviour of `twisted.X`. After `install()`, and whenever
plait runs a target, `import twisted.X` finds these modules, unless a real Twisted is installed:
that one always wins.
"""

from ._absent import absentModules
from ._finder import installed as installed
from ._finder import uninstall as uninstall
from ._summon import install as install

__all__ = [
    "__version__",
    "install",
    "installed",
    "needs",
    "uninstall",
]

#: The version of Twisted whose behaviour this is.
__version__ = "26.10.0"

__getattr__ = absentModules(
    __name__, "conch cred enterprise mail pair positioning runner scripts spread tap trial words"
)


def needs(service: object, *others: object) -> object:
    """
    Say that a Twisted service starts only when others are ready, and stops before they do.

    Args:
        service:
            The service that shall wait, such as a proxy's server.
        others:
            The services it waits for, such as the proxy's client.

    Returns:
        The service.
    """
    from ._adapter import needs

    return needs(service, *others)
