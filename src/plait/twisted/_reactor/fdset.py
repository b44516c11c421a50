"""Readers and writers: objects with a descriptor that want to be told when it is ready."""

from __future__ import annotations

from typing import Any

from .clock import ClockMixin
from .stream import Connection


class FdSetMixin(ClockMixin):
    """IReactorFDSet."""

    _readers: dict[Any, int]
    _writers: dict[Any, int]

    def addReader(self, reader: Any) -> None:
        """Call the object's doRead whenever its descriptor is readable; a connection reads on."""
        if isinstance(reader, Connection):
            reader.startReading()
        elif reader not in self._readers:
            fd = reader.fileno()
            self._readers[reader] = fd
            self.loop.add_reader(fd, self._ready, reader, "doRead", True)

    def addWriter(self, writer: Any) -> None:
        """Call the object's doWrite whenever its descriptor is writable."""
        if writer not in self._writers:
            fd = writer.fileno()
            self._writers[writer] = fd
            self.loop.add_writer(fd, self._ready, writer, "doWrite", False)

    def removeReader(self, reader: Any) -> None:
        """Stop watching the object's descriptor for reading; a connection stops reading."""
        if isinstance(reader, Connection):
            reader.stopReading()
        fd = self._readers.pop(reader, None)
        if fd is not None:
            self.loop.remove_reader(fd)

    def removeWriter(self, writer: Any) -> None:
        """
        Stop watching the object's descriptor for writing.

        A connection that is not read either is let go, as it is Twisted's way to hand its socket to
        another process.
        """
        if isinstance(writer, Connection):
            self.loop.call_soon(writer._let_go)
        fd = self._writers.pop(writer, None)
        if fd is not None:
            self.loop.remove_writer(fd)

    def removeAll(self) -> list[Any]:
        """Stop watching everything; returns what was watched."""
        watched = list({**self._readers, **self._writers})
        for each in watched:
            self.removeReader(each)
            self.removeWriter(each)
        return watched

    def getReaders(self) -> list[Any]:
        """Return what is watched for reading."""
        return list(self._readers)

    def getWriters(self) -> list[Any]:
        """Return what is watched for writing."""
        return list(self._writers)

    def _ready(self, selectable: Any, method: str, reading: bool) -> None:
        error = self.words.error
        why: BaseException | None = None
        try:
            if selectable.fileno() == -1:
                why = error.ConnectionFdescWentAway("Filedescriptor went away")
            else:
                why = getattr(selectable, method)()
        except Exception as raised:
            why = raised
            self.words.log.err()
        if why is None:
            return
        self.removeReader(selectable)
        reason = self.words.failure(why)
        half = self.words.interfaces.IHalfCloseableDescriptor
        if reading and isinstance(why, error.ConnectionDone) and half.providedBy(selectable):
            self.guard(selectable.readConnectionLost, reason)
            return
        self.removeWriter(selectable)
        self.guard(selectable.connectionLost, reason)
