"""
Paths as objects: a path knows its children and refuses names that would lead out of it.

For programs that are new to it, `pathlib` is the better choice; this is what Twisted programs know.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from typing import IO, Any

from zope.interface import implementer

from ._interfaces_path import IFilePath as IFilePath
from ._pathnames import InsecurePath as InsecurePath
from ._pathnames import LinkError as LinkError
from ._pathnames import PathNames
from ._pathnames import UnlistableError as UnlistableError
from ._permissions import RWX as RWX
from ._permissions import Permissions as Permissions

__all__ = [
    "AbstractFilePath",
    "FilePath",
    "IFilePath",
    "InsecurePath",
    "LinkError",
    "Permissions",
    "RWX",
    "UnlistableError",
]

AbstractFilePath = PathNames


@implementer(IFilePath)
class FilePath(PathNames):
    """
    A path in the file system, text or bytes as it was given.

    Args:
        path: The path; made absolute.
        alwaysCreate: Open files for writing only if they are not there yet.
    """

    def clonePath(self, path: Any, alwaysCreate: bool = False) -> Any:
        """
        Return a `FilePath` for another path; a subclass may return its own kind.

        Args:
            path: The other path.
            alwaysCreate: Open files for writing only if they are not there yet.
        """
        return FilePath(path, alwaysCreate)

    def requireCreate(self, val: bool = True) -> None:
        """Say whether files are opened for writing only if they are not there yet."""
        self.alwaysCreate = val

    def open(self, mode: str = "r") -> IO[bytes]:
        """Open the file, always in binary mode."""
        if self.alwaysCreate:
            if "a" in mode:
                raise ValueError("appending cannot be combined with alwaysCreate")
            return self.create()
        return open(self.path, mode.replace("b", "") + "b")

    def create(self) -> IO[bytes]:
        """
        Create the file and open it.

        Raises:
            FileExistsError: It is there.
        """
        return open(self.path, "x+b")

    def getContent(self) -> bytes:
        """Return what is in the file."""
        with open(self.path, "rb") as file:
            return file.read()

    def setContent(self, content: bytes, ext: Any = b".new") -> None:
        """
        Write the file whole: readers see the old content or the new one, never a part.

        Args:
            content: What to write.
            ext: The extension of the file that is written first and then renamed.
        """
        new = self.temporarySibling(ext)
        with new.open("w") as file:
            file.write(content)
        os.replace(new.path, self.path)

    def temporarySibling(self, extension: Any = b"") -> Any:
        """Return a path in the same directory with a name that nobody else uses."""
        from secrets import token_hex

        name = self._same("_secure_" + token_hex(16)) + self.basename() + self._same(extension)
        path = self.sibling(name)
        path.alwaysCreate = True
        return path

    def createDirectory(self) -> None:
        """Create the directory."""
        os.mkdir(self.path)

    def makedirs(self, ignoreExistingDirectory: bool = False) -> None:
        """Create the directory and those above it."""
        os.makedirs(self.path, exist_ok=ignoreExistingDirectory)

    def touch(self) -> None:
        """Create the file if it is not there, and set its times to now."""
        with contextlib.suppress(FileExistsError):
            self.create().close()
        os.utime(self.path, None)

    def remove(self) -> None:
        """Remove the file, or the directory and all that is below it."""
        if self.isdir() and not self.islink():
            for child in self.children():
                child.remove()
            os.rmdir(self.path)
        else:
            os.remove(self.path)

    def linkTo(self, linkFilePath: FilePath) -> None:
        """Make a symbolic link to this path."""
        os.symlink(self.path, linkFilePath.path)

    def chmod(self, mode: int) -> None:
        """Set the permissions."""
        os.chmod(self.path, mode)

    def copyTo(self, destination: FilePath, followLinks: bool = True) -> None:
        """
        Copy the file, or the directory and all that is below it.

        Args:
            destination: Where to.
            followLinks: Copy what links lead to, and not the links.
        """
        if self.islink() and not followLinks:
            os.symlink(os.readlink(self.path), destination.path)
        elif self.isdir():
            if not destination.exists():
                destination.createDirectory()
            for child in self.children():
                child.copyTo(destination.child(child.basename()), followLinks)
        elif self.isfile():
            shutil.copyfile(self.path, destination.path)
        else:
            raise OSError(
                errno.ENOENT, "Only copying of files and directories supported", self.path
            )

    def moveTo(self, destination: FilePath, followLinks: bool = True) -> None:
        """
        Move the file or directory, to another file system too.

        Args:
            destination: Where to.
            followLinks: Where it must be copied: copy what links lead to, and not the links.
        """
        try:
            os.rename(self.path, destination.path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self.copyTo(destination, followLinks)
            self.remove()
