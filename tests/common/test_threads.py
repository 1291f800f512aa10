"""A thread that is alone with its work."""

import threading

import pytest

from common.threads import LoneThread


def test_work_is_done_in_order_in_one_thread_and_errors_are_raised_where_results_are_asked_for() -> None:
    lone = LoneThread("lone")
    names = [lone.submit(lambda: threading.current_thread().name) for _each in range(3)]
    assert [each.result(5) for each in names] == ["lone"] * 3
    with pytest.raises(ZeroDivisionError):
        lone.submit(lambda: 1 / 0).result(5)
    lone.close()


def test_after_closing_nobody_waits_for_ever() -> None:
    lone = LoneThread("lone")
    before = lone.submit(lambda: 1)
    lone.close()
    assert before.result(5) == 1, "what it was given is done"
    with pytest.raises(RuntimeError, match="closed"):
        lone.submit(lambda: 2).result(5)
    unused = LoneThread("unused")
    unused.close()
    with pytest.raises(RuntimeError, match="closed"):
        unused.submit(lambda: 2).result(5)
