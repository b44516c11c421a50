"""Every code block in the README and in `docs/` does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from .blocks import BadBlock, Block, read_blocks
from .session import Session, matches

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

NOT_RUN = {
    "this is what runs the tests",
}
"""The reasons that a block may have for not being run; a new one is to be thought about."""


@pytest.mark.process
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_do_what_they_say(page: Path, tmp_path: Path) -> None:
    """A reader who follows the page from top to bottom sees what it shows."""
    with Session(tmp_path) as session:
        for block in read_blocks(page):
            session.run(block)
        session.finish()


def test_blocks_are_left_out_for_known_reasons_only() -> None:
    """A block that is not run has one of the reasons in the list, and the list has no others."""
    blocks = [block for page in PAGES for block in read_blocks(page)]
    found = {block.argument for block in blocks if block.order == "not run"}
    assert found == NOT_RUN


def follow(folder: Path, page: str) -> list[Block]:
    """Run the blocks of a page given as a text."""
    path = folder / "page.md"
    path.write_text(page)
    blocks = read_blocks(path)
    with Session(folder) as session:
        for block in blocks:
            session.run(block)
        session.finish()
    return blocks


@pytest.mark.process
@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("```python\nraise ValueError('no')\n```", "ValueError: no"),
        ("```python\nimport warnings; warnings.warn('old')\n```", "UserWarning: old"),
        ("```console\n$ echo one\ntwo\n```", "should print"),
        ("```console\n$ echo one\none\ntwo\n```", "should print"),
        ("```console\n$ false\n```", "ended with status 1"),
        ("<!-- fails: 2 -->\n```console\n$ false\n```", "ended with status 1"),
        ("```console\necho one\n```", "begins with output"),
        ("```console\n$ sleep 9 &\n```", "when it is ready"),
        ("```console\n$ python -i &\nPython ...\n...\n```", "never ended"),
        ("```console\n$ true &\nready\n```", "should print"),
        ("```console\n$ kill %1\n```", "nothing runs"),
        ("<!-- pytest -->\n```python\ndef test_a(): assert False\n```", "1 failed"),
        ("<!-- not run -->\n```python\n```", "without a reason"),
        ("<!-- pytest -->\ntext", "stands above no block"),
        ("```mermaid\nnonsense\n```", "known kind"),
        ("```\nno language\n```", "is not known"),
        ("```python\n", "not closed"),
    ],
)
def test_blocks_that_lie_are_found(tmp_path: Path, page: str, fault: str) -> None:
    """A block that does something else than the page says is a fault."""
    with pytest.raises(BadBlock) as caught:
        follow(tmp_path, page)
    assert fault in str(caught.value)


PAGE = """
```python title="say.py"
import time

print("port 7001", flush=True)
time.sleep(60)
```

```python
from pathlib import Path

assert "70" + "01" not in Path("say.py").read_text()
```

```console
$ python say.py &
port 7001
$ cat \\
  say.py
import ...
...
$ kill %1
```

<!-- fails: 1 -->
```console
$ false
```

<!-- pytest -->
```python
def test_a():
    pass
```

- in a list:

    ```python
    x = 1
    ```
"""


@pytest.mark.process
def test_a_page_is_followed(tmp_path: Path) -> None:
    """Files, scripts, commands in the fore- and background are run in one folder, on free ports."""
    assert len(follow(tmp_path, PAGE)) == 6


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a", "a\nb\n", False),
        ("a\n...", "a\nb\nc\n", True),
        ("a\n...\nc", "a\nc\n", True),
        ("...\nb\n...\nd\n...", "a\nb\nb\nc\nd\n", True),
        ("...\nd\n...\nb\n...", "a\nb\nb\nc\nd\n", False),
        ("a\n...\na", "a\n", False),
        ("pid ... is", "pid 12 is\n", True),
        ("", "", True),
        ("", "a", False),
        ("ready after 0.001 s", "ready after 12.345 s", True),
        ("2026-11-22T23:35:05+0000 [a#info] b", "2027-01-02T03:04:05-0500 [a#info] b\n", True),
    ],
)
def test_outputs_are_compared(expected: str, found: str, same: bool) -> None:
    """Times may differ and `...` stands for anything; all else has to be as shown."""
    assert matches(expected, found) is same
