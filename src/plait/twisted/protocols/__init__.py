"""Building blocks of protocols: lines, strings with a length, time-outs, the simple services."""
