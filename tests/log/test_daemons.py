"""The log's lines, as the real rsyslogd and the real systemd-journald took them."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from .records import run

pytestmark = [pytest.mark.root, pytest.mark.process]

# What each script begins with: places of its own for devices and sockets, and a way to speak.
OWN_PLACES = """
    import logging, os, pathlib, subprocess, sys, time
    def mount(*words):
        subprocess.run(["mount", *words], check=True)
    mount("-t", "tmpfs", "none", "/run")
    os.mkdir("/run/dev")
    mount("-t", "tmpfs", "none", "/run/dev")
    for name in ("null", "urandom"):
        pathlib.Path("/run/dev", name).touch()
        mount("--bind", f"/dev/{name}", f"/run/dev/{name}")
    mount("--move", "/run/dev", "/dev")
    from plait.log import LogPlan, configure

    def until(holds):
        end = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < end, "the daemon did not do it in time"
            time.sleep(0.02)

    def speak(plan):
        system = configure(plan, ident="app")
        log = logging.getLogger("shop.orders")
        log.warning("first\\nsecond", extra={"order_id": 7, "password": "hunter2"})
        log.error("a\\x1b[31m \\udcff b")
        system.close()
"""
RSYSLOG = """
    import pathlib
    config, out = pathlib.Path("/run/r.conf"), pathlib.Path("/run/out")
    config.write_text('''
    module(load="imuxsock" SysSock.Use="off")
    input(type="imuxsock" Socket="/dev/log")
    template(name="T" type="string" string="%pri-text%|%programname%|%procid%|%msg%\\\\n")
    *.* action(type="omfile" file="/run/out" template="T")
    ''')
    daemon = subprocess.Popen(["/usr/sbin/rsyslogd", "-n", "-f", str(config), "-i", "/run/r.pid"])
    try:
        until(lambda: os.path.exists("/dev/log"))
        speak(LogPlan(syslog=True, facility="local3", prefix="shop"))
        until(lambda: out.exists() and out.read_text().count("|shop|") == 2)
    finally:
        daemon.terminate()
        daemon.wait()
    print(os.getpid())
    print(out.read_text())
"""
JOURNAL = """
    pathlib.Path("/run/log/journal").mkdir(parents=True)
    daemon = subprocess.Popen(["/usr/lib/systemd/systemd-journald"], stderr=subprocess.DEVNULL)

    def told():
        command = ["journalctl", "-D", "/run/log/journal", "-o", "json", "LOGGER=shop.orders"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    try:
        until(lambda: os.path.exists("/run/systemd/journal/socket"))
        speak(LogPlan(journald=True, prefix="shop"))
        until(lambda: told().count("\\n") == 2)
    finally:
        daemon.terminate()
        daemon.wait()
    print(told(), end="")
"""


def in_own_places(script: str) -> str:
    """Run a script where mounts and sockets are its own, and return what it printed."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs the rights of root")
    wrap = ("unshare", "--mount", "--pid", "--fork", "--propagation", "private")
    done = run(OWN_PLACES + script, wrap=wrap)
    if "permission denied" in done.stderr.lower() or "not permitted" in done.stderr.lower():
        pytest.skip("no right to mount")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.peer("rsyslogd", "unshare")
def test_rsyslog_takes_the_lines() -> None:
    """rsyslogd reads facility, level, name and process; a message of several lines is one."""
    pid, *told = in_own_places(RSYSLOG).splitlines()
    first, second = (line for line in told if "|shop|" in line)
    assert first == f"local3.warning|shop|{pid}| [shop.orders#warning] first#012#011second"
    assert second == f"local3.err|shop|{pid}| [shop.orders#error] a\\x1b[31m \\udcff b"


@pytest.mark.peer("journalctl", "unshare")
def test_the_journal_takes_the_fields() -> None:
    """journald stores text, never a blob, each field under its name, and no secret."""
    first, second = map(json.loads, in_own_places(JOURNAL).splitlines())
    expected: dict[str, Any] = {
        "MESSAGE": "first\nsecond",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "shop",
        "ORDER_ID": "7",
        "PASSWORD": "***",
        "CODE_FUNC": "speak",
    }
    assert {name: first[name] for name in expected} == expected
    assert second["MESSAGE"] == "a\\x1b[31m \\udcff b"
