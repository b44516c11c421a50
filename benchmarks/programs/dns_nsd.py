"""Start nsd in the foreground, one server process, with the names of a hosts file as a zone."""

import os
import tempfile
from pathlib import Path

PORT = os.environ["BENCH_PORT"]
ZONE = """$ORIGIN bench.test.
$TTL 3600
@ IN SOA ns.bench.test. me.bench.test. 1 1 1 1 1
@ IN NS ns.bench.test.
ns IN A 10.9.9.9
"""
CONFIGURATION = """server:
  server-count: 1
  ip-address: 127.0.0.1@{port}
  username: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: ""
  xfrdfile: "{folder}/xfrd"
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zones"
  rrl-ratelimit: 0
  minimal-responses: yes
remote-control:
  control-enable: no
zone:
  name: "bench.test"
  zonefile: "zone"
"""

folder = Path(tempfile.mkdtemp(dir="."))
pairs = (line.split()[:2] for line in Path(os.environ["BENCH_HOSTS"]).read_text().splitlines())
records = "".join(f"{name}. IN A {address}\n" for address, name in pairs)
(folder / "zone").write_text(ZONE + records)
(folder / "conf").write_text(CONFIGURATION.format(port=PORT, folder=folder.resolve()))
os.execvp("nsd", ["nsd", "-d", "-c", str(folder / "conf")])
