"""Content types by file name."""

from __future__ import annotations

import mimetypes
import os
from typing import Any

__all__ = [
    "ENCODINGS",
    "TYPES",
    "getTypeAndEncoding",
    "isDangerous",
    "loadMimeTypes",
]


def isDangerous(path: str) -> bool:
    """Tell whether a path element could lead out of its directory."""
    return path == ".." or "/" in path or os.sep in path


def loadMimeTypes(mimetype_locations: Any = None, init: Any = mimetypes.init) -> dict[str, str]:
    """Return content types by file name suffix."""
    init(mimetype_locations)
    types = dict(mimetypes.types_map)
    types.update(
        {
            ".conf": "text/plain",
            ".diff": "text/plain",
            ".flac": "audio/x-flac",
            ".java": "text/plain",
            ".oz": "text/x-oz",
            ".swf": "application/x-shockwave-flash",
            ".wml": "text/vnd.wap.wml",
            ".xul": "application/vnd.mozilla.xul+xml",
            ".patch": "text/plain",
        }
    )
    return types


def getTypeAndEncoding(
    filename: str, types: dict[str, str], encodings: dict[str, str], defaultType: Any
) -> tuple[Any, str | None]:
    """Return content type and encoding for a file name."""
    base, suffix = os.path.splitext(filename)
    suffix = suffix.lower()
    encoding = encodings.get(suffix)
    if encoding is not None:
        suffix = os.path.splitext(base)[1].lower()
    return types.get(suffix, defaultType), encoding


TYPES = loadMimeTypes()
ENCODINGS = {".gz": "gzip", ".bz2": "bzip2"}
