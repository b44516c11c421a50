"""Files and directories as resources."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from typing import Any

from plait.twisted._absent import absent
from plait.twisted.python import components, filepath, log

from . import http, resource, server
from ._listing import DirectoryLister as DirectoryLister
from ._listing import formatFileSize as formatFileSize
from ._ranges import parse_range, within
from ._types import ENCODINGS, TYPES
from ._types import getTypeAndEncoding as getTypeAndEncoding
from ._types import isDangerous as isDangerous
from ._types import loadMimeTypes as loadMimeTypes
from .pages import forbidden, notFound
from .util import redirectTo as redirectTo

__all__ = [
    "Data",
    "DirectoryLister",
    "File",
    "Registry",
    "formatFileSize",
    "getTypeAndEncoding",
    "isDangerous",
    "loadMimeTypes",
    "redirectTo",
]

_CHUNK = 65536


class Data(resource.Resource):
    """
    Bytes as a resource.

    Args:
        data:
            The bytes.
        type:
            Their content type.
    """

    def __init__(self, data: bytes, type: str) -> None:
        super().__init__()
        self.data = data
        self.type = type

    def render_GET(self, request: Any) -> bytes:
        """Return the bytes."""
        request.setHeader(b"content-type", self.type)
        request.setHeader(b"content-length", b"%d" % len(self.data))
        return b"" if request.method == b"HEAD" else self.data


class _Producer:
    """Sends pieces of a file, each after what announces it, as the client takes them."""

    def __init__(self, request: Any, file: Any, parts: Iterator[tuple[bytes, int, int]]) -> None:
        self.request = request
        self.file = file
        self.parts = parts
        self.left = 0

    def start(self) -> None:
        """Begin to be asked for data."""
        self.request.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """Send the next piece."""
        if self.request is None:
            return
        data = b""
        while len(data) < _CHUNK:
            if self.left:
                piece = self.file.read(min(self.left, _CHUNK - len(data)))
                if not piece:
                    break  # the file has shrunk; the missing bytes close the connection
                self.left -= len(piece)
                data += piece
                continue
            part = next(self.parts, None)
            if part is None:
                break
            header, offset, self.left = part
            data += header
            if self.left:
                self.file.seek(offset)
        request = self.request
        if data:
            request.write(data)
        else:
            request.unregisterProducer()
            request.finish()
            self.stopProducing()

    def stopProducing(self) -> None:
        """Close the file."""
        self.request = None
        self.file.close()


class Registry(components.Componentized):
    """What the resources of a tree share: set and get components of it."""


class File(resource.Resource, filepath.FilePath):  # type: ignore[misc]  # children: as in Twisted
    """
    A file, or a directory with what is below it.

    Args:
        path:
            The path.
        defaultType:
            The content type where the suffix says none.
        ignoredExts:
            Suffixes that may be left out of an address; `*` stands for all.
        registry:
            Data shared by the resources of a tree.
        allowExt:
            Whether any suffix may be left out.
    """

    contentTypes = TYPES
    contentEncodings = ENCODINGS
    processors: dict[str, Any] = {}  # noqa: RUF012 - shared on purpose, as in Twisted
    indexNames = ["index", "index.html", "index.htm", "index.rpy"]  # noqa: RUF012 - replaced, not changed
    type: Any = None
    encoding: Any = None

    def __init__(
        self,
        path: Any,
        defaultType: str = "text/html",
        ignoredExts: Any = (),
        registry: Any = None,
        allowExt: int = 0,
    ) -> None:
        resource.Resource.__init__(self)
        filepath.FilePath.__init__(self, os.fsdecode(getattr(path, "path", path)))
        self.defaultType = defaultType
        self.ignoredExts = ["*"] if ignoredExts in (0, 1) or allowExt else list(ignoredExts)
        if ignoredExts == 0:
            self.ignoredExts = []
        self.registry = registry or Registry()

    childNotFound = notFound(message="File not found.")
    forbidden = forbidden()

    def ignoreExt(self, ext: str) -> None:
        """Let a suffix be left out of an address."""
        self.ignoredExts.append(ext)

    def directoryListing(self) -> Any:
        """Return the resource that lists this directory."""
        return DirectoryLister(
            self.path, self.listNames(), self.contentTypes, self.contentEncodings, self.defaultType
        )

    def listNames(self) -> Any:
        """Return the names in this directory, and of children that were put here."""
        if not os.path.isdir(self.path):
            return []
        names = {*os.listdir(self.path), *(os.fsdecode(each) for each in self.children)}
        return sorted(names, key=str.lower)

    def listEntities(self) -> list[Any]:
        """Return the files in this directory."""
        return [self.createSimilarFile(os.path.join(self.path, each)) for each in self.listNames()]

    def createSimilarFile(self, path: Any) -> Any:
        """Return a resource for another file with this one's settings."""
        made = self.__class__(path, self.defaultType, self.ignoredExts, self.registry)
        made.processors = self.processors
        made.indexNames = self.indexNames[:]
        made.childNotFound = self.childNotFound
        return made

    def getChild(self, path: bytes, request: Any) -> Any:
        """Return the file of a name; an index file or a listing for the empty name."""
        if not os.path.isdir(self.path):
            return self.childNotFound
        if not path:
            found = self._index()
            return self.directoryListing() if found is None else self._processed(found, request)
        try:
            name = path.decode("utf-8")
        except UnicodeDecodeError:
            return self.childNotFound
        if isDangerous(name) or "\0" in name:
            return self.childNotFound
        full = os.path.join(self.path, name)
        if not os.path.exists(full):
            full = self._with_suffix(name) or ""
            if not full:
                return self.childNotFound
        return self._processed(full, request)

    def _index(self) -> str | None:
        for name in self.indexNames:
            full: str = os.path.join(self.path, name)
            if os.path.exists(full):
                return full
        return None

    def _with_suffix(self, name: str) -> str | None:
        for suffix in self.ignoredExts:
            if suffix == "*":
                for other in sorted(os.listdir(self.path)):
                    if os.path.splitext(other)[0] == name:
                        return str(os.path.join(self.path, other))
            elif os.path.exists(os.path.join(self.path, name + suffix)):
                return str(os.path.join(self.path, name + suffix))
        return None

    def _processed(self, full: str, request: Any) -> Any:
        processor = self.processors.get(os.path.splitext(full)[1].lower())
        if processor is not None:
            made = processor(full, self.registry)
            return resource.IResource(made)
        return self.createSimilarFile(full)

    def openForReading(self) -> Any:
        """Return the open file."""
        return open(self.path, "rb")

    def getFileSize(self) -> int:
        """Return the size in bytes."""
        return os.stat(self.path).st_size

    def render_GET(self, request: Any) -> Any:
        """Send the file, or the bytes of it that were asked for."""
        request.setHeader(b"accept-ranges", b"bytes")
        try:
            found = os.stat(self.path)
        except OSError:
            return self.childNotFound.render(request)
        if stat.S_ISDIR(found.st_mode):
            return self.redirect(request)
        self.type, self.encoding = getTypeAndEncoding(
            os.path.basename(self.path), self.contentTypes, self.contentEncodings, self.defaultType
        )
        try:
            file = self.openForReading()
        except PermissionError:
            return self.forbidden.render(request)
        except OSError:
            return self.childNotFound.render(request)
        if request.setLastModified(found.st_mtime) is http.CACHED:
            file.close()
            request.setHeader(b"content-length", b"0")
            return b""
        producer = self.makeProducer(request, file, found.st_size)
        if request.method == b"HEAD":
            file.close()
            return b""
        producer.start()
        return server.NOT_DONE_YET

    def redirect(self, request: Any) -> bytes:
        """Send the client to the address with a slash at the end."""
        target = request.uri.partition(b"?")
        return redirectTo(_one_slash(target[0]) + b"/" + target[1] + target[2], request)

    def _describe(self, request: Any) -> None:
        if self.type:
            request.setHeader(b"content-type", self.type)
        if self.encoding:
            request.setHeader(b"content-encoding", self.encoding)

    def makeProducer(self, request: Any, file: Any, size: int | None = None) -> Any:
        """Set the head of the answer and return what sends the bytes."""
        size = self.getFileSize() if size is None else size
        field = request.getHeader(b"range")
        ranges: list[tuple[int | None, int | None]] = []
        if field is not None:
            try:
                ranges = parse_range(field)
            except ValueError:
                log.msg(f"Ignoring malformed Range header {field.decode('latin-1')!r}")
        if not ranges:
            self._describe(request)
            request.setHeader(b"content-length", b"%d" % size)
            request.setResponseCode(http.OK)
            return _Producer(request, file, iter([(b"", 0, size)]))
        found = [within(first, last, size) for first, last in ranges]
        good = [pair for pair in found if pair[1]]
        if not good:
            self._describe(request)
            request.setResponseCode(http.REQUESTED_RANGE_NOT_SATISFIABLE)
            request.setHeader(b"content-range", b"bytes */%d" % size)
            request.setHeader(b"content-length", b"0")
            return _Producer(request, file, iter(()))
        request.setResponseCode(http.PARTIAL_CONTENT)
        if len(ranges) == 1:
            offset, length = good[0]
            self._describe(request)
            request.setHeader(
                b"content-range", b"bytes %d-%d/%d" % (offset, offset + length - 1, size)
            )
            request.setHeader(b"content-length", b"%d" % length)
            return _Producer(request, file, iter([(b"", offset, length)]))
        return _Producer(request, file, iter(self._multipart(request, good, size)))

    def _multipart(
        self, request: Any, ranges: list[tuple[int, int]], size: int
    ) -> list[tuple[bytes, int, int]]:
        boundary = secrets.token_hex(8).encode()
        kind = (self.type or "application/octet-stream").encode()
        parts = []
        for offset, length in ranges:
            header = b"\r\n--%b\r\nContent-type: %b\r\nContent-range: bytes %d-%d/%d\r\n\r\n" % (
                boundary,
                kind,
                offset,
                offset + length - 1,
                size,
            )
            parts.append((header, offset, length))
        parts.append((b"\r\n--%b--\r\n" % boundary, 0, 0))
        total = sum(len(header) + length for header, _offset, length in parts)
        request.setHeader(b"content-type", b'multipart/byteranges; boundary="%b"' % boundary)
        request.setHeader(b"content-length", b"%d" % total)
        return parts


def _one_slash(path: bytes) -> bytes:
    """Return a path that cannot be taken for another host's address."""
    return b"/" + path.lstrip(b"/")


_SENT = "File.makeProducer returns what sends a file"

__getattr__ = absent(
    __name__,
    {
        "ASISProcessor": "write the header fields with request.setHeader",
        "Redirect": "use plait.twisted.web.util.Redirect",
        "MultipleRangeStaticProducer": _SENT,
        "NoRangeStaticProducer": _SENT,
        "SingleRangeStaticProducer": _SENT,
        "StaticProducer": _SENT,
        "addSlash": "a File sends its clients to the address with a slash itself",
        "dangerousPathError": "use plait.twisted.web.pages.notFound",
    },
)
