"""Threads that belong to the invocation that gave them their work.

Azure's Python worker tells by a context variable which invocation a log line belongs to, and a line that belongs to
none never reaches Application Insights (Azure/azure-functions-python-worker, issues 1158 and 1860). A new thread
starts with an empty context, so work for another thread takes its own along.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context


class InvocationThreadPool(ThreadPoolExecutor):
    """A pool that runs each call in the context of whoever submitted it."""

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        context = copy_context()
        return super().submit(lambda: context.run(fn, *args, **kwargs))
