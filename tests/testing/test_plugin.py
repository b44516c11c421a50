import pytest

from plait.testing import HAS_EAGER_TASKS

pytest_plugins = ["pytester"]

QUIET = ("-p", "no:randomly", "-p", "no:cacheprovider")


def test_strict_mode_runs_marked_tests_alone(pytester: pytest.Pytester) -> None:
    """Without the marker an async test is left to others; with it, it runs on virtual time."""
    pytester.makepyfile(
        """
        import asyncio, pytest

        @pytest.mark.plait
        async def test_marked(virtual_loop):
            await asyncio.sleep(3600)
            assert virtual_loop.time() == 3600

        class TestClass:
            @pytest.mark.plait
            async def test_method(self, virtual_loop):
                await asyncio.sleep(1)
                assert virtual_loop.time() == 1

        async def test_unmarked():
            raise AssertionError("must not run")
        """
    )
    result = pytester.runpytest_inprocess(*QUIET, "-k", "not unmarked")
    result.assert_outcomes(passed=2, deselected=1)
    result = pytester.runpytest_inprocess(*QUIET, "-k", "unmarked")
    result.stdout.fnmatch_lines(["*async def functions are not natively supported*"])


def test_auto_mode_runs_every_async_test(pytester: pytest.Pytester) -> None:
    """With `plait_mode = auto` no marker is needed, and a failing test fails."""
    pytester.makeini("[pytest]\nplait_mode = auto\n")
    pytester.makepyfile(
        """
        import asyncio

        async def test_good():
            await asyncio.sleep(1)

        async def test_bad():
            assert 1 == 2
        """
    )
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(passed=1, failed=1)


def test_a_test_runs_once_for_each_loop(pytester: pytest.Pytester) -> None:
    """Groups stand for several loops; those that this Python lacks are left out."""
    pytester.makepyfile(
        """
        import asyncio, pytest

        @pytest.mark.plait(loops="every")
        @pytest.mark.parametrize("number", [1, 2])
        async def test_matrix(number, plait_loop):
            assert asyncio.get_running_loop() is plait_loop
        """
    )
    result = pytester.runpytest_inprocess(*QUIET, "-v")
    result.assert_outcomes(passed=2 * (5 if HAS_EAGER_TASKS else 3))
    result.stdout.fnmatch_lines(["*virtual*", "*asyncio*", "*uvloop*"])


def test_an_unknown_loop_is_refused(pytester: pytest.Pytester) -> None:
    """A misspelt loop names the loops that there are."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.plait(loops="uvlop")
        async def test_it():
            pass
        """
    )
    result = pytester.runpytest_inprocess(*QUIET)
    result.stdout.fnmatch_lines(["*no loop 'uvlop'*virtual, virtual-eager, asyncio*"])


@pytest.mark.leaks("the test inside leaves tasks behind")
def test_a_pending_task_fails_the_test(pytester: pytest.Pytester) -> None:
    """A test that leaves a task behind fails and is told where the task waits."""
    pytester.makepyfile(
        """
        import asyncio, pytest

        async def wait_for_ever():
            await asyncio.Event().wait()

        @pytest.mark.plait
        async def test_leaks():
            asyncio.create_task(wait_for_ever(), name="forgotten")

        @pytest.mark.plait(leaks=True)
        async def test_may_leak():
            asyncio.create_task(wait_for_ever())

        @pytest.mark.plait(loops="asyncio", limit=5)
        async def test_real_leaks():
            asyncio.create_task(wait_for_ever(), name="forgotten")
        """
    )
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*forgotten: *:4 in wait_for_ever*"])


def test_an_error_told_to_the_loop_fails_the_test(pytester: pytest.Pytester) -> None:
    """An exception in a callback, or in a task that nobody awaits, does not go unnoticed."""
    pytester.makepyfile(
        """
        import asyncio, pytest

        @pytest.mark.plait
        async def test_callback(plait_loop):
            plait_loop.call_soon(lambda: 1 // 0)
            await asyncio.sleep(1)

        @pytest.mark.plait
        async def test_task():
            async def fail():
                raise ValueError("lost")
            asyncio.create_task(fail())
            await asyncio.sleep(1)

        @pytest.mark.plait
        async def test_expected(plait_loop, loop_errors):
            plait_loop.call_soon(lambda: 1 // 0)
            await asyncio.sleep(1)
            assert isinstance(loop_errors.pop()["exception"], ZeroDivisionError)
        """
    )
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(["*ZeroDivisionError*", "*lost*"])


@pytest.mark.leaks("the test inside leaves tasks behind")
def test_the_limit_ends_a_hanging_test(pytester: pytest.Pytester) -> None:
    """On a real loop the marker's limit is real time; on a virtual one a dead end shows at once."""
    pytester.makepyfile(
        """
        import asyncio, pytest

        @pytest.mark.plait(loops=["virtual", "asyncio", "uvloop"], limit=0.05)
        async def test_hangs():
            await asyncio.Event().wait()
        """
    )
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["*LoopStuckError*", "*TimeoutError*"])


def test_virtual_loop_on_a_real_loop_is_refused(pytester: pytest.Pytester) -> None:
    """A test cannot ask for a real loop and for virtual time at once."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.plait(loops="asyncio")
        async def test_it(virtual_loop):
            pass
        """
    )
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*virtual_loop was asked for*"])
