"""Work keeps its context when another thread does it."""

from contextvars import ContextVar, copy_context

from shared.log import InvocationThreadPool

invocation: ContextVar[str | None] = ContextVar("invocation", default=None)


def test_a_call_runs_in_the_context_of_the_thread_that_submitted_it() -> None:
    with InvocationThreadPool(1) as pool:
        for name in ("first", "second"):
            context = copy_context()
            context.run(invocation.set, name)
            assert context.run(lambda: pool.submit(invocation.get).result()) == name
            assert context.run(lambda: list(pool.map(lambda _: invocation.get(), range(2)))) == [name, name]
        assert pool.submit(invocation.get).result() is None
