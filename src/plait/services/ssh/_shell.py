"""A Python shell inside the running process, for those who are trusted with all of it."""

from __future__ import annotations

import ast
import codeop
import inspect
import io
import traceback
from collections.abc import Mapping
from types import CodeType
from typing import Any

import asyncssh

_SHOWN = "__shown__"
_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class Shell:
    """
    Reads statements from a client, runs them in the loop, and prints what they print.

    `await` may stand at the top.

    Args:
        names:
            What the statements can use.
        process:
            asyncssh's process.
    """

    def __init__(self, names: Mapping[str, Any], process: Any) -> None:
        self._names = {"__name__": "__plait__", **names}
        self._process = process
        self._compile = codeop.CommandCompiler()
        self._compile.compiler.flags |= _FLAGS

    async def run(self) -> int:
        """Serve the client until its end of file, or `exit()`."""
        write = self._process.stdout.write
        write(f"Names: {', '.join(name for name in self._names if name[0] != '_')}\n>>> ")
        lines: list[str] = []
        while True:
            try:
                line = await self._process.stdin.readline()
            except asyncssh.BreakReceived:
                lines.clear()
                write("\n>>> ")
                continue
            except asyncssh.TerminalSizeChanged:
                continue
            if not line:
                return 0
            lines.append(line.rstrip("\r\n"))
            try:
                text = "\n".join(lines)
                code = self._compile(text, "<ssh>", "single")
            except (SyntaxError, ValueError, OverflowError) as error:
                write("".join(traceback.format_exception_only(error)) + ">>> ")
                lines.clear()
                continue
            if code is None:
                write("... ")
                continue
            lines.clear()
            try:
                write(await self._execute(text))
            except SystemExit:
                return 0
            write(">>> ")

    async def _execute(self, text: str) -> str:
        output = io.StringIO()
        self._names["print"] = _printer(output)
        try:
            result = eval(_compiled(text), self._names)
            if inspect.iscoroutine(result):
                await result
            value = self._names.pop(_SHOWN, None)
            if value is not None:
                output.write(f"{value!r}\n")
                self._names["_"] = value
        except SystemExit:
            raise
        except Exception:
            output.write(traceback.format_exc())
        return output.getvalue()


def _compiled(text: str) -> CodeType:
    """Return statements whose last value, where it has one, is kept under a name."""
    tree = ast.parse(text, "<ssh>")
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = tree.body[-1]
        target = ast.Name(_SHOWN, ast.Store())
        tree.body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
        ast.fix_missing_locations(tree)
    code: CodeType = compile(tree, "<ssh>", "exec", flags=_FLAGS)
    return code


def _printer(output: io.StringIO) -> Any:
    def show(*values: Any, **options: Any) -> None:
        options.setdefault("file", output)
        print(*values, **options)  # noqa: T201  # into the client's output

    return show
