"""What all benchmarks stand on: where they run, what they note, and how it is told."""
