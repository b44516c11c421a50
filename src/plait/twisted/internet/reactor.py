"""
The reactor: what `from twisted.internet import reactor` gives.

Importing this module installs the reactor, as in Twisted; the reactor object then stands in the
module's place. Its event loop is the one plait's runner uses, made at first use.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from plait.twisted._reactor import face_of_the_loop

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Stand for the reactor's attributes, which type checkers look for in the module."""


_reactor: Any = face_of_the_loop()
_reactor.__spec__ = __spec__
_reactor.__name__ = __name__
sys.modules.update({__name__: _reactor})
