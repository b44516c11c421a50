"""Procfiles, and what is taken over from supervisord."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from plait.appfile import application, import_supervisord, read
from plait.errors import BadDescription, TargetNotFound

CONF = """
; ours
[unix_http_server]
file=/tmp/supervisor.sock

[supervisord]
logfile=%(here)s/all.log ; the log
loglevel=warn
nodaemon=true
minfds=1024

[program:web]
command=serve --port 80%(process_num)02d --home ${HOME} "two words"
process_name=%(program_name)s_%(process_num)02d
numprocs=2
directory=/srv
environment=A="1",B='x,y',C=%(ENV_HOME)s
autorestart=true
startretries=7
stopsignal=QUIT
stopwaitsecs=20
startsecs=5
stdout_logfile=/var/log/web.log
priority=20

[program:queue]
command=work
priority=10
exitcodes=0,2
stdout_logfile=NONE
redirect_stderr=true
serverurl=AUTO

[program:never]
command=false
autostart=false

[program:single]
command=one
autorestart=false
stopasgroup=true

[group:back]
programs=queue,single
"""


def test_a_procfile_is_an_application(tmp_path: Path) -> None:
    """Each line is a process with a port of its own; all start side by side."""
    file = tmp_path / "Procfile"
    file.write_text("# ours\nweb: serve -p $PORT\n\nwork-er: work | tee log\n")
    found = read(str(file), {}, {"PORT": "6000"})
    assert [node.name for node in found.nodes] == ["web", "work-er"]
    assert [node.values["env"]["PORT"] for node in found.nodes] == ["6000", "6100"]
    assert found.nodes[1].values["command"] == ("/bin/sh", "-c", "work | tee log")
    assert all(node.needs == () for node in found.nodes)
    assert len(application(found)) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("web serve", ":1: expected NAME: COMMAND, and found 'web serve'"),
        ("a: b\na: c", ":2: there is a command 'a' already"),
        ("# nothing", ":1: it has no command"),
    ],
)
def test_a_broken_procfile_is_told(tmp_path: Path, text: str, told: str) -> None:
    """A line that is none, a name given twice and an empty file are refused."""
    file = tmp_path / "Procfile"
    file.write_text(text)
    with pytest.raises(BadDescription, match=told):
        read(str(file), {}, {})


def test_supervisord_is_taken_over(tmp_path: Path) -> None:
    """Programs become processes in the order of their priorities, with what means the same."""
    file = tmp_path / "supervisord.conf"
    file.write_text(CONF)
    found = import_supervisord(str(file))
    data = tomllib.loads(found.toml)
    assert data["log"] == {"file": f"{tmp_path}/all.log", "level": ["warning"]}
    services = data["services"]
    assert list(services) == ["back", "web-0", "web-1"]
    assert services["web-1"] == {
        "kind": "process",
        "command": 'serve --port 8001 --home $${HOME} "two words"',
        "needs": [],
        "directory": "/srv",
        "stop_signal": "QUIT",
        "kill_after": 20,
        "ready_after": 5,
        "env": {"A": "1", "B": "x,y", "C": "${HOME}"},
        "restart": {"limit": 7},
    }
    queue, single = services["back"]["services"].values()
    assert (queue["done"], queue["stdout"], queue["ready_after"]) == ([0, 2], "drop", 1)
    assert "restart" not in single
    assert 17 in single["done"]


def test_what_is_not_taken_over_is_listed(tmp_path: Path) -> None:
    """Each option without a counterpart is told once, in the file and beside it."""
    file = tmp_path / "supervisord.conf"
    file.write_text(CONF)
    found = import_supervisord(str(file))
    assert found.left == (
        "[unix_http_server]: there is no HTTP control interface",
        "[supervisord] minfds: it has no counterpart",
        "[program:queue] serverurl: it has no counterpart",
        "[program:web] stdout_logfile: its output goes to the one log",
        "[program:never]: autostart is false, and what is listed is started",
    )
    assert all(f"# - {line}" in found.toml for line in found.left)


def test_included_files_are_taken_over_too(tmp_path: Path) -> None:
    """`[include]` names patterns beside the file; `%(here)s` is the folder of each file."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "supervisord.conf").write_text(
        "[include]\nfiles = conf.d/*.conf %(here)s/none/*.ini\n[program:a]\ncommand=a\n"
    )
    (tmp_path / "conf.d" / "b.conf").write_text("[program:b]\ncommand=%(here)s/b\n")
    found = import_supervisord(str(tmp_path / "supervisord.conf"))
    assert f'command = "{tmp_path}/conf.d/b"' in found.toml
    assert "[services.a]" in found.toml
    assert found.left == (f"[include] files: there is no {tmp_path}/none/*.ini",)
    (tmp_path / "conf.d" / "c.conf").write_text("[program:c]\nrubbish\n")
    with pytest.raises(BadDescription, match=r"c\.conf:2: this is no supervisord\.conf"):
        import_supervisord(str(tmp_path / "supervisord.conf"))


def test_what_was_imported_can_be_read(tmp_path: Path) -> None:
    """The file that comes out is one that `read()` takes."""
    (tmp_path / "supervisord.conf").write_text(CONF.replace("logfile=%(here)s/all.log", ""))
    text = import_supervisord(str(tmp_path / "supervisord.conf")).toml
    (tmp_path / "app.toml").write_text(text.replace('[log]\nlevel = ["warning"]\n', ""))
    assert len(application(read(str(tmp_path / "app.toml"), {}, {"HOME": "/home/me"}))) == 3


def test_no_supervisord_conf_is_told(tmp_path: Path) -> None:
    """A file that is missing or of another kind is told in one sentence."""
    with pytest.raises(TargetNotFound):
        import_supervisord(str(tmp_path / "none.conf"))
    (tmp_path / "x.conf").write_text("what is this\n")
    with pytest.raises(BadDescription, match=r"x\.conf:1: this is no supervisord\.conf"):
        import_supervisord(str(tmp_path / "x.conf"))


def test_variables_of_supervisord_itself_are_those_of_every_program(tmp_path: Path) -> None:
    """`[supervisord]` gives variables to all programs, whose own win."""
    (tmp_path / "s.conf").write_text(
        "[program:a]\ncommand=a\nenvironment=X=3\n[program:b]\ncommand=b\n"
        "[supervisord]\nenvironment=X=1,Y='two, three'\n"
    )
    found = import_supervisord(str(tmp_path / "s.conf"))
    services = tomllib.loads(found.toml)["services"]
    assert services["a"]["env"] == {"X": "3", "Y": "two, three"}
    assert services["b"]["env"] == {"X": "1", "Y": "two, three"}
    assert not found.left


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("environment=A='x", "[program:a] environment: it cannot be read"),
        ("directory=%(nothing)s", "[program:a]: %(nothing)s is not known"),
        ("directory=%(program_name)d", "[program:a]: %(program_name)d is not known"),
        ("killasgroup=false", "[program:a] killasgroup: the whole group is always killed"),
        ("numprocs=some", ""),
        ("numprocs_start=some", ""),
        ("priority=some", ""),
        ("startsecs=some", ""),
        ("startretries=some", ""),
        ("exitcodes=some", ""),
    ],
)
def test_odd_values_of_supervisord_do_no_harm(tmp_path: Path, line: str, left: str) -> None:
    """A value that makes no sense is listed, or is as if it were not there."""
    (tmp_path / "s.conf").write_text(f"[program:a]\ncommand=a b\n{line}\n")
    found = import_supervisord(str(tmp_path / "s.conf"))
    assert tomllib.loads(found.toml)["services"]["a"]["command"] == "a b"
    assert found.left == ((left,) if left else ())


def test_a_program_without_a_command_is_listed(tmp_path: Path) -> None:
    """It is told, and refused when the result is read."""
    (tmp_path / "s.conf").write_text("[program:a]\n")
    assert import_supervisord(str(tmp_path / "s.conf")).left == ("[program:a]: it has no command",)
