"""The benchmarks: plait beside its peers, in one run. `python -m benchmarks --help` tells more."""
