"""
Twisted's words: its application API, implemented anew on plait's services and asyncio.

`plait.twisted.X` has the names and the behaviour of `twisted.X`. After `install()`, and whenever
plait runs a target, `import twisted.X` finds these modules, unless a real Twisted is installed:
that one always wins.
"""

from ._finder import install as install
from ._finder import installed as installed
from ._finder import uninstall as uninstall

__all__ = ["install", "installed", "uninstall"]
