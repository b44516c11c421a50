"""
The house rules, as functions over a source tree: each returns the faults it found, one line each.

`tests/test_house.py` runs them over plait, and over planted trees to show that they do find faults.
Who may do what, and the exceptions with their reasons, stand in `tables.py`.
"""
