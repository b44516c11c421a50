"""What a site remembers of a client from one request to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plait.twisted.python.components import Componentized

__all__ = ["Session"]


class Session(Componentized):
    """
    What a site remembers of a client; it can be adapted to what a program keeps there.

    Args:
        site:
            The site.
        uid:
            The session's name, as the cookie has it.
        reactor:
            The clock of its expiry, that of the site when None.
    """

    sessionTimeout = 900
    _expireCall: Any = None

    def __init__(self, site: Any, uid: bytes, reactor: Any = None) -> None:
        super().__init__()
        self._reactor = site.reactor if reactor is None else reactor
        self.site = site
        self.uid = uid
        self.expireCallbacks: list[Callable[[], object]] = []
        self.touch()

    def startCheckingExpiration(self) -> None:
        """Let the session expire when it is not used for a while."""
        self._expireCall = self._reactor.callLater(self.sessionTimeout, self.expire)

    def notifyOnExpire(self, callback: Callable[[], object]) -> None:
        """Call something when the session expires."""
        self.expireCallbacks.append(callback)

    def expire(self) -> None:
        """End the session."""
        self.site.sessions.pop(self.uid, None)
        callbacks, self.expireCallbacks = self.expireCallbacks, []
        for callback in callbacks:
            callback()
        if self._expireCall is not None and self._expireCall.active():
            self._expireCall.cancel()
        self._expireCall = None

    def touch(self) -> None:
        """Note that the session is in use."""
        self.lastModified = self._reactor.seconds()
        if self._expireCall is not None:
            self._expireCall.reset(self.sessionTimeout)
