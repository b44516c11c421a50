"""The names around a path, and the facts about what is there."""

from __future__ import annotations

import errno
import fnmatch
import os
from collections.abc import Callable, Iterator
from typing import Any

from ._pathfacts import PathFacts

__all__ = ["InsecurePath", "LinkError", "PathNames", "UnlistableError"]


class InsecurePath(Exception):
    """A name would lead out of the path it was asked of."""


class LinkError(Exception):
    """Symbolic links lead round in a circle."""


class UnlistableError(OSError):
    """
    A directory cannot be listed.

    Args:
        originalException: What the system said.
    """

    def __init__(self, originalException: OSError) -> None:
        self.__dict__.update(originalException.__dict__)
        super().__init__(*originalException.args)
        self.originalException = originalException


class PathNames(PathFacts):
    """
    The names around a path in the file system, and the facts about it.

    Args:
        path: The path; made absolute.
        alwaysCreate: Open files for writing only if they are not there yet.
    """

    alwaysCreate = False

    def __init__(self, path: Any, alwaysCreate: bool = False) -> None:
        self.path: Any = os.path.abspath(os.fspath(path))
        self.alwaysCreate = alwaysCreate

    # Names.

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"FilePath({self.path!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PathNames) and self.path == other.path

    def __lt__(self, other: PathNames) -> Any:
        return self.path < other.path if isinstance(other, PathNames) else NotImplemented

    def __le__(self, other: PathNames) -> Any:
        return self.path <= other.path if isinstance(other, PathNames) else NotImplemented

    def __gt__(self, other: PathNames) -> Any:
        return self.path > other.path if isinstance(other, PathNames) else NotImplemented

    def __ge__(self, other: PathNames) -> Any:
        return self.path >= other.path if isinstance(other, PathNames) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.path)

    def clonePath(self, path: Any, alwaysCreate: bool = False) -> Any:
        """
        Return an object for another path: a `FilePath`, unless a subclass says otherwise.

        Args:
            path: The other path.
            alwaysCreate: Open files for writing only if they are not there yet.
        """
        return PathNames(path, alwaysCreate)

    @property
    def sep(self) -> Any:
        """The separator, of the path's type."""
        return os.fsencode(os.sep) if isinstance(self.path, bytes) else os.sep

    def asTextMode(self, encoding: str | None = None) -> Any:
        """Return the path as text."""
        path = self.path
        if isinstance(path, str):
            return self
        return self.clonePath(path.decode(encoding) if encoding else os.fsdecode(path))

    def asBytesMode(self, encoding: str | None = None) -> Any:
        """Return the path as bytes."""
        path = self.path
        if isinstance(path, bytes):
            return self
        return self.clonePath(path.encode(encoding) if encoding else os.fsencode(path))

    def _same(self, name: Any) -> Any:
        """Return a name in the path's type."""
        return os.fsencode(name) if isinstance(self.path, bytes) else os.fsdecode(name)

    def child(self, path: Any) -> Any:
        """
        Return a direct child.

        Args:
            path: Its name.

        Raises:
            InsecurePath: The name leads elsewhere.
        """
        name = self._same(path)
        norm = os.path.normpath(name)
        if self.sep in norm:
            raise InsecurePath(f"{path!r} contains one or more directory separators")
        new = os.path.abspath(os.path.join(self.path, norm))
        self._checkBelow(new)
        return self.clonePath(new)

    def preauthChild(self, path: Any) -> Any:
        """
        Return a path below this one that may be several levels down.

        Raises:
            InsecurePath: The name leads elsewhere.
        """
        new = os.path.abspath(os.path.join(self.path, os.path.normpath(self._same(path))))
        self._checkBelow(new)
        return self.clonePath(new)

    def _checkBelow(self, new: Any) -> None:
        # With the separator: /a/foobar is not below /a/foo.
        if new != self.path and not new.startswith(self.path.rstrip(self.sep) + self.sep):
            raise InsecurePath(f"{new!r} is not a child of {self.path!r}")

    def descendant(self, segments: Any) -> Any:
        """Return the child of the child and so on, by names."""
        path = self
        for name in segments:
            path = path.child(name)
        return path

    def parent(self) -> Any:
        """Return the directory that the path lies in."""
        return self.clonePath(self.dirname())

    def parents(self) -> Iterator[Any]:
        """Yield the directories above, the nearest first."""
        path, parent = self, self.parent()
        while path != parent:
            yield parent
            path, parent = parent, parent.parent()

    def basename(self) -> Any:
        """Return the last part of the path."""
        return os.path.basename(self.path)

    def dirname(self) -> Any:
        """Return the path without its last part."""
        return os.path.dirname(self.path)

    def sibling(self, path: Any) -> Any:
        """Return a path in the same directory."""
        return self.parent().child(path)

    def siblingExtension(self, ext: Any) -> Any:
        """Return the path with something appended to its name."""
        return self.clonePath(self.path + self._same(ext))

    def splitext(self) -> tuple[Any, Any]:
        """Return the path without its extension, and the extension."""
        return os.path.splitext(self.path)

    def segmentsFrom(self, ancestor: PathNames) -> list[Any]:
        """
        Return the names that lead here from a directory above.

        Raises:
            ValueError: It is not above.
        """
        path = self
        names: list[Any] = []
        while path != ancestor or not names:
            parent = path.parent()
            if parent == path:
                raise ValueError(f"{ancestor!r} is not above {self!r}")
            names.insert(0, path.basename())
            path = parent
        return names

    def realpath(self) -> Any:
        """
        Return the path that symbolic links lead to.

        Raises:
            LinkError: They lead round in a circle.
        """
        result = os.path.realpath(self.path)
        if os.path.islink(result):
            raise LinkError(errno.ELOOP, os.strerror(errno.ELOOP), self.path)
        return self.clonePath(result)

    def childSearchPreauth(self, *paths: Any) -> Any:
        """Return the first of some paths below that is there, or None."""
        for path in paths:
            found = os.path.join(self.path, self._same(path))
            if os.path.exists(found):
                return self.clonePath(found)
        return None

    def siblingExtensionSearch(self, *exts: Any) -> Any:
        """
        Return the first of the path with some extensions that is there, or None.

        Args:
            exts: Extensions; an empty one is the path itself, `*` is any.
        """
        for ext in exts:
            ext = self._same(ext)
            if not ext and self.exists():
                return self
            if ext == self._same("*"):
                start = self.basename() + self._same(".")
                for name in os.listdir(self.dirname()):
                    if name.startswith(start):
                        return self.clonePath(os.path.join(self.dirname(), name))
            if os.path.exists(self.path + ext):
                return self.clonePath(self.path + ext)
        return None

    # Listing.

    def listdir(self) -> list[Any]:
        """Return the names in the directory."""
        return os.listdir(self.path)

    def children(self) -> list[Any]:
        """
        Return what is in the directory.

        Raises:
            UnlistableError: It cannot be listed.
        """
        try:
            names = self.listdir()
        except OSError as error:
            raise UnlistableError(error) from error
        return [self.child(name) for name in names]

    def globChildren(self, pattern: Any) -> list[Any]:
        """Return what is in the directory and fits a pattern such as `*.py`."""
        pattern = self._same(pattern)
        return [self.child(name) for name in self.listdir() if fnmatch.fnmatchcase(name, pattern)]

    def walk(self, descend: Callable[[Any], bool] | None = None) -> Iterator[Any]:
        """
        Yield the path and all that is below it.

        Args:
            descend: Says of a directory whether to go into it; all when left out.

        Raises:
            LinkError: Symbolic links lead round in a circle.
        """
        yield self
        if not self.isdir():
            return
        for child in self.children():
            if child.islink() and child.realpath() in [*self.parents(), self]:
                raise LinkError(f"Cycle in file graph: {child!r}")
            if not child.isdir() or (descend is not None and not descend(child)):
                yield child
            else:
                yield from child.walk(descend)
