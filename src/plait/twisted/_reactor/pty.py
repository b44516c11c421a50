"""Child processes at a terminal of their own."""

from __future__ import annotations

from .process import Process


class PTYProcess(Process):
    """The transport of a child process that has a pseudo-terminal as its three descriptors."""

    def fileno(self) -> int:
        """Return the descriptor of our end of the terminal, -1 once it is closed."""
        return -1 if self._pty is None else self._pty.fd
