"""A platform without fork and without the modules that only UNIX has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.source import read
from tests.house.tables import NEEDS_EXTRA
from tests.ports import Ports
from tests.programs import Program, echoes

ROOT = Path(__file__).resolve().parent.parent

HIDE = """
import os, runpy, sys

hidden = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in hidden | {"uvloop"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
for name in hidden:
    sys.modules.pop(name, None)
for name in (
    "fork", "forkpty", "fchmod", "fchown", "chown", "chroot", "getuid", "geteuid", "getgid",
    "getegid", "getgroups", "getpgid", "getpgrp", "getresuid", "getresgid", "getsid", "initgroups",
    "killpg", "pidfd_open", "setegid", "seteuid", "setgid", "setgroups", "setpgid", "setregid",
    "setresgid", "setresuid", "setreuid", "setsid", "setuid", "sched_getaffinity",
):
    if hasattr(os, name):
        delattr(os, name)
"""


@pytest.mark.process
def test_every_public_module_imports(tmp_path: Path) -> None:
    """Without fork, pwd, grp, fcntl, resource, syslog, termios and uvloop, plait still imports."""
    modules = [
        module.name
        for module in read(ROOT / "src")
        if module.is_public and module.name not in NEEDS_EXTRA
    ]
    imports = "\n".join(f"from {name} import *" for name in modules)
    with Program("-c", f"{HIDE}\n{imports}\nprint('all there')", folder=tmp_path) as program:
        assert program.status() == 0, program.output
        assert program.output == "all there\n"


@pytest.mark.process
@pytest.mark.network
def test_echo_runs_in_the_foreground(tmp_path: Path) -> None:
    """On such a platform the echo example serves, and TERM ends it in order."""
    ports = Ports()
    echo = (ROOT / "examples" / "echo.tac").read_text()
    (tmp_path / "echo.tac").write_text(ports.moved(echo))
    command = "sys.argv[1:] = ['run', 'echo.tac']\nrunpy.run_module('plait', run_name='__main__')"
    with Program("-c", f"{HIDE}\n{command}", folder=tmp_path) as program:
        assert echoes(ports[7001]), program.output
        program.end()
        assert "Traceback" not in program.output
