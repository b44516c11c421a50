"""Where a run takes place: a scratch folder, its compiled programs, and what the machine has."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).resolve().parents[1] / "programs"
PEERS = (
    "uvloop",
    "Twisted",
    "pyOpenSSL",
    "aiomisc",
    "uvicorn",
    "httptools",
    "starlette",
    "structlog",
    "loguru",
    "dnspython",
)
SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"


class Place:
    """
    A folder to work in, two processors, and the programs that can be run.

    Servers have the first processor; the load generator, which is this process and its other
    children, has the second.

    Args:
        folder: An empty folder; what is in it at the end is of no use.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        processors = sorted(os.sched_getaffinity(0))
        self.server_cpu = processors[0]
        self.load_cpu = processors[1] if len(processors) > 1 else processors[0]
        self.reasons: dict[str, str] = {}
        self._build()
        self._certify()
        os.sched_setaffinity(0, {self.load_cpu})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.files = hard

    @property
    def two_processors(self) -> bool:
        """True where servers and load do not share a processor."""
        return self.server_cpu != self.load_cpu

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment of every program: this one's, without what slows each start down."""
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return kept | {
            "PATH": f"{kept.get('PATH', '')}:{SYSTEM_PATH}",
            "BENCH_CERT": str(self.folder / "cert.pem"),
            "BENCH_KEY": str(self.folder / "key.pem"),
        }

    def command(self, words: Iterable[str]) -> list[str]:
        """Return a command line with `{python}`, `{bin}`, `{programs}` and `{folder}` filled in."""
        places = {
            "python": sys.executable,
            "bin": str(Path(sys.executable).parent),
            "programs": str(PROGRAMS),
            "folder": str(self.folder),
        }
        return [word.format(**places) for word in words]

    def lacks(self, needs: Iterable[str]) -> str:
        """
        Return why something cannot be run here, or nothing.

        Args:
            needs: Names of modules, of programs written `program:nsd`, of what was compiled,
                written `built:echo`, and `tls` for the headers of OpenSSL.
        """
        return next((reason for reason in map(self._lacks, needs) if reason), "")

    def _lacks(self, need: str) -> str:
        kind, _, name = need.rpartition(":")
        if kind == "program":
            found = shutil.which(name, path=self.environment["PATH"])
            return "" if found else f"the program {name} is not installed"
        if kind == "built" or need == "tls":
            return self.reasons.get(name, "")
        return "" if importlib.util.find_spec(name) else f"the package {name} is not installed"

    def on_server_cpu(self) -> Callable[[], None]:
        """Return what a child that is a server does first."""
        cpu = self.server_cpu
        return lambda: os.sched_setaffinity(0, {cpu})

    def _build(self) -> None:
        """Compile the programs in C, with TLS where OpenSSL's headers are."""
        names = ["loadgen", "echo"]
        if shutil.which("gcc") is None:
            self.reasons = dict.fromkeys([*names, "tls"], "gcc is not installed")
            return
        probe = subprocess.run(
            ["gcc", "-E", "-"],
            input=b"#include <openssl/ssl.h>\n",
            capture_output=True,
            check=False,
        )
        tls = ["-DWITH_TLS", "-lssl", "-lcrypto"] if probe.returncode == 0 else []
        if not tls:
            self.reasons["tls"] = "the headers of OpenSSL are not installed"
        for name in names:
            made = subprocess.run(
                ["gcc", "-O2", "-o", self.folder / name, PROGRAMS / f"{name}.c", *tls],
                capture_output=True,
                text=True,
                check=False,
            )
            if made.returncode:
                self.reasons[name] = f"{name}.c cannot be compiled: {made.stderr[-300:]}"

    def _certify(self) -> None:
        """Write a certificate for the servers over TLS."""
        if importlib.util.find_spec("trustme") is None:
            self.reasons.setdefault("tls", "the package trustme is not installed")
            return
        import trustme

        issued = trustme.CA().issue_cert("localhost", "127.0.0.1")
        issued.private_key_pem.write_to_path(self.folder / "key.pem")
        for pem in issued.cert_chain_pems:
            pem.write_to_path(self.folder / "cert.pem", append=True)


def machine() -> dict[str, Any]:
    """Describe the machine, without a name or a path."""
    names = {}
    for peer in ("plait", *PEERS):
        try:
            names[peer] = importlib.metadata.version(peer)
        except importlib.metadata.PackageNotFoundError:
            continue
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "memory_gib": round(pages * size / 2**30),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": platform.python_compiler(),
        "versions": names,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()
