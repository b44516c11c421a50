"""What a path promises."""

# Methods of an interface are declared without self.
# mypy: disable-error-code="misc, no-untyped-def"

from __future__ import annotations

from zope.interface import Attribute, Interface

__all__ = ["IFilePath"]


class IFilePath(Interface):
    """A path, in the file system or in something like it."""

    sep = Attribute("The separator.")

    def child(name):
        """Return a direct child."""

    def open(mode="r"):
        """Open the file, in binary mode."""

    def changed():
        """Forget what is remembered about it."""

    def getsize():
        """Return its size in bytes."""

    def getModificationTime():
        """Return when it was written last, in seconds since the epoch."""

    def getStatusChangeTime():
        """Return when its status changed last, in seconds since the epoch."""

    def getAccessTime():
        """Return when it was read last, in seconds since the epoch."""

    def exists():
        """Return whether something is there."""

    def isdir():
        """Return whether it is a directory."""

    def isfile():
        """Return whether it is a regular file."""

    def children():
        """Return what is in the directory."""

    def basename():
        """Return the last part of the path."""

    def parent():
        """Return the directory that the path lies in."""

    def sibling(name):
        """Return a path in the same directory."""
