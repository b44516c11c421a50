"""
An FTP server: the files of a directory for anonymous readers, and for users with passwords.

aioftp speaks FTP; sockets, draining and the life of the whole are plait's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.lazy import fetching

from ._ftp import ftp as ftp
from ._passwords import Account as Account
from ._passwords import PasswordFile as PasswordFile
from ._passwords import hash_password as hash_password

if TYPE_CHECKING:
    from ._server import FTPServer as FTPServer

__all__ = ["Account", "FTPServer", "PasswordFile", "ftp", "hash_password"]

__getattr__ = fetching(__name__, {"FTPServer": "_server"})
