"""Files of a directory and below, whatever links lead out of it."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from fnmatch import fnmatchcase
from pathlib import Path
from time import gmtime, strftime, time
from typing import Any, NamedTuple

import aioftp

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Seconds after which a listing tells the year in place of the time of day.
_OLD = 180 * 86400


class Entry(NamedTuple):
    """One line of a listing."""

    name: str
    info: os.stat_result

    def line(self) -> str:
        """Return it as `ls -l` does, with times in UTC."""
        info, when = self.info, gmtime(self.info.st_mtime)
        month = _MONTHS[when.tm_mon - 1]
        recent = 0 <= time() - info.st_mtime < _OLD
        late = f"{when.tm_hour:02}:{when.tm_min:02}" if recent else f" {when.tm_year:4}"
        head = f"{stat.filemode(info.st_mode)} {info.st_nlink:>4} ftp ftp {info.st_size:>12}"
        return f"{head} {month} {when.tm_mday:>2} {late} {self.name}"

    def facts(self) -> str:
        """Return it for programs."""
        kind = "dir" if stat.S_ISDIR(self.info.st_mode) else "file"
        size, modified = self.info.st_size, stamp(self.info)
        return f"Type={kind};Size={size};Modify={modified}; {self.name}"


def stamp(info: os.stat_result) -> str:
    """Return when a file was changed, as FTP writes it."""
    return strftime("%Y%m%d%H%M%S", gmtime(info.st_mtime))


class Inside(aioftp.AsyncPathIO):
    """aioftp's access to files, in threads, for what is inside of the user's directory."""

    def _real(self, path: Path, *, follow: bool = True) -> Path:
        """Return a path with its links resolved; raise when it is outside."""
        assert self.connection is not None
        root = os.path.realpath(self.connection.user.base_path)
        if follow or os.path.normpath(path) == root:
            real = os.path.realpath(path)
        else:
            real = os.path.join(os.path.realpath(path.parent), path.name)
        if real != root and not real.startswith(root.rstrip("/") + "/"):
            raise aioftp.PathIOError(reason=(None, None, None))
        return Path(real)

    async def _inside(self, path: Path, *, follow: bool = True) -> Path | None:
        try:
            return self._real(path, follow=follow)
        except aioftp.PathIOError:
            return None

    async def exists(self, path: Path) -> bool:
        real = await self._inside(path)
        return real is not None and await super().exists(real)

    async def is_dir(self, path: Path) -> bool:
        real = await self._inside(path)
        return real is not None and await super().is_dir(real)

    async def is_file(self, path: Path) -> bool:
        real = await self._inside(path)
        return real is not None and await super().is_file(real)

    async def mkdir(self, path: Path, *, parents: bool = False, exist_ok: bool = False) -> None:
        await super().mkdir(self._real(path), parents=parents, exist_ok=exist_ok)

    async def rmdir(self, path: Path) -> None:
        await super().rmdir(self._real(path, follow=False))

    async def unlink(self, path: Path) -> None:
        await super().unlink(self._real(path, follow=False))

    def list(self, path: Path) -> Any:
        return self._seen(path)

    async def _seen(self, path: Path) -> AsyncIterator[Path]:
        self._real(path)
        async for each in super().list(path):
            if await self._inside(each) is not None and await super().exists(each):
                yield each

    async def stat(self, path: Path) -> Any:
        return await super().stat(self._real(path))

    async def _open(self, path: Path, *args: Any, **kwargs: Any) -> Any:
        return await super()._open(self._real(path), *args, **kwargs)

    async def rename(self, source: Path, destination: Path) -> Any:
        there = self._real(destination, follow=False)
        return await super().rename(self._real(source, follow=False), there)

    async def entries(self, path: Path) -> Any:
        """
        Return what a listing shows, sorted by name; None when there is nothing of that name.

        Args:
            path:
                A directory, a file, or a name with `*`, `?` and `[` in its last part.
        """
        return await asyncio.to_thread(self._entries, path)

    def _entries(self, path: Path) -> Any:
        info = self._info(path)
        if info is not None and not stat.S_ISDIR(info.st_mode):
            return [Entry(path.name, info)]
        folder, pattern = (path.parent, path.name) if info is None else (path, "")
        if info is None and not any(sign in pattern for sign in "*?["):
            return None
        try:
            names = sorted(os.listdir(self._real(folder)))
        except (aioftp.PathIOError, OSError):
            return None
        if pattern:
            hidden = pattern.startswith(".")
            names = [
                name
                for name in names
                if fnmatchcase(name, pattern) and (hidden or not name.startswith("."))
            ]
        found = [Entry(name, info) for name in names if (info := self._info(folder / name))]
        return found if found or not pattern else None

    def _info(self, path: Path) -> os.stat_result | None:
        try:
            return os.stat(self._real(path))
        except (aioftp.PathIOError, OSError):
            return None

    async def change(self, path: Path, *, mode: int | None = None, when: float = 0.0) -> None:
        """Change a file's rights, or its time in seconds since 1970; raise where that fails."""
        real = self._real(path)
        try:
            if mode is not None:
                await asyncio.to_thread(os.chmod, real, mode)
            else:
                await asyncio.to_thread(os.utime, real, (when, when))
        except OSError:
            raise aioftp.PathIOError(reason=(None, None, None)) from None
