"""The targets of all parts of plait."""

from __future__ import annotations

from functools import partial

from . import alone, echo, names, processes, web
from .contenders import (
    AIOMISC,
    COROUTINE,
    HANDLER,
    PLAIN,
    PROTOCOL,
    STREAMS,
    TWISTED,
    TWISTED_API,
    UVLOOP,
)
from .harness.targets import Target

RATE, CPU = echo.RATE.name, echo.CPU.name
KEY = echo.case_name(*echo.KEY)
ONE_CLIENT, MANY_CLIENTS = echo.case_name(1, 512), echo.case_name(50, 512)


def _house() -> list[Target]:
    target = partial(Target, "The house: services, their tree, and start-up")
    many = alone.tree_case(100_000)
    both = alone.START_STOP.name
    tree = partial(target, name="tree", case=many)
    first = partial(
        target, name="start", case=processes.ONE_PORT, figure=processes.FIRST_ACCEPT.name
    )
    return [
        tree("start + stop of 100,000", figure=both, who="plait", peer=TWISTED, most=3),
        tree("with async methods", figure=both, who="plait async", peer=TWISTED, most=6),
        tree("start + stop of 100,000", figure=both, who="plait", peer=AIOMISC, most=0.2),
        tree("with async methods", figure=both, who="plait async", peer=AIOMISC, most=0.2),
        tree(
            "removal of 100,000, how many times faster",
            figure="remove",
            who="plait",
            peer=TWISTED,
            least=100,
            how="inverse",
        ),
        first("from exec to the first accept", who=PROTOCOL, peer=UVLOOP, most=1.8),
        first("from exec to the first accept", who=PROTOCOL, peer=TWISTED, most=0.5),
    ]


def _network() -> list[Target]:
    target = partial(Target, "Network services")
    found = []
    for mode in ("tcp", "tls", "unix"):
        says = partial("echo over {}, {}".format, mode.upper())
        cell = partial(target, name=f"echo-{mode}", figure=RATE)
        for case in (echo.case_name(*each) for each in echo.MATRIX):
            found.append(cell(says(case), case=case, who=PROTOCOL, peer=UVLOOP, least=0.97))
        found.append(cell(says(KEY), case=KEY, who=HANDLER, peer=STREAMS, least=1.1))
    for case, least in ((ONE_CLIENT, 1.0), (MANY_CLIENTS, 1.25)):
        cell = partial(target, name="echo-udp", case=case, peer=TWISTED)
        found.append(cell(f"echo over UDP, {case}", figure=RATE, who=PROTOCOL, least=least))
        for who in (PROTOCOL, PLAIN, COROUTINE):
            found.append(cell(f"cpu for UDP, {case}", figure=CPU, who=who, most=1.0))
    idle = partial(target, name="idle", case=processes.IDLE_CASE)
    for who, peer in ((PROTOCOL, UVLOOP), (HANDLER, STREAMS)):
        each = partial(idle, "memory of an idle connection", figure=processes.EACH.name)
        found.append(each(who=who, peer=peer, most=1, how="difference"))
        found.append(idle("stop with 10,000 idle", figure=processes.STOP_ALL.name, who=who, most=2))
    return found


def _logging() -> list[Target]:
    target = partial(Target, "Logging", name="logging", case=alone.LOG_CASE)
    text, json = "plait text", "plait json"
    written = partial(target, figure=alone.LOG_FIGURES["events"].name)
    caller = alone.LOG_FIGURES["caller"].name
    filtered = alone.LOG_FIGURES["filtered"].name
    return [
        written("text, events/s", who=text, peer=alone.LOG_TWISTED, least=2),
        written("text, events/s", who=text, peer="stdlib", least=1),
        written("JSON, events/s", who=json, peer="structlog json", least=1),
        target(
            "the caller's time, how many times shorter",
            figure=caller,
            who=text,
            peer="stdlib",
            least=1.2,
            how="inverse",
        ),
        target(
            "a filtered-out event, how many times cheaper",
            figure=filtered,
            who=text,
            peer=alone.LOG_TWISTED,
            least=10,
            how="inverse",
        ),
    ]


def _runner() -> list[Target]:
    target = partial(Target, "The runner", name="start", case=processes.ONE_PORT, who=PROTOCOL)
    accept, daemon = processes.FIRST_ACCEPT.name, processes.DAEMON.name
    version, memory = processes.VERSION.name, processes.MEMORY.name
    return [
        target("from exec to the first accept", figure=accept, peer=UVLOOP, most=1.8),
        target("from exec to the first accept", figure=accept, peer=TWISTED, most=0.5),
        target("daemon, from launch until ready", figure=daemon, peer=TWISTED, most=0.6),
        target("plait --version", figure=version, peer=TWISTED, most=0.5),
        target("memory of the idle process", figure=memory, peer=UVLOOP, most=1.35),
        target("stop of an idle tree", figure=processes.STOP.name, most=50),
    ]


def _twisted() -> list[Target]:
    target = partial(Target, "The Twisted API", who=TWISTED_API)
    found = []
    for mode, times in (("tcp", 2.0), ("unix", 3.2), ("tls", 2.4)):
        cell = partial(
            target, f"echo over {mode.upper()}, {KEY}", name=f"echo-{mode}", case=KEY, figure=RATE
        )
        found += [cell(peer=UVLOOP, least=0.93), cell(peer=TWISTED, least=times)]
    for case in (ONE_CLIENT, MANY_CLIENTS):
        says = f"echo over UDP, {case}"
        found.append(target(says, name="echo-udp", case=case, figure=RATE, peer=TWISTED, least=1.0))
    chains = partial(target, name="deferred", figure=alone.CHAINS.name, peer=TWISTED)
    found.append(chains("a Deferred's chain", case="three callbacks", least=1.0))
    queries = partial(target, name="dns", figure=names.RATE.name, peer=TWISTED)
    for count, least in ((5, 6), (1000, 50)):
        case = names.case_name(count)
        found.append(queries(f"DNS, {case}", case=case, least=least))
    return found


def _services() -> list[Target]:
    target = partial(Target, "Ready-made services")
    case = names.case_name(1000)
    dns = partial(
        target, f"DNS, {case}", name="dns", case=case, figure=names.RATE.name, who=names.SERVICE
    )
    served = partial(target, name="web", figure=web.RATE.name, who=web.PLAIT)
    small = partial(served, web.APPLICATION, case=web.APPLICATION)
    file = partial(served, web.FILE, case=web.FILE)
    return [
        dns(peer=names.NSD, least=0.6),
        dns(peer=TWISTED, least=50),
        small(peer=web.UVICORN, least=0.97),
        file(peer=web.STARLETTE, least=0.9),
        file(peer=TWISTED, least=3),
    ]


TARGETS = [*_house(), *_network(), *_logging(), *_runner(), *_twisted(), *_services()]
