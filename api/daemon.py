"""Work in a thread that the end of the process does not wait for, however long it hangs."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_daemon(work: Callable[[], T], name: str) -> Future[T]:
    """What it comes to. Not by an executor: the end of the process waits for those of one."""
    answer: Future[T] = Future()
    answer.set_running_or_notify_cancel()  # who stops listening does not cancel it

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            answer.set_exception(error)
        else:
            answer.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return answer
