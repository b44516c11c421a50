"""What others bring: rooms called in by an import, commands, offers by entry point."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from plait import plugins
from plait.core import Service


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory to import from, and summoners put away afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("foreign"):
            del sys.modules[name]


def test_the_first_import_calls_in_a_room(rooms: Path) -> None:
    """Before a foreign module is imported its room is called in, once, and may answer for it."""
    (rooms / "foreign_room.py").write_text(
        "import sys\n"
        "calls = []\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'foreignlib':\n"
        "            from importlib.util import spec_from_loader\n"
        "            return spec_from_loader(name, self)\n"
        "    def create_module(self, spec): return None\n"
        "    def exec_module(self, module): module.whose = 'ours'\n"
        "def install():\n"
        "    calls.append(1)\n"
        "    sys.meta_path.insert(0, Finder())\n"
    )
    summoner = plugins._Summoner({"foreignlib": "foreign_room"})
    before = sys.meta_path[:]
    sys.meta_path.insert(0, summoner)
    try:
        assert importlib.import_module("foreignlib").whose == "ours"
        del sys.modules["foreignlib"]
        importlib.import_module("foreignlib")
        assert sys.modules["foreign_room"].calls == [1]
    finally:
        sys.meta_path[:] = before


def test_a_room_that_is_not_there_calls_nobody(rooms: Path) -> None:
    """Where the room is not installed the import goes on as if nothing had been."""
    (rooms / "foreignlib2.py").write_text("whose = 'theirs'\n")
    summoner = plugins._Summoner({"foreignlib2": "no_such_package.room"})
    sys.meta_path.insert(0, summoner)
    try:
        assert importlib.import_module("foreignlib2").whose == "theirs"
    finally:
        sys.meta_path.remove(summoner)


def test_summoning_is_put_away_again() -> None:
    """`summon` twice puts one finder in front; `stop_summoning` takes it away."""
    before = sys.meta_path[:]
    plugins.summon()
    plugins.summon()
    assert len(sys.meta_path) == len(before) + (plugins._summoner not in before)
    plugins.stop_summoning()
    assert plugins._summoner not in sys.meta_path


def test_commands_come_from_their_sources() -> None:
    """A registered source brings sub-commands by name; of two with one name the first counts."""

    class Greets:
        description = "greets"

        def make(self, words: Sequence[str]) -> Service:
            return Service()

    first, second = Greets(), Greets()

    def source() -> Mapping[str, plugins.Command]:
        return {"greet-for-a-test": first}

    def other() -> Mapping[str, plugins.Command]:
        return {"greet-for-a-test": second}

    plugins.register_commands(source)
    plugins.register_commands(source)
    plugins.register_commands(other)
    try:
        assert plugins.commands()["greet-for-a-test"] is first
    finally:
        plugins._command_sources.remove(source)
        plugins._command_sources.remove(other)
    assert source not in plugins._command_sources


def test_offers_are_listed_without_importing(rooms: Path) -> None:
    """Entry points are listed by name and only imported when one is loaded."""
    info = rooms / "foreign_dist-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-dist\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[plait.services]\nforeign = foreign_offer:Thing\n")
    (rooms / "foreign_offer.py").write_text("class Thing: ...\n")
    offers = plugins.offers("services")
    assert offers["foreign"].where == "foreign_offer:Thing"
    assert "foreign_offer" not in sys.modules
    assert offers["foreign"].load().__name__ == "Thing"
    assert plugins.offers("nothing-of-the-kind") == {}
