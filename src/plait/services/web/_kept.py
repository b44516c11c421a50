"""Answers of small files that were sent before."""

from __future__ import annotations

import os
from typing import NamedTuple, TypeAlias

from plait.events import wall

Header: TypeAlias = tuple[bytes, bytes]
_Signature: TypeAlias = tuple[int, int, int, int]

# Bytes of the longest file, and how many are kept: four megabytes at most.
_LONGEST = 16 * 1024
_MOST = 256


class _Kept(NamedTuple):
    signature: _Signature
    headers: tuple[Header, ...]
    body: bytes


class Kept:
    """
    Whole answers of small files, by path, for as long as the file's status stays as it was.

    Args:
        settled:
            Seconds that a file has to have been left alone: one that was changed a moment ago may
            change again without its times telling.
    """

    def __init__(self, settled: float = 2.0) -> None:
        self._settled = settled
        self._answers: dict[str, _Kept] = {}

    def find(self, path: str, info: os.stat_result) -> tuple[tuple[Header, ...], bytes] | None:
        """
        Return the headers and the body of a file, None when they are not known.

        Args:
            path:
                Its path, without links.
            info:
                Its status now.
        """
        kept = self._answers.get(path)
        if kept is None or kept.signature != _signature(info):
            return None
        return kept.headers, kept.body

    def keep(
        self, path: str, info: os.stat_result, headers: tuple[Header, ...], body: bytes
    ) -> None:
        """
        Remember an answer, if it is short and its file has been left alone for a while.

        Args:
            path:
                The file's path, without links.
            info:
                Its status when it was opened.
            headers:
                All headers of the answer.
            body:
                The whole file.
        """
        if len(body) > _LONGEST or wall() - max(info.st_mtime, info.st_ctime) < self._settled:
            return
        if len(self._answers) >= _MOST:
            del self._answers[next(iter(self._answers))]
        self._answers[path] = _Kept(_signature(info), headers, body)


def _signature(info: os.stat_result) -> _Signature:
    return info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino
