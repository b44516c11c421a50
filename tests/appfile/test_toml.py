"""Applications in TOML: what is read, what is refused, and where values come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.appfile import Description, application, effective, read
from plait.appfile._lines import key_lines
from plait.core import Restart
from plait.errors import BadDescription, PlaitError, TargetNotFound, UsageError
from plait.plugins import Parameter, Setting, Shape

OPTIONS = {
    "run": {
        "stop_timeout": Parameter("stop_timeout", Shape(float), None, False, Setting()),
        "daemon": Parameter("daemon", Shape(bool), False, False, Setting()),
    },
    "log": {"level": Parameter("log_level", Shape(tuple), (), False, Setting())},
}


def described(folder: Path, text: str, **environment: str) -> Description:
    """Read a description."""
    file = folder / "app.toml"
    file.write_text(text)
    return read(str(file), OPTIONS, environment)


def refused(folder: Path, text: str, **environment: str) -> str:
    """Return why a description is refused, without the folder."""
    with pytest.raises(PlaitError) as caught:
        application(described(folder, text, **environment))
    return str(caught.value).replace(f"{folder}/", "")


def test_a_whole_file(tmp_path: Path) -> None:
    """Name, options, services with needs and a policy, and groups become the application."""
    found = described(
        tmp_path,
        'name = "shop"\n[run]\nstop_timeout = 5\n[log]\nlevel = ["info"]\n'
        '[services.cache]\nkind = "process"\ncommand = "sleep 60"\nrestart = { limit = inf }\n'
        "stop_timeout = 9\n[services.front]\nneeds = []\n"
        '[services.front.services.echo]\nkind = "echo"\nneeds = ["cache"]\nrestart = true\n',
    )
    app = application(found)
    assert app.name == "shop"
    assert {name: value.value for name, value in found.options.items()} == {
        "stop_timeout": 5.0,
        "log_level": ("info",),
    }
    assert [child.path for child in app] == ["shop/cache", "shop/front"]
    assert app.find("front/echo").path == "shop/front/echo"
    cache, front = found.nodes
    assert cache.restart == Restart(limit=None)
    assert (cache.stop_timeout, cache.needs, front.needs) == (9.0, None, ())
    assert front.nodes[0].restart == Restart()


def test_without_a_name_the_file_gives_it(tmp_path: Path) -> None:
    """An application without a name is called after its file."""
    assert described(tmp_path, "").name == "app"


def test_variables_are_put_in(tmp_path: Path) -> None:
    """`${NAME}` and `${NAME:-default}` are replaced, and read by the type of the option."""
    (node,) = described(
        tmp_path,
        '[services.e]\nkind = "echo"\nlisten = "tcp://${HOST}:${PORT:-7001}"\n'
        'drain = "${DRAIN:-2.5}"\nmax_connections = "${MOST}"\n',
        HOST="localhost",
        MOST="9",
    ).nodes
    assert node.values == {"listen": "tcp://localhost:7001", "drain": 2.5, "max_connections": 9}


def test_a_doubled_dollar_is_a_plain_one(tmp_path: Path) -> None:
    """`$${` stands for `${`, and a dollar alone for itself."""
    text = "[services.p]\nkind = 'process'\ncommand = 'sh -c \"echo $${A} $B $$\"'\n"
    (node,) = described(tmp_path, text).nodes
    assert node.values["command"] == ("sh", "-c", "echo ${A} $B $$")


def test_secrets_come_from_files_and_are_not_shown(tmp_path: Path) -> None:
    """`{ file = … }` is the content of that file, and nobody prints it."""
    (tmp_path / "secret").write_text("hunter2\n")
    found = described(
        tmp_path,
        '[services.p]\nkind = "process"\ncommand = "true"\n'
        'env = { A = "1", PASSWORD = { file = "secret" } }\numask = { file = "secret" }\n',
    )
    assert found.nodes[0].values["env"] == {"A": "1", "PASSWORD": "hunter2"}
    text = effective(found, {})
    assert "services.p.env = (secret)" in text
    assert "hunter2" not in text


def test_every_value_has_its_origin(tmp_path: Path) -> None:
    """The file and line, the variable and the default it came from."""
    found = described(
        tmp_path,
        '[services.e]\nkind = "echo"\nlisten = "tcp://${HOST}:${PORT:-7001}"\ndrain = 1\n',
        HOST="h",
    )
    text = effective(found, {}).replace(f"{tmp_path}/", "")
    assert [" ".join(line.split()) for line in text.splitlines()] == [
        'services.e.listen = "tcp://h:7001" # app.toml:3, environment HOST, default of PORT',
        "services.e.drain = 1.0 # app.toml:4",
        "services.e.max_connections = - # default",
        "services.e.idle_timeout = - # default",
    ]


def test_a_missing_variable_may_say_what_to_do(tmp_path: Path) -> None:
    """`${NAME:?text}` refuses with its own text, also when the variable is empty."""
    text = '[services.e]\nkind = "echo"\nlisten = "${PLACE:?a URL to listen at}"\n'
    told = "app.toml:3: services.e.listen: the variable PLACE is not set: a URL to listen at"
    assert refused(tmp_path, text) == told
    assert refused(tmp_path, text, PLACE="") == told
    (node,) = described(tmp_path, text, PLACE="unix:x").nodes
    assert node.values["listen"] == "unix:x"


@pytest.mark.parametrize("name", ["DB_PASSWORD", "API_KEY", "APIKEY", "KEY"])
def test_variables_that_sound_secret_are_not_shown(tmp_path: Path, name: str) -> None:
    """The value of a variable such as DB_PASSWORD is used and not shown."""
    text = f'[services.p]\nkind="process"\ncommand="true"\nenv={{A="x${{{name}}}"}}\n'
    found = described(tmp_path, text, **{name: "tulip"})
    assert found.nodes[0].values["env"] == {"A": "xtulip"}
    assert "tulip" not in effective(found, {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("listen = '${TOKEN}'", "app.toml:3: services.e: listen: the secret given for it cannot"),
        ("drain = '${TOKEN}'", "app.toml:3: services.e: drain is 'a secret'; expected a number"),
    ],
)
def test_a_secret_that_is_refused_is_not_shown(tmp_path: Path, text: str, told: str) -> None:
    """An error about a secret names the option, and not what was given."""
    problem = refused(tmp_path, ECHO + text, TOKEN="tulip")
    assert problem.startswith(told)
    assert "tulip" not in problem


ECHO = '[services.e]\nkind = "echo"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = 3", "app.toml:1: name is 3; expected a text"),
        ("name = 'a/b'", "app.toml: name: 'a/b' is no name for an application; expected a word"),
        ("[services.e]\nkind = 3", "app.toml:2: services.e: kind is 3; expected one"),
        (
            "[log]\nlevel = 'x'",
            "app.toml:2: log: level is 'x'; expected a list, each item a text: [\"x\"]",
        ),
        ("nmae = 'x'", "app.toml:1: there is no option 'nmae' (did you mean 'name'?)"),
        ("\n[run]\nstop_time = 1", "app.toml:3: run: there is no option 'stop_time' (did you mean"),
        ("[run]\ndaemon = 'yes'", "app.toml:2: run: daemon is 'yes'; expected true or false"),
        ("x = ", "app.toml:1: this is no TOML: "),
        ("services = 3", "app.toml:1: services is 3; expected a table"),
        ("[services.e]\nneeds = []", "app.toml:1: services.e: kind is missing; expected one"),
        ("[services.e]\nkind = 'ecko'", "app.toml:2: services.e: kind 'ecko': there is no such"),
        (ECHO + "drian = 1", "app.toml:3: services.e: there is no option 'drian' (did you mean"),
        (ECHO + "drain = '1'", "app.toml:3: services.e: drain is '1'; expected a number"),
        (ECHO + "drain = true", "app.toml:3: services.e: drain is true; expected a number"),
        (ECHO + "drain = '${D:-x}'", "app.toml:3: services.e: drain is 'x'; expected a number"),
        (ECHO + "listen = '${D}'", "app.toml:3: services.e.listen: the variable D is not set"),
        (ECHO + "listen = '${D!}'", "app.toml:3: services.e.listen has a ${ that is neither"),
        (ECHO + "listen = { file = 'no' }", "app.toml:3: services.e.listen: the file no cannot be"),
        (ECHO + "listen = 'x://y'", "app.toml:3: services.e: "),
        (ECHO + "needs = 'x'", "app.toml:3: services.e: needs is 'x'; expected a list"),
        (ECHO + "restart = 3", "app.toml:3: services.e: restart is 3; expected true, false, or"),
        (ECHO + "restart = { limits = 3 }", "app.toml:3: services.e.restart: there is no option"),
        (ECHO + "restart = { jitter = 3 }", "app.toml:3: services.e: restart: jitter is 3"),
        ("[services.f]\nkind='forward'\nto='x'", "app.toml:1: services.f: listen is missing"),
        ("[services.'a/b']\nkind='echo'", "app.toml:1: 'a/b' is no name of a service"),
        (
            "[services.p]\nkind='process'\ncommand='true'\nready_line='('",
            "app.toml:4: services.p: ready_line: '(' is no regular expression",
        ),
        (
            "[services.f]\nkind='forward'\nlisten='tcp://:1'\nto='tcp://h:99999'\nmax_connections=6",
            "app.toml:4: services.f: tcp://h:99999: the port is '99999'",
        ),
        (
            "[services.f]\nkind='forward'\nlisten='tcp://h:99999'\nto='tcp://h:1'",
            "app.toml:3: services.f: tcp://h:99999: the port is '99999'; expected a whole number f",
        ),
        (
            "[services.w]\nkind='web'\nport=1\npath='no'",
            "app.toml:4: services.w: no: it is no directory",
        ),
        (
            "[services.w]\nkind='web'\nkeep_alive=-1",
            "app.toml:3: services.w: keep_alive is -1.0; expected a number of seconds from 0 up",
        ),
        (
            "[services.w]\nkind='web'\nmax_connections=0",
            "app.toml:3: services.w: HTTPServer was given max_connections=0; expected 1 or more",
        ),
        (
            "[services.w]\nkind='web'\nwsgi='wsgiref.simple_server:demo_app'\nthreads=0",
            "app.toml:4: services.w: threads is 0; expected 1 or more",
        ),
        (
            "[services.e]\nkind='echo'\nstop_timeout=-1",
            "app.toml:3: services.e: stop_timeout is -1.0; expected seconds, 0 or more",
        ),
        ("name='a/b'", "app.toml: name: "),
        (
            "[services.c]\nkind='cron'\nevery=1\ncall='no_such:f'",
            "app.toml:4: services.c: call: no_such:f is not there",
        ),
    ],
)
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, text: str, told: str) -> None:
    """Unknown keys and wrong types are refused: file, line, what was found, the nearest key."""
    assert refused(tmp_path, text).startswith(told)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that is not there is said to be missing."""
    with pytest.raises(TargetNotFound, match="there is no such file"):
        read(str(tmp_path / "no.toml"), OPTIONS, {})


def test_lines_of_keys() -> None:
    """Tables, dotted and quoted keys, and those of inline tables have their lines."""
    text = (
        '# c\na = """x\n[no]\nb = 1"""\n[t . "q.r"] # d\nc.d = [1, # e\n  "]", { e = 2 }]\n'
        "[[u]]\nf = { g = 1979-05-27, h = '''\n''', i = [[]] }\nj = 1\n"
    )
    assert key_lines(text) == {
        ("a",): 2,
        ("t",): 5,
        ("t", "q.r"): 5,
        ("t", "q.r", "c"): 6,
        ("t", "q.r", "c", "d"): 6,
        ("t", "q.r", "c", "d", "[]", "e"): 7,
        ("u",): 8,
        ("u", "f"): 9,
        ("u", "f", "g"): 9,
        ("u", "f", "h"): 9,
        ("u", "f", "i"): 10,
        ("u", "j"): 11,
    }


@given(st.text(alphabet="[]{}=,.\"'# \nab1\\", max_size=60))
def test_finding_lines_ends_whatever_the_text(text: str) -> None:
    """Also a text that is no TOML is gone through without an error and without end."""
    assert isinstance(key_lines(text), dict)


def test_a_kind_of_ones_own_stands_beside_the_file(tmp_path: Path, monkeypatch: Any) -> None:
    """`kind = "module:Class"` is looked for in the file's folder."""
    monkeypatch.syspath_prepend("/nowhere")
    (tmp_path / "own_kind_beside.py").write_text(
        "from plait import Service\nclass Own(Service):\n    'Mine.'\n"
        "    def __init__(self, size: int = 1) -> None:\n        self.size = size\n"
    )
    found = described(tmp_path, '[services.o]\nkind = "own_kind_beside:Own"\nsize = 3\n')
    assert application(found)["o"].size == 3  # type: ignore[attr-defined]  # its own class
    with pytest.raises(UsageError, match="size is '3'; expected a whole number"):
        described(tmp_path, '[services.o]\nkind = "own_kind_beside:Own"\nsize = "3"\n')


def test_a_description_that_is_no_utf8_is_told(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are told, and so is a table where a value is expected."""
    (tmp_path / "app.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(TargetNotFound, match="it cannot be read"):
        read(str(tmp_path / "app.toml"), OPTIONS, {})
    with pytest.raises(BadDescription):
        described(tmp_path, "services = []")
