"""Users from a file, their passwords hashed with scrypt."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from base64 import b64decode, b64encode
from pathlib import Path
from typing import NamedTuple

from plait.errors import FileRefused

_N, _R, _P = 16384, 8, 1
_FORM = re.compile(r"scrypt\$(\d{1,8})\$(\d{1,3})\$(\d{1,3})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")
_MEMORY = 256 * 1024 * 1024


class Account(NamedTuple):
    """
    One user.

    Args:
        name:
            The login name.
        hash:
            What `hash_password()` made of the password.
        writable:
            Whether the user may change files.
        folder:
            The user's directory, below that of the server; empty for the whole.
    """

    name: str
    hash: str
    writable: bool = False
    folder: str = ""

    def accepts(self, password: str) -> bool:
        """Return whether this is the user's password; takes some hundredths of a second."""
        return _matches(self.hash, password)


def hash_password(password: str) -> str:
    """
    Return the text that stands for a password in a file of users.

    Args:
        password:
            The password.
    """
    salt = os.urandom(16)
    key = hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=_MEMORY)
    return f"scrypt${_N}${_R}${_P}${b64encode(salt).decode()}${b64encode(key).decode()}"


#: Compared with when there is no such user, so that the time tells nothing.
NOBODY = "scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAA"


def _matches(text: str, password: str) -> bool:
    found = _FORM.fullmatch(text)
    if found is None:
        return False
    n, r, p = (int(found[number]) for number in (1, 2, 3))
    key = b64decode(found[5])
    made = hashlib.scrypt(
        password.encode(), salt=b64decode(found[4]), n=n, r=r, p=p, maxmem=_MEMORY
    )
    return hmac.compare_digest(made, key)


class PasswordFile:
    """
    The users in a file, one a line: `name:hash`, `name:hash:rw` or `name:hash:ro:folder`.

    It is read again when it has changed.

    Args:
        path:
            The file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._seen: tuple[int, int, int] | None = None
        self._accounts: dict[str, Account] = {}

    def find(self, name: str) -> Account | None:
        """
        Return a user, None when there is no such one.

        Raises:
            FileRefused: The file cannot be read, or a line is not understood.
        """
        self.load()
        return self._accounts.get(name)

    def load(self) -> None:
        """
        Read the file if it has changed.

        Raises:
            FileRefused: It cannot be read, or a line is not understood.
        """
        try:
            info = os.stat(self.path)
            seen = (info.st_ino, info.st_mtime_ns, info.st_size)
            if seen == self._seen:
                return
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise FileRefused(str(self.path), reason, "a file of users, name:hash") from None
        accounts = {}
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip() and not line.lstrip().startswith("#"):
                account = self._read(number, line.strip())
                accounts[account.name] = account
        self._accounts, self._seen = accounts, seen

    def _read(self, number: int, line: str) -> Account:
        name, _, rest = line.partition(":")
        hashed, _, rest = rest.partition(":")
        mode, _, folder = rest.partition(":")
        where = f"{self.path}:{number}"
        if not name or _FORM.fullmatch(hashed) is None:
            raise FileRefused(
                where,
                f"the password of {name!r} is not hashed",
                "name:hash, with a hash from plait.services.ftp.hash_password()",
            )
        if mode not in ("", "ro", "rw"):
            raise FileRefused(where, f"{mode!r} says nothing about rights", "ro or rw")
        if folder.startswith("/") or ".." in folder.split("/"):
            raise FileRefused(
                where, f"the folder {folder!r} leads outside", "one below the server's directory"
            )
        return Account(name, hashed, mode == "rw", folder)
