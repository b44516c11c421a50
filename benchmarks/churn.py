"""
What a connection costs from its beginning to its end: connect, echo 1 KiB, close.

Told is the server's processor time for each: what accepting, tracking and tasks cost.
"""

from __future__ import annotations

import os
import socket
import time
from typing import NamedTuple

from .contenders import STREAM_ECHOES
from .harness.process import Server, cpu_seconds, echoes, in_turns
from .harness.results import Figure
from .harness.run import Run, Size

COST = Figure("server's cpu", "µs/connection")
MESSAGE = os.urandom(1024)
AT_A_TIME = 16


class Plan(NamedTuple):
    """How many rounds, and how many connections in each."""

    rounds: int
    connections: int


PLANS = {Size.FULL: Plan(8, 480), Size.QUICK: Plan(3, 320), Size.SMOKE: Plan(1, AT_A_TIME)}


def churn(run: Run) -> None:
    """Measure connections over TCP and over UNIX sockets."""
    plan = PLANS[run.size]
    for mode in ("tcp", "unix"):
        everybody = [contender._replace(every=1) for contender in STREAM_ECHOES]
        with run.serving(everybody, mode, echoes) as servers:
            for server in servers:  # once unnoted: what is loaded or made once
                one_round(server, AT_A_TIME)
            for turn, server in in_turns(servers, plan.rounds):
                before = cpu_seconds(server.pid)
                wrong = one_round(server, plan.connections)
                cost = (cpu_seconds(server.pid) - before) * 1e6 / plan.connections
                run.note(mode.upper(), server.who, COST, turn, cost, errors=wrong)


def one_round(server: Server, connections: int) -> int:
    """Make so many connections, some at a time, and return how many got a wrong answer."""
    wrong = 0
    for _ in range(connections // AT_A_TIME):
        clients = [connect(server) for _ in range(AT_A_TIME)]
        for client in clients:
            wrong += client.recv(len(MESSAGE), socket.MSG_WAITALL) != MESSAGE
            client.close()
    settle(server)
    return wrong


def connect(server: Server) -> socket.socket:
    """Open a connection and send the message."""
    unix = server.mode == "unix"
    client = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    client.settimeout(5)
    client.connect(str(server.path) if unix else ("127.0.0.1", server.port))
    client.sendall(MESSAGE)
    return client


def settle(server: Server) -> None:
    """Wait until the server has noticed the end of everything, for a second at most."""
    used = -1.0
    for _ in range(100):
        now = cpu_seconds(server.pid)
        if now == used:
            return
        used = now
        time.sleep(0.01)
