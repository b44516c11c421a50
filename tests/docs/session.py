"""Run the blocks of a page, as a reader would."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.ports import Ports

from .blocks import BadBlock, Block, check_shown

LIMIT = 30.0
"""Seconds that a command may take, and that a line in the background may be waited for."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?[+-]\d{4}|\d+\.\d{3} s\b")


class Session:
    """The shell and the folder in which one page is followed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = Ports()
        self._job: subprocess.Popen[str] | None = None
        self._output = folder / ".job-output"
        scripts = str(Path(sys.executable).parent)
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PLAIT_")},
            "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")]),
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "100",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._job is not None:
            self._job.kill()
            self._job.wait()

    def finish(self) -> None:
        """Check that the page left nothing running."""
        if self._job is not None:
            raise BadBlock("a command in the background is never ended by `$ kill %1`")

    def run(self, block: Block) -> None:
        """Do with a block what its language and its comment say."""
        if check_shown(block):
            return
        text = self.ports.moved(block.text)
        if block.order == "file":
            path = self.folder / block.argument
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif block.order == "pytest":
            path = self.folder / f"test_line_{block.line}.py"
            path.write_text(text)
            self._script(block, ["-m", "pytest", "-q", "-p", "no:cacheprovider", path.name])
        elif block.language == "python":
            path = self.folder / f"line_{block.line}.py"
            path.write_text(text)
            self._script(block, [path.name])
        elif block.language == "console":
            self._console(block, text)
        else:
            raise BadBlock(f"{block}: the language {block.language!r} is not known")

    def _script(self, block: Block, arguments: list[str]) -> None:
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        if done.returncode:
            raise BadBlock(f"{block}: status {done.returncode}\n{done.stdout}{done.stderr}")

    def _console(self, block: Block, text: str) -> None:
        status = int(block.argument) if block.order == "fails" else 0
        for command, expected in _steps(block, text):
            if command.endswith("&"):
                if not expected.replace("...", "").strip():
                    raise BadBlock(f"{block}: {command!r}: say what it prints when it is ready")
                self._background(command.removesuffix("&").strip())
                self._wait_for(block, command, expected)
            elif command == "kill %1":
                self._kill(block, expected)
            else:
                done = subprocess.run(
                    ["bash", "-c", command],
                    cwd=self.folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=LIMIT,
                    check=False,
                )
                self._compare(block, command, expected, done.stdout)
                if done.returncode != status:
                    raise BadBlock(f"{block}: {command!r} ended with status {done.returncode}")

    def _background(self, command: str) -> None:
        if self._job is not None:
            raise BadBlock(f"{command!r}: one command in the background at a time")
        with self._output.open("w") as output:
            self._job = subprocess.Popen(
                shlex.split(command),
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def _wait_for(self, block: Block, command: str, expected: str) -> None:
        end = time.monotonic() + LIMIT
        while not matches(expected, self._said()):
            if self._ended(0.02) or time.monotonic() > end:
                self._compare(block, command, expected, self._said())
                return

    def _ended(self, seconds: float) -> bool:
        """Wait so long for the end of the command in the background; return whether it came."""
        if self._job is None:
            return True
        try:
            self._job.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _said(self) -> str:
        return self._output.read_text()

    def _kill(self, block: Block, expected: str) -> None:
        if self._job is None:
            raise BadBlock(f"{block}: nothing runs in the background")
        before = len(self._said())
        self._job.send_signal(signal.SIGTERM)
        self._job.wait(LIMIT)
        self._job = None
        self._compare(block, "kill %1", expected, self._said()[before:])

    def _compare(self, block: Block, command: str, expected: str, found: str) -> None:
        if not matches(expected, found):
            said = self.ports.back(found)
            shown = self.ports.back(expected)
            raise BadBlock(f"{block}: {command!r} should print\n{shown}\nand printed\n{said}")


def _steps(block: Block, text: str) -> list[tuple[str, str]]:
    steps: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            steps.append((line.removeprefix("$ ").strip(), []))
        elif steps and steps[-1][0].endswith("\\"):
            command = steps[-1][0].removesuffix("\\") + line.strip()
            steps[-1] = (command, [])
        elif steps:
            steps[-1][1].append(line)
        else:
            raise BadBlock(f"{block}: begins with output; commands begin with '$ '")
    return [(command, "\n".join(lines)) for command, lines in steps]


def matches(expected: str, found: str) -> bool:
    """Tell whether an output is what a page shows: times may differ, `...` stands for anything."""
    lines = _TIME.sub("TIME", found).strip().splitlines()
    parts: list[list[re.Pattern[str]]] = [[]]
    for line in _TIME.sub("TIME", expected).strip().splitlines():
        if line.strip() == "...":
            parts.append([])
        else:
            pieces = [re.escape(piece) for piece in line.rstrip().split("...")]
            parts[-1].append(re.compile(".*".join(pieces) + r"\s*"))
    first, *others = parts
    if not _fits(first, lines):
        return False
    lines = lines[len(first) :]
    if not others:
        return not lines
    *middle, last = others
    for part in middle:
        start = next((n for n in range(len(lines) + 1) if _fits(part, lines[n:])), None)
        if start is None:
            return False
        lines = lines[start + len(part) :]
    return len(last) <= len(lines) and _fits(last, lines[len(lines) - len(last) :])


def _fits(part: list[re.Pattern[str]], lines: list[str]) -> bool:
    """Tell whether lines begin with these."""
    return len(part) <= len(lines) and all(
        pattern.fullmatch(line) for pattern, line in zip(part, lines, strict=False)
    )
