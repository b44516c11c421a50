"""Commands that clients send and aioftp does not know, or answers too briefly for them."""

from __future__ import annotations

import asyncio
import calendar
import os
import re
import time
from functools import partial
from typing import Any

from ._dialogue import Dialogue
from ._files import Entry, stamp

_FEATURES = ("EPRT", "EPSV", "MDTM", "MFMT", "MLST Type*;Size*;Modify*;")
_SECURE = ("AUTH TLS", "PBSZ", "PROT")
# Old names of commands, which some clients still send.
_OLD = {"xpwd": "pwd", "xcwd": "cwd", "xcup": "cdup", "xmkd": "mkd", "xrmd": "rmd"}
_FINE = {
    "noop": "fine",
    "allo": "there is room",
    "clnt": "pleased to meet you",
    "mode": "stream",
    "opts": "fine",
    "stru": "file",
}
_ONLY = {"mode": "S", "stru": "F"}


class Commands(Dialogue):
    """The dialogue with all its commands; takes the arguments of `Dialogue`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        known = self.commands_mapping
        for name in _FINE:
            known[name] = partial(self._fine, name)
        for name in ("feat", "help", "stat", "size", "mdtm", "mfmt", "site"):
            known[name] = getattr(self, name)
        for name, new in _OLD.items():
            known[name] = known[new]

    async def _fine(self, name: str, connection: Any, rest: Any) -> bool:
        if rest.upper() not in (_ONLY.get(name, rest.upper()), ""):
            connection.response("504", f"expected {name.upper()} {_ONLY[name]}")
        else:
            connection.response("202" if name == "allo" else "200", _FINE[name])
        return True

    async def feat(self, connection: Any, rest: Any) -> bool:
        """Say what is known beyond RFC 959."""
        found = [*_FEATURES, "REST STREAM", "SIZE", "TVFS", "UTF8"]
        if self.context() is not None:
            found = [*_SECURE, *found]
        connection.response("211", ["features:", *found, "end"], True)
        return True

    async def help(self, connection: Any, rest: Any) -> bool:
        """List the commands."""
        names = sorted(name.upper() for name in self.commands_mapping if " " not in name)
        rows = [" ".join(names[start : start + 8]) for start in range(0, len(names), 8)]
        connection.response("214", ["commands:", *rows, "end"], True)
        return True

    async def stat(self, connection: Any, rest: Any) -> bool:
        """Say that all is well; a listing needs a connection for data."""
        if rest:
            connection.response("504", "expected STAT without a name; LIST lists files")
        else:
            connection.response("211", "this server serves you")
        return True

    async def type(self, connection: Any, rest: Any) -> bool:
        known = {"A": "A", "A N": "A", "I": "I", "L 8": "I", "L8": "I"}
        return bool(await super().type(connection, known.get(rest.upper(), rest)))

    # Names.

    async def _list(self, form: str, connection: Any, rest: Any) -> bool:
        future = connection.future
        if not future.logged.done() or not future.passive_server.done():
            problem = "PASV or PORT first" if future.logged.done() else "log in first"
            connection.response("503", problem)
            return True
        name = re.sub(r"^(-\w+\s*)+", "", rest)  # options for a program that is not there
        real, _ = self.get_paths(connection, name)
        entries = await connection.path_io.entries(real)
        if entries is None:
            connection.response("550", "there is no such file")
            return True
        folder = ""
        if form == "nlst" and name and not await connection.path_io.is_dir(real):
            folder = os.path.dirname(name)
        elif form == "nlst":
            folder = name
        lines = [_line(form, folder, entry) + "\r\n" for entry in entries]
        data = "".join(lines).encode(self.encoding, "surrogateescape")
        connection.extra_workers.add(asyncio.create_task(self._send(connection, data)))
        connection.response("150", "here are the names")
        return True

    async def _send(self, connection: Any, data: bytes) -> None:
        try:
            async with asyncio.timeout(connection.wait_future_timeout):
                stream = await asyncio.shield(connection.future.data_connection)
        except TimeoutError:
            connection.response("425", "there is no connection for data")
            return
        del connection.data_connection
        async with stream:
            await stream.write(data)
        connection.response("226", "those were the names")

    async def list(self, connection: Any, rest: Any) -> bool:
        return bool(await self._list("list", connection, rest))

    async def nlst(self, connection: Any, rest: Any) -> bool:
        """Send names alone."""
        return bool(await self._list("nlst", connection, rest))

    async def mlsd(self, connection: Any, rest: Any) -> bool:
        return bool(await self._list("mlsd", connection, rest))

    # Single files.

    async def size(self, connection: Any, rest: Any) -> bool:
        """Say how long a file is."""
        found = await self._file(connection, rest)
        if found is not None:
            connection.response("213", str(found.st_size))
        return True

    async def mdtm(self, connection: Any, rest: Any) -> bool:
        """Say when a file was changed."""
        found = await self._file(connection, rest)
        if found is not None:
            connection.response("213", stamp(found))
        return True

    async def mfmt(self, connection: Any, rest: Any) -> bool:
        """Set when a file was changed."""
        when, _, name = rest.partition(" ")
        try:
            seconds = calendar.timegm(time.strptime(when, "%Y%m%d%H%M%S"))
        except ValueError:
            connection.response("501", "expected MFMT YYYYMMDDHHMMSS NAME")
            return True
        if await self._may_change(connection, name):
            await connection.path_io.change(self.get_paths(connection, name)[0], when=seconds)
            connection.response("213", f"Modify={when}; {name}")
        return True

    async def site(self, connection: Any, rest: Any) -> bool:
        """Change a file's rights: `SITE CHMOD 644 NAME`."""
        found = re.fullmatch(r"(?i:chmod) +([0-7]{3,4}) +(.+)", rest)
        if found is None:
            connection.response("504", "expected SITE CHMOD MODE NAME")
        elif await self._may_change(connection, found[2]):
            real, _ = self.get_paths(connection, found[2])
            await connection.path_io.change(real, mode=int(found[1], 8) & 0o777)
            connection.response("200", "changed")
        return True

    async def _may_change(self, connection: Any, name: str) -> bool:
        """Return whether the client may change a file; answer it where it may not."""
        if await self._file(connection, name) is None:
            return False
        _, virtual = self.get_paths(connection, name)
        rights = await connection.user.get_permissions(virtual)
        if not rights.writable:
            connection.response("550", "permission denied")
        return bool(rights.writable)

    async def _file(self, connection: Any, rest: Any) -> os.stat_result | None:
        """Return what is known of a file; answer the client when there is nothing."""
        if not connection.future.logged.done():
            connection.response("503", "log in first")
            return None
        real, _ = self.get_paths(connection, rest)
        if not await connection.path_io.is_file(real):
            connection.response("550", "there is no such file")
            return None
        found: os.stat_result = await connection.path_io.stat(real)
        return found


def _line(form: str, folder: str, entry: Entry) -> str:
    if form == "nlst":
        return os.path.join(folder, entry.name)
    return entry.line() if form == "list" else entry.facts()
