"""
Find the code blocks of a Markdown page, and run them as a reader would, from top to bottom.

All blocks of a page share a folder. What is done with a block follows from its language, from a
title, or from an HTML comment right above it:

- `python`: a script of its own; it has to end with status 0.
- `console`: lines that begin with `$ ` are commands, the others what they print. `...` stands for
  anything, in a line or as a line of its own; times and durations in milliseconds may differ.
  A command ending in `&` goes on in the background until `$ kill %1`; what it prints has to appear
  within the time limit.
- `toml`, `json`: have to be readable. `mermaid`: has to name its kind of diagram. `text`: is only
  shown.
- ` ```python title="NAME" `: the block is saved under this name, for the blocks below.
- `<!-- pytest -->`: the block is a test module, and its tests pass.
- `<!-- fails: STATUS -->`: the commands of a console block end with this status.
- `<!-- not run: REASON -->`: not run; each reason stands in the test that lists them.

The ports 7000 to 7099 are replaced by free ones.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^( *)(`{3,})(.*)$")
_COMMENT = re.compile(r"^ *<!-- *(pytest|fails|not run)(?:: *(.*?))? *-->$")
_TITLE = re.compile(r"\btitle=\"([^\"]+)\"")
_SHOWN = {"text"}
_DIAGRAMS = ("flowchart", "sequenceDiagram", "stateDiagram-v2", "graph")


class BadBlock(AssertionError):
    """A block that cannot be run, or does something else than it says."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: where, what language, what the comment above says, the text."""

    page: Path
    line: int
    language: str
    order: str
    argument: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def read_blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    blocks = []
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    order, argument = "", ""
    while number < len(lines):
        line = lines[number]
        comment = _COMMENT.match(line)
        fence = _FENCE.match(line)
        if comment:
            order, argument = comment[1], comment[2] or ""
        elif fence:
            indent, ticks, info = fence.groups()
            start = number + 1
            number = start
            while number < len(lines) and lines[number].strip() != ticks:
                number += 1
            if number == len(lines):
                raise BadBlock(f"{page.name}:{start}: the block is not closed")
            text = "".join(f"{row.removeprefix(indent)}\n" for row in lines[start:number])
            language = info.strip().split(" ")[0]
            title = _TITLE.search(info)
            if title:
                order, argument = "file", title[1]
            blocks.append(Block(page, start, language, order, argument, text))
            order, argument = "", ""
        elif line.strip():
            if order:
                raise BadBlock(f"{page.name}:{number}: '{order}' stands above no block")
            order, argument = "", ""
        number += 1
    return blocks


def check_shown(block: Block) -> bool:
    """Check a block that is not to be run; return whether it was one."""
    if block.order == "not run":
        if not block.argument:
            raise BadBlock(f"{block}: not run, but without a reason")
        return True
    if block.language == "json":
        json.loads(block.text)
    elif block.language == "toml":
        tomllib.loads(block.text)
    elif block.language == "mermaid":
        if not block.text.startswith(_DIAGRAMS):
            raise BadBlock(f"{block}: not a diagram of a known kind")
    elif block.language not in _SHOWN:
        return False
    return block.order != "file"
