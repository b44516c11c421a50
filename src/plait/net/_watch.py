"""
Learning of the end of a connection whose protocol is the user's own, without standing in its way.

The protocol object is given a subclass of its own class, made once per class, that adds nothing but
`connection_lost`; the loop goes on calling the user's `data_received` directly.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable
from typing import Any

__all__ = ["Watch"]


class Watch:
    """The subclasses one owner needs, and whom to tell of the end of which protocol."""

    def __init__(self) -> None:
        self._made: dict[type, type] = {}
        self._callbacks: dict[int, Callable[[BaseException | None], None]] = {}

    def add(
        self, protocol: asyncio.BaseProtocol, on_lost: Callable[[BaseException | None], None]
    ) -> None:
        """
        Call `on_lost(error)` after the protocol's own `connection_lost`.

        Args:
            protocol:
                As its factory returned it. Its class becomes a subclass of what it was.
            on_lost:
                Told once, with the error that ended the connection, or None.

        Raises:
            TypeError: The class cannot be extended.
        """
        cls = type(protocol)
        # A factory may return the same object again for the next connection.
        if cls not in self._made.values():
            if cls not in self._made:
                self._made[cls] = self._extend(cls)
            try:
                protocol.__class__ = self._made[cls]
            except TypeError as error:
                raise TypeError(
                    f"connections of the protocol class {cls.__qualname__} cannot be watched "
                    f"({error}); expected an ordinary Python class, so give it a Python subclass"
                ) from error
        self._callbacks[id(protocol)] = on_lost

    def discard(self, protocol: asyncio.BaseProtocol) -> None:
        """Forget a protocol whose connection was never made."""
        self._callbacks.pop(id(protocol), None)

    def _extend(self, cls: type) -> type:
        callbacks = self._callbacks
        own: Callable[[Any, BaseException | None], None] = cls.connection_lost  # type: ignore[attr-defined]  # every asyncio protocol has it

        def connection_lost(self: Any, exc: BaseException | None) -> None:
            try:
                own(self, exc)
            finally:
                on_lost = callbacks.pop(id(self), None)
                if on_lost is not None:
                    on_lost(exc)

        def body(namespace: dict[str, Any]) -> None:
            namespace.update(
                __slots__=(),
                __module__=cls.__module__,
                __qualname__=cls.__qualname__,
                __doc__=cls.__doc__,
                connection_lost=connection_lost,
            )

        return types.new_class(cls.__name__, (cls,), exec_body=body)
