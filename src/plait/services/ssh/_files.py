"""SFTP for one directory, whatever links lead out of it."""

from __future__ import annotations

import os
from typing import Any, NoReturn

import asyncssh

_WRITES = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC
# Of version 5 of the protocol: reading data, attributes and access lists.
_READING = 0x1 | 0x8 | 0x80 | 0x20000 | 0x100000
_OPEN_EXISTING = 2


class Files(asyncssh.SFTPServer):
    """
    The files of a directory.

    Args:
        chan:
            The channel.
        root:
            The directory.
        writable:
            Whether files may be changed.
    """

    def __init__(self, chan: Any, root: str, *, writable: bool) -> None:
        self._root = os.path.realpath(os.fsencode(root))
        self._writable = writable
        super().__init__(chan, chroot=self._root)

    def map_path(self, path: bytes) -> bytes:
        """Return the file of a name, if it is inside."""
        mapped = super().map_path(path)
        real = os.path.realpath(mapped)
        if real != self._root and not real.startswith(self._root.rstrip(b"/") + b"/"):
            raise asyncssh.SFTPPermissionDenied("this leads outside")
        return mapped

    def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
        """Open a file."""
        if pflags & _WRITES:
            self._check()
        return super().open(path, pflags, attrs)

    def open56(self, path: bytes, desired_access: int, flags: int, attrs: Any) -> Any:
        """Open a file, in the newer versions of the protocol."""
        if desired_access & ~_READING or flags & 7 != _OPEN_EXISTING:
            self._check()
        return super().open56(path, desired_access, flags, attrs)

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        """Write to a file."""
        self._check()
        return super().write(file_obj, offset, data)

    def setstat(self, path: bytes, attrs: Any) -> Any:
        """Change a file's attributes."""
        self._check()
        return super().setstat(path, attrs)

    def lsetstat(self, path: bytes, attrs: Any) -> Any:
        """Change a file's attributes."""
        self._check()
        return super().lsetstat(path, attrs)

    def fsetstat(self, file_obj: object, attrs: Any) -> Any:
        """Change an open file's attributes."""
        self._check()
        return super().fsetstat(file_obj, attrs)

    def remove(self, path: bytes) -> Any:
        """Remove a file."""
        self._check()
        return super().remove(path)

    def mkdir(self, path: bytes, attrs: Any) -> Any:
        """Make a directory."""
        self._check()
        return super().mkdir(path, attrs)

    def rmdir(self, path: bytes) -> Any:
        """Remove a directory."""
        self._check()
        return super().rmdir(path)

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        """Rename a file."""
        self._check()
        return super().rename(oldpath, newpath)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        """Rename a file over another."""
        self._check()
        return super().posix_rename(oldpath, newpath)

    def symlink(self, oldpath: bytes, newpath: bytes) -> NoReturn:
        """Make no links: nobody shall be led out."""
        raise asyncssh.SFTPPermissionDenied("links are not made here")

    def link(self, oldpath: bytes, newpath: bytes) -> NoReturn:
        """Make no links."""
        raise asyncssh.SFTPPermissionDenied("links are not made here")

    def exit(self) -> Any:
        """Say that all went well; without that, scp takes every copy for a failed one."""
        found = super().exit()
        if self.channel.get_subsystem() == "sftp":
            self.channel.exit(0)
        return found

    def _check(self) -> None:
        if not self._writable:
            raise asyncssh.SFTPPermissionDenied("files may be read only")
