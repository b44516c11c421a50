"""Who may read, write and execute a file."""

from __future__ import annotations

import stat
from typing import NamedTuple

__all__ = ["Permissions", "RWX"]


class RWX(NamedTuple):
    """
    What one class of users may do with a file.

    Args:
        read: May read.
        write: May write.
        execute: May execute.
    """

    read: bool
    write: bool
    execute: bool

    def shorthand(self) -> str:
        """Return the three letters that `ls` shows, such as `rw-`."""
        return "".join(letter if may else "-" for letter, may in zip("rwx", self, strict=True))


class Permissions:
    """
    What owner, group and others may do with a file.

    Args:
        statModeInt: The mode, as `os.stat` returns it.
    """

    def __init__(self, statModeInt: int) -> None:
        self.user, self.group, self.other = (
            RWX(*(bool(statModeInt & bit) for bit in bits))
            for bits in (
                (stat.S_IRUSR, stat.S_IWUSR, stat.S_IXUSR),
                (stat.S_IRGRP, stat.S_IWGRP, stat.S_IXGRP),
                (stat.S_IROTH, stat.S_IWOTH, stat.S_IXOTH),
            )
        )

    def _all(self) -> tuple[RWX, RWX, RWX]:
        return self.user, self.group, self.other

    def shorthand(self) -> str:
        """Return the nine letters that `ls` shows, such as `rw-r--r--`."""
        return "".join(each.shorthand() for each in self._all())

    def __repr__(self) -> str:
        return f"[{self.user} | {self.group} | {self.other}]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Permissions) and self._all() == other._all()

    def __lt__(self, other: Permissions) -> bool:
        return self._all() < other._all() if isinstance(other, Permissions) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())
