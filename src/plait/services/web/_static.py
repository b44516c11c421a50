"""The files of a directory as a web application."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Sequence
from email.utils import formatdate
from functools import lru_cache
from mimetypes import guess_type
from typing import Any, BinaryIO, NamedTuple

from plait.errors import FileRefused

from ._asgi import Receive, Scope, Send, answer_lifespan
from ._conditions import NotSatisfiable, chosen_range, unchanged
from ._kept import Header, Kept
from ._listing import page

# Up to here a file is read at once, in the loop: cheaper than a thread, and short.
_SMALL = 64 * 1024
_CHUNK = 256 * 1024

_PLAIN_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_PHRASES = {
    403: b"You may not see this.\n",
    404: b"There is nothing here.\n",
    405: b"Only GET and HEAD are served here.\n",
    416: b"The file has no such range.\n",
}


class _Found(NamedTuple):
    path: str
    info: os.stat_result


class StaticFiles:
    """
    An ASGI application that serves the files of a directory.

    Names with `..`, hidden files (a dot in front) and what symbolic links lead to outside of the
    directory do not exist for it. It answers GET and HEAD, with ETag and Last-Modified, conditional
    requests and ranges.

    Args:
        path:
            The directory.
        index:
            The files that stand for a directory, the first that is there.
        listing:
            Whether a directory without an index is listed.
        hidden:
            Whether hidden files are served too.
        max_age:
            Seconds that clients may use an answer without asking again; None says nothing.

    Raises:
        FileRefused: The directory is not there.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        index: Sequence[str] = ("index.html",),
        listing: bool = False,
        hidden: bool = False,
        max_age: int | None = None,
    ) -> None:
        self.path = os.path.realpath(path)
        if not os.path.isdir(self.path):
            raise FileRefused(os.fspath(path), "it is no directory", "a directory to serve")
        self.index = tuple(index)
        self.listing = listing
        self.hidden = hidden
        self._root = self.path if self.path.endswith(os.sep) else self.path + os.sep
        self._common: list[Header] = [(b"x-content-type-options", b"nosniff")]
        self._kept = Kept()
        if max_age is not None:
            self._common.append((b"cache-control", f"max-age={max_age}".encode("ascii")))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await answer_lifespan(receive, send)
            return
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["method"] not in ("GET", "HEAD"):
            await self._refuse(scope, send, 405, (b"allow", b"GET, HEAD"))
            return
        place = _place(scope)
        found = self._find(place)
        if found is None:
            await self._refuse(scope, send, 404)
            return
        if stat.S_ISDIR(found.info.st_mode):
            await self._directory(scope, send, found, place)
            return
        if place.endswith("/"):
            await self._refuse(scope, send, 404)
            return
        await self._file(scope, send, found)

    # From name to file.

    def _find(self, place: str) -> _Found | None:
        """Return the file or directory of a name, None when there is none to be seen."""
        parts = [part for part in place.split("/") if part]
        if "\0" in place or any(self._unseen(part) for part in parts):
            return None
        real = self.path
        info = None
        try:
            for part in parts:
                real = f"{real}{os.sep}{part}" if info is not None else self._root + part
                info = os.lstat(real)
                if stat.S_ISLNK(info.st_mode):
                    return self._linked(os.path.join(self.path, *parts))
            info = info or os.stat(real)
        except (OSError, ValueError):
            return None
        return self._regular(real, info)

    def _linked(self, path: str) -> _Found | None:
        """Return what a name with a symbolic link in it leads to, if that may be seen."""
        real = os.path.realpath(path)
        if real != self.path and not real.startswith(self._root):
            return None
        if not self.hidden and any(
            part.startswith(".") for part in real[len(self._root) :].split(os.sep)
        ):
            return None  # a link with an innocent name
        try:
            return self._regular(real, os.stat(real))
        except (OSError, ValueError):
            return None

    @staticmethod
    def _regular(real: str, info: os.stat_result) -> _Found | None:
        if not stat.S_ISREG(info.st_mode) and not stat.S_ISDIR(info.st_mode):
            return None
        return _Found(real, info)

    def _unseen(self, part: str) -> bool:
        if part in (".", ".."):
            return True
        if os.sep in part or (os.altsep is not None and os.altsep in part) or "\\" in part:
            return True
        return part.startswith(".") and not self.hidden

    # Answers.

    async def _directory(self, scope: Scope, send: Send, found: _Found, place: str) -> None:
        if place and not place.endswith("/"):
            # Relative, so that it is right behind any proxy, and leads to no other host.
            raw = (scope.get("raw_path") or place.encode("utf-8")).partition(b"?")[0]
            query = scope.get("query_string") or b""
            target = b"./" + raw.rpartition(b"/")[2] + b"/" + (b"?" + query if query else b"")
            await self._answer(scope, send, 307, [(b"location", target)], b"")
            return
        for name in self.index:
            inner = self._find(f"{place}/{name}")
            if inner is not None and stat.S_ISREG(inner.info.st_mode):
                await self._file(scope, send, inner)
                return
        if not self.listing:
            await self._refuse(scope, send, 404)
            return
        try:
            names = await asyncio.to_thread(self._entries, found.path, place)
        except OSError:
            await self._refuse(scope, send, 403)
            return
        body = page(place or "/", names, top=not place.strip("/"))
        kind = (b"content-type", b"text/html; charset=utf-8")
        await self._answer(scope, send, 200, [kind], body)
        return

    def _entries(self, path: str, place: str) -> list[tuple[str, os.stat_result]]:
        with os.scandir(path) as entries:
            names = sorted(entry.name for entry in entries)
        found = ((name, self._find(f"{place}/{name}")) for name in names)
        return [(name, each.info) for name, each in found if each is not None]

    async def _file(self, scope: Scope, send: Send, found: _Found) -> None:
        asked = _asked(scope)
        kept = self._kept.find(found.path, found.info) if not asked else None
        if kept is not None:
            headers, body = kept
            await send({"type": "http.response.start", "status": 200, "headers": [*headers]})
            body = b"" if scope["method"] == "HEAD" else body
            await send({"type": "http.response.body", "body": body})
            return
        try:
            file = open(found.path, "rb", buffering=0)  # noqa: ASYNC230, SIM115  # local and short
        except OSError:
            await self._refuse(scope, send, 403)
            return
        with file:
            info = os.fstat(file.fileno())
            etag = f'"{info.st_mtime_ns:x}-{info.st_size:x}"'
            own: list[Header] = [
                (b"accept-ranges", b"bytes"),
                (b"last-modified", _date(int(info.st_mtime))),
                (b"etag", etag.encode("ascii")),
            ]
            if unchanged(asked, etag, info.st_mtime):
                await self._start(send, 304, own, None)
                return
            own.append((b"content-type", _kind_of(found.path)))
            try:
                chosen = None
                if scope["method"] == "GET":  # a range of anything else means nothing
                    chosen = chosen_range(asked, etag, info.st_mtime, info.st_size)
            except NotSatisfiable:
                size = (b"content-range", f"bytes */{info.st_size}".encode("ascii"))
                await self._refuse(scope, send, 416, size)
                return
            first, length, status = 0, info.st_size, 200
            if chosen is not None:
                first, length = chosen
                status = 206
                text = f"bytes {first}-{first + length - 1}/{info.st_size}"
                own.append((b"content-range", text.encode("ascii")))
            await self._start(send, status, own, length)
            whole = await _send_file(scope, send, file, first, length)
            if status == 200 and whole is not None and len(whole) == info.st_size:
                self._kept.keep(found.path, info, tuple(own), whole)

    async def _refuse(self, scope: Scope, send: Send, status: int, *more: Header) -> None:
        await self._answer(scope, send, status, [_PLAIN_TEXT, *more], _PHRASES[status])

    async def _answer(
        self, scope: Scope, send: Send, status: int, headers: list[Header], body: bytes
    ) -> None:
        await self._start(send, status, headers, len(body))
        if scope["method"] == "HEAD":
            body = b""
        await send({"type": "http.response.body", "body": body})

    async def _start(
        self, send: Send, status: int, headers: list[Header], length: int | None
    ) -> None:
        headers += self._common
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if length is None:
            await send({"type": "http.response.body", "body": b""})


def _place(scope: Scope) -> str:
    """Return the name that is asked for, below where the application is mounted."""
    path = str(scope["path"])
    root = str(scope.get("root_path") or "")
    if root and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    return path


def _asked(scope: Scope) -> dict[bytes, bytes]:
    names = (b"if-none-match", b"if-modified-since", b"range", b"if-range")
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in names:
            found[name] = found[name] + b"," + value if name in found else value
    return found


@lru_cache(1024)
def _date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode("ascii")


_COMPRESSED = {"gzip": b"application/gzip", "bzip2": b"application/x-bzip2"}


@lru_cache(1024)
def _kind_of(path: str) -> bytes:
    kind, encoding = guess_type(path)
    if encoding is not None:
        return _COMPRESSED.get(encoding, b"application/octet-stream")
    if kind is None:
        return b"application/octet-stream"
    if kind.startswith("text/") or kind in ("application/javascript", "application/json"):
        kind += "; charset=utf-8"
    return kind.encode("ascii")


async def _send_file(
    scope: Scope, send: Send, file: BinaryIO | Any, first: int, left: int
) -> bytes | None:
    """Send a part of a file; return it where it is small."""
    if scope["method"] == "HEAD":
        await send({"type": "http.response.body", "body": b""})
        return None
    if first:
        file.seek(first)
    small = left <= _SMALL
    while True:
        amount = min(left, _CHUNK)
        data = file.read(amount) if small else await asyncio.to_thread(file.read, amount)
        if left and not data:
            # It was cut while it was sent; ending here would look like the whole.
            raise OSError(f"{file.name} became shorter while it was sent")
        left -= len(data)
        await send({"type": "http.response.body", "body": data, "more_body": left > 0})
        if left <= 0:
            return data if small else None
