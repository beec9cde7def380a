"""What lies behind an error of requests, urllib3 or azure-core."""


def causes_of(error: BaseException) -> list[BaseException]:
    """The error and every one behind it: those it was raised from, and those it merely carries.

    requests and urllib3 carry them as arguments, azure-core as `inner_exception`.
    """
    found: list[BaseException] = []
    pending: list[object] = [error]
    while pending:
        cause = pending.pop()
        if isinstance(cause, BaseException) and cause not in found:
            found.append(cause)
            carried = [*cause.args, getattr(cause, "inner_exception", None)]
            pending += [*carried, cause.__cause__, cause.__context__]
    return found
