"""Command lines are read, and their help is written, as Twisted does it."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .both import OURS, THEIRS, Body, Words, agree, plain


def options(w: Words) -> Any:
    """Return the classes of a program's options, made with one of the two."""
    u = w.usage

    class Base(u.Options):  # type: ignore[name-defined]  # of either one
        # Each one's own words for these differ.
        def opt_version(self) -> None:
            """The version."""
            self["version"] = 1

        def opt_help(self) -> None:
            """The help."""
            self["help"] = 1

    class Sub(Base):
        optFlags = [["deep", "d"]]

        def parseArgs(self, one: str, two: str = "x") -> None:
            self["words"] = (one, two)

        def postOptions(self) -> None:
            self["saw"] = self.parent.get("post")

    class Main(Base):
        synopsis = "[options] thing"
        longdesc = "A description " + "that goes on and on and on " * 6 + "\n\nin two paragraphs."
        optFlags = [
            ["fast", "f", "act quickly"],
            ["good", "g"],
            ["no-short", None, "long text " * 12],
        ]
        optParameters = [
            ["file", "o", "default.txt", "output file"],
            ["port", "p", 80, "port number", int],
            ["noshort", None, None, "doc"],
            ["tcp", "t", None, "tcp port", u.portCoerce],
            ["undoc", "u", None],
        ]

        def opt_custom(self, value: str) -> None:
            "custom docs"
            self["custom"] = value

        def opt_flagged(self) -> None:
            """Flagged docs,
            over lines."""
            self["flagged"] = self.get("flagged", 0) + 1

        opt_x = opt_flagged

        def opt_under_score(self, value: str) -> None:
            self["under"] = value

        def parseArgs(self, *args: str) -> None:
            self["args"] = args

        def postOptions(self) -> None:
            self["post"] = 1

    class WithCommands(Main):
        subCommands = [["sub", "s", Sub, "Sub doc"], ["subtwo", None, Sub, "Second"]]

    class WithDefault(WithCommands):
        defaultSubCommand = "subtwo"

    class Words3(Base):
        def parseArgs(self, one: str, two: str, three: str = "") -> None:
            self["words"] = (one, two, three)

    return {
        "main": Main,
        "commands": WithCommands,
        "default": WithDefault,
        "words": Words3,
        "bare": Base,
    }


def parsed(w: Words, which: str, words: list[str]) -> Any:
    made = options(w)[which]()
    problem = w.outcome(made.parseOptions, words)
    sub = plain(dict(made.subOptions)) if made.subCommand else None
    return [problem, dict(made), made.subCommand, sub, made.opts is made]


LINES: list[tuple[str, str]] = (
    [
        ("main", line)
        for line in (
            "",
            "-f",
            "-fg",
            "-o x -p 9",
            "--port=7",
            "--port z",
            "--po 7",
            "--f",
            "--fast --good",
            "--nope",
            "-z",
            "-o",
            "--custom v",
            "--flagged",
            "-x",
            "-xx",
            "--under-score 3",
            "--under_score 3",
            "a b",
            "-- -f",
            "-t 70000",
            "-t 8",
            "-t abc",
            "--no-short",
            "--no_short",
            "--fast=1",
            "--file=",
            "-p -5",
            "--port 3 --port 4",
            "a -f",
            "--version",
            "--help",
            "-fo",
            "-ofile",
            "--fi x",
            "--no",
            "-",
        )
    ]
    + [
        (which, line)
        for which in ("commands", "default")
        for line in (
            "",
            "sub a",
            "sub",
            "s a b",
            "sub a b c",
            "-f subtwo -d q",
            "bogus",
            "-- sub a",
            "sub -z",
            "sub --deep a",
            "subt a",
        )
    ]
    + [("words", line) for line in ("a", "a b", "a b c", "a b c d")]
    + [("bare", "a"), ("bare", "")]
)


@pytest.mark.parametrize(("which", "line"), LINES)
def test_command_lines(which: str, line: str) -> None:
    """A command line ends in the values, or the complaint, that it ends in with Twisted."""
    agree(lambda w: parsed(w, which, line.split()))


WORDS = st.lists(
    st.sampled_from(
        [
            "-f",
            "-g",
            "-fg",
            "-o",
            "-p",
            "7",
            "--port",
            "--port=8",
            "--po=9",
            "--fast",
            "--file",
            "--",
            "sub",
            "s",
            "subtwo",
            "a",
            "-d",
            "--deep",
            "-x",
            "--custom",
            "--n",
            "--no-s",
            "-t",
            "-u",
            "",
            "--undoc=",
        ]
    ),
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(WORDS, st.sampled_from(["main", "commands", "default", "words"]))
def test_random_command_lines(words: list[str], which: str) -> None:
    """Any command line ends alike with both."""
    assert plain(parsed(OURS, which, words)) == plain(parsed(THEIRS, which, words))


@pytest.mark.parametrize("which", ["main", "commands", "words", "bare"])
@pytest.mark.parametrize("width", [30, 50, 80, 120])
def test_help(which: str, width: int) -> None:
    """The help has the same lines in any width."""
    agree(lambda w: options(w)[which]().getUsage(width=width))


def test_the_help_follows_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS sets the width; the synopsis names the program and the sub-command."""
    monkeypatch.setenv("COLUMNS", "44")
    monkeypatch.setattr(sys, "argv", ["program.py"])

    def body(w: Words) -> Any:
        main = options(w)["commands"]()
        main.parseOptions(["sub", "a"])
        texts = [str(options(w)[which]()) for which in ("main", "bare", "words")]
        return [texts, main.subOptions.getSynopsis(), str(main.subOptions), main.getUsage()]

    agree(body)


TEXTS = st.text(alphabet="ab  \n", max_size=40)


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.integers(22, 50), st.none() | TEXTS, st.booleans())
def test_random_help(doc: str, width: int, default: str | None, short: bool) -> None:
    """Any text of an option is wrapped alike."""
    option = {"long": "long", "short": "l" if short else None, "doc": doc, "default": default}
    option |= {"optType": "parameter" if default else "flag", "dispatch": None}
    ours, theirs = (w.usage.docMakeChunks([dict(option)], width=width) for w in (OURS, THEIRS))
    assert ours == theirs


def coercions(w: Words) -> Any:
    values = ["0", "80", "65535", "65536", "-1", "x", ""]
    return [w.outcome(w.usage.portCoerce, value) for value in values]


def coercion_errors(w: Words) -> Any:
    def broken(value: str) -> Any:
        raise ZeroDivisionError("own")

    class One(w.usage.Options):  # type: ignore[name-defined]  # of either one
        optParameters = [["n", "n", 1, "number", float], ["m", "m", 2, None, broken]]

    lines = (["-n", "2.5"], ["-n", "x"], ["-m", "1"])
    return [w.outcome(One().parseOptions, line) for line in lines]


def flag_functions(w: Words) -> Any:
    class One:
        def none(self) -> None: ...
        def one(self, a: Any) -> None: ...
        def two(self, a: Any, b: Any) -> None: ...

    obj = One()
    return [w.outcome(w.usage.flagFunction, getattr(obj, name)) for name in ("none", "one", "two")]


def overridden(w: Words) -> Any:
    class Base(w.usage.Options):  # type: ignore[name-defined]  # of either one
        optFlags = [["a", "a", "base"]]
        optParameters = [["p", "p", "base default"]]

    class Sub(Base):
        optParameters = [["p", "p", "sub default"]]

        def opt_a(self) -> None:
            self["handled"] = 1

    out = []
    for line in ([], ["-a"], ["-p", "x"]):
        one = Sub()
        one.parseOptions(line)
        out.append(dict(one))
    return out


def nameless(w: Words) -> Any:
    class Flag(w.usage.Options):  # type: ignore[name-defined]  # of either one
        optFlags = [["", "a", "text"]]

    class Parameter(w.usage.Options):  # type: ignore[name-defined]  # of either one
        optParameters = [["", "a", "text"]]

    return [w.outcome(Flag), w.outcome(Parameter)]


def identity(w: Words) -> Any:
    one, two = options(w)["bare"](), options(w)["bare"]()
    return [
        hash(one) == hash(one),
        len({id(one): one, id(two): two}),
        w.usage.error is w.usage.UsageError,
    ]


@pytest.mark.parametrize(
    "body", [coercions, coercion_errors, flag_functions, overridden, nameless, identity]
)
def test_as_in_twisted(body: Body) -> None:
    """What a program does with its options ends as it does with Twisted."""
    agree(body)


def test_completions_are_described_but_not_served() -> None:
    """The classes of completions can be made; asking for a completion says what to do instead."""
    u = OURS.usage
    made = u.Completions(optActions={"file": u.CompleteFiles("*.txt", descr="a text")})
    assert made.optActions["file"]._descr == "a text"
    with pytest.raises(u.UsageError, match="install Twisted"):
        u.Options().parseOptions(["--_shell-completion", "zsh:2"])


def test_help_and_version_end_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    """--help writes the help and --version the version, both with status 0."""
    for word, text in (("--help", "Options:"), ("--version", "plait ")):
        with pytest.raises(SystemExit) as end:
            OURS.usage.Options().parseOptions([word])
        assert end.value.code == 0
        assert text in capsys.readouterr().out


def test_commands_are_ordered_and_coercions_explained() -> None:
    """The help lists commands by name, and ends an option's text with what its coercion says."""

    def body(w: Words) -> Any:
        def coerce(text: str) -> int:
            return int(text)

        coerce.coerceDoc = "A number."  # type: ignore[attr-defined]  # read by the help

        class Main(w.usage.Options):  # type: ignore[name-defined]
            optParameters: ClassVar[Any] = [
                ["port", "p", 80, "The port", coerce],
                ["bare", None, 5, None, coerce],
                ["none", None, None, "Without", coerce],
            ]
            subCommands: ClassVar[Any] = [
                ["sub", "s", w.usage.Options, "A sub."],
                ["other", None, w.usage.Options, "Another."],
            ]

        lines = Main().getUsage(100).splitlines()
        return [line for line in lines if "--help" not in line and "--version" not in line]

    agree(body)
