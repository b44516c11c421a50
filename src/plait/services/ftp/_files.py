"""Files of a directory and below, whatever links lead out of it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aioftp


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
