"""
What a shell is told about the values of options.

The classes are here so that programs which describe their completions can be imported; nothing in
plait writes a completion script from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["CompleteFiles", "CompleteList", "Completer", "Completions"]


class Completions:
    """
    The completions of an `Options` class.

    Args:
        descriptions: Other texts for options.
        multiUse: Options that may be given more than once.
        mutuallyExclusive: Groups of options of which one may be given.
        optActions: How the values of options are completed.
        extraActions: How the other words are completed.
    """

    def __init__(
        self,
        descriptions: Mapping[str, str] | None = None,
        multiUse: Sequence[str] = (),
        mutuallyExclusive: Sequence[Any] = (),
        optActions: Mapping[str, Any] | None = None,
        extraActions: Sequence[Any] = (),
    ) -> None:
        self.descriptions = dict(descriptions or {})
        self.multiUse = list(multiUse)
        self.mutuallyExclusive = list(mutuallyExclusive)
        self.optActions = dict(optActions or {})
        self.extraActions = list(extraActions)


class Completer:
    """
    One way to complete a word.

    Args:
        descr: What the word is.
        repeat: Whether there may be more of them.
    """

    _descr: str | None = None

    def __init__(self, descr: str | None = None, repeat: bool = False) -> None:
        if descr is not None:
            self._descr = descr
        self._repeat = repeat


class CompleteFiles(Completer):
    """
    Completes names of files.

    Args:
        globPattern: Which files.
        kw: As for `Completer`.
    """

    _descr = "file"

    def __init__(self, globPattern: str = "*", **kw: Any) -> None:
        super().__init__(**kw)
        self._globPattern = globPattern


class CompleteDirs(Completer):
    """Completes names of directories."""

    _descr = "directory"


class CompleteList(Completer):
    """
    Completes one of some words.

    Args:
        items: The words.
        kw: As for `Completer`.
    """

    def __init__(self, items: Sequence[str], **kw: Any) -> None:
        super().__init__(**kw)
        self._items = items


class CompleteMultiList(CompleteList):
    """Completes several of some words, with commas between them."""


class CompleteUsernames(Completer):
    """Completes names of users."""


class CompleteGroups(Completer):
    """Completes names of groups."""

    _descr = "group"


class CompleteHostnames(Completer):
    """Completes names of hosts."""


class CompleteUserAtHost(Completer):
    """Completes users at hosts."""

    _descr = "host | user@host"


class CompleteNetInterfaces(Completer):
    """Completes names of network interfaces."""
