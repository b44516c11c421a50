"""
Examples of use that are only type-checked, never run.

`assert_type` states what mypy has to infer; a `type: ignore` states what it has to refuse, because
one that is not needed is an error.
"""
