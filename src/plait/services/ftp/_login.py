"""Who may come in over FTP."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aioftp

from plait.errors import FileRefused

from ._passwords import NOBODY, Account, PasswordFile

# Seconds before a wrong password is answered.
_PAUSE = 1.0


class _User(aioftp.User):
    account: Account | None = None


class Users(aioftp.AbstractUserManager):
    """
    The users of a server.

    Args:
        root:
            The server's directory.
        accounts:
            The users with passwords; None for none.
        anonymous:
            Whether anybody may read.
    """

    def __init__(self, root: Path, accounts: PasswordFile | None, *, anonymous: bool) -> None:
        super().__init__()
        self._root, self._accounts, self._anonymous = root, accounts, anonymous

    async def get_user(self, login: str) -> Any:
        answer = aioftp.AbstractUserManager.GetUserResponse
        if self._anonymous and login.lower() in ("anonymous", "ftp"):
            return answer.OK, self._user(None, writable=False), "you may read"
        if self._accounts is None:
            return answer.ERROR, None, "only anonymous may come in"
        try:
            account = await asyncio.to_thread(self._accounts.find, login)
        except FileRefused:
            return answer.ERROR, None, "nobody can come in now"
        user = self._user(account, writable=account is not None and account.writable)
        # Whether there is such a user is told together with the password.
        return answer.PASSWORD_REQUIRED, user, "password required"

    def _user(self, account: Account | None, *, writable: bool) -> aioftp.User:
        folder = self._root / (account.folder if account is not None else "")
        rights = [aioftp.Permission("/", readable=True, writable=writable)]
        name = "anonymous" if account is None else account.name
        user = _User(name, "-", base_path=folder, permissions=rights)
        user.account = account
        return user

    async def authenticate(self, user: aioftp.User, password: str) -> bool:
        known = getattr(user, "account", None)
        account = known or Account("", NOBODY)
        right = await asyncio.to_thread(account.accepts, password)
        if known is None or not right:
            await asyncio.sleep(_PAUSE)
            return False
        return True
