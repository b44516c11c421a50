"""Programs from outside as clients, run beside the loop."""

from __future__ import annotations

import asyncio

LIMIT = 15.0
"""Seconds that one may take."""


async def call(*words: str, stdin: bytes | None = None) -> tuple[int, bytes, bytes]:
    """Run a program; return its status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT):
            output, errors = await process.communicate(stdin)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, output, errors


async def output_of(*words: str, stdin: bytes | None = None) -> str:
    """Run a program that has to succeed; return what it prints."""
    status, output, errors = await call(*words, stdin=stdin)
    assert status == 0, (status, output, errors)
    return output.decode("utf-8", "replace")
