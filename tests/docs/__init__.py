"""Everything that the README and the manual show is run."""
