"""How far a start has come, as one line, kept up to date by events."""

from __future__ import annotations

from plait.core import (
    Application,
    MultiService,
    ServiceFailed,
    ServiceReady,
    ServiceRestarting,
    ServiceStarting,
    ServiceStopped,
    ServiceWaiting,
)
from plait.events import Event

__all__ = ["Progress"]


#: What a service waits for that has failed, is stopped for it, and is to be started anew.
_AGAIN = "to start again"


class Progress:
    """
    Counts what is ready, and knows what is waited for; an observer.

    Args:
        app:
            The application, before its start.
    """

    def __init__(self, app: Application) -> None:
        self._root = app.path
        self._total = _count(app)
        self._ready: set[str] = set()
        self._open: dict[str, str] = {}
        self.failed: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Take note of one event."""
        path = event.path
        if path == self._root:
            return
        if isinstance(event, ServiceStarting):
            self._open[path] = ""
            self.failed.discard(path)
        elif isinstance(event, ServiceWaiting):
            self._open[path] = event.what
        elif isinstance(event, ServiceReady):
            self._open.pop(path, None)
            self._ready.add(path)
            self.failed.discard(path)
        elif isinstance(event, ServiceFailed):
            self._down(path)
            self.failed.add(path)
        elif isinstance(event, ServiceRestarting):
            self.failed.discard(path)
            self._open[path] = _AGAIN
        elif isinstance(event, ServiceStopped) and self._open.get(path) != _AGAIN:
            self._down(path)

    def _down(self, path: str) -> None:
        self._open.pop(path, None)
        self._ready.discard(path)

    def text(self) -> str:
        """Return the line, such as `7/9 ready, waiting for db`."""
        total = max(self._total, len(self._ready) + len(self._open))
        line = f"{len(self._ready)}/{total} ready"
        if self._open:
            # The one that began last: its parents began before it and wait for it.
            path, what = next(reversed(self._open.items()))
            name = path.removeprefix(self._root + "/")
            line += f", waiting for {name}" + (f" ({what})" if what else "")
        if self.failed:
            line += f", failed: {', '.join(sorted(self.failed)[:3])}"
        return line


def _count(parent: MultiService) -> int:
    count = 0
    stack: list[MultiService] = [parent]
    while stack:
        for child in stack.pop():
            count += 1
            if isinstance(child, MultiService):
                stack.append(child)
    return count
