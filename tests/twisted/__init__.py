"""The Twisted API: each body of a test runs on plait's modules and on Twisted's own."""

import pytest

pytest.register_assert_rewrite("tests.twisted.both")
