"""A small function app to try the local host with."""

import contextvars
import json
import logging
import os
import sys
import threading

import azure.functions as func

app = func.FunctionApp()
logger = logging.getLogger("sample")
_slow_may_end = threading.Event()
_all_here = threading.Barrier(4)
_late_lines_may_come = threading.Event()
_late_lines_have_come = threading.Barrier(3)


@app.route("echo/{name}", methods=["GET", "POST"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    """What the function was given, as JSON."""
    seen = {
        "method": req.method,
        "url": req.url,
        "route": dict(req.route_params),
        "query": dict(req.params),
        "headers": dict(req.headers),
        "body": req.get_body().hex(),
    }
    return func.HttpResponse(json.dumps(seen), status_code=201, headers={"X-Sample": "yes"})


@app.route("echo/literal", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def literal(req: func.HttpRequest) -> func.HttpResponse:
    """Never reached: `echo` matches the same path, and its name sorts first."""
    return func.HttpResponse(req.method)


@app.route("overlap/{name}", auth_level=func.AuthLevel.ANONYMOUS)
def overlap_(req: func.HttpRequest) -> func.HttpResponse:
    """Sorts behind `overlapZ`: an underscore comes after the letters."""
    return func.HttpResponse("parameter", headers={"X-Method": req.method})


@app.route("overlap/literal", auth_level=func.AuthLevel.ANONYMOUS)
def overlapZ(req: func.HttpRequest) -> func.HttpResponse:  # noqa: N802 - Azure compares names without regard to case
    """Sorts before `overlap_`."""
    return func.HttpResponse("literal", headers={"X-Method": req.method})


@app.route("files/{*path}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
def files(req: func.HttpRequest) -> func.HttpResponse:
    """Its route parameters, as JSON."""
    return func.HttpResponse(json.dumps(dict(req.route_params)), mimetype="application/json")


@app.route("respond", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def respond(req: func.HttpRequest) -> func.HttpResponse:
    """The answer that the body describes: status, headers, mimetype, and body in hexadecimal digits."""
    wanted = req.get_json()
    return func.HttpResponse(
        bytes.fromhex(wanted.get("body", "")),
        status_code=wanted.get("status", 200),
        headers=wanted.get("headers"),
        mimetype=wanted.get("mimetype"),
    )


@app.route("binary", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def binary(req: func.HttpRequest) -> func.HttpResponse:
    """Bytes that are not text."""
    return func.HttpResponse(b"\x00\xff", mimetype="application/octet-stream", headers={"X-Method": req.method})


@app.route("nothing", methods=["DELETE"], auth_level=func.AuthLevel.ANONYMOUS)
def nothing(req: func.HttpRequest) -> func.HttpResponse:
    """No content."""
    return func.HttpResponse(status_code=204, headers={"X-Method": req.method})


@app.route("fails", auth_level=func.AuthLevel.ANONYMOUS)
def fails(req: func.HttpRequest) -> func.HttpResponse:
    """An exception that nothing catches."""
    raise RuntimeError(f"on {req.method}")


@app.route("together", auth_level=func.AuthLevel.ANONYMOUS)
def together(req: func.HttpRequest) -> func.HttpResponse:
    """Answers when four callers are inside at once."""
    _all_here.wait(timeout=10)
    return func.HttpResponse(req.method)


@app.route("slow", auth_level=func.AuthLevel.ANONYMOUS)
def slow(req: func.HttpRequest) -> func.HttpResponse:
    """Takes half a second."""
    logger.info("slow has begun")
    _slow_may_end.wait(0.5)
    return func.HttpResponse(req.method)


@app.route("late-lines", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def begin_late_lines(req: func.HttpRequest) -> func.HttpResponse:
    """Starts two threads that write a line after this function has answered; one belongs to this invocation."""
    own = contextvars.copy_context()
    threading.Thread(target=own.run, args=(_write_late_line, "from a thread of the invocation")).start()
    threading.Thread(target=_write_late_line, args=("from a thread of no invocation",)).start()
    logger.info("from the invocation itself")
    return func.HttpResponse(req.method)


@app.route("late-lines", methods=["DELETE"], auth_level=func.AuthLevel.ANONYMOUS)
def end_late_lines(req: func.HttpRequest) -> func.HttpResponse:
    """Lets the two threads write, and answers when they have."""
    _late_lines_may_come.set()
    _late_lines_have_come.wait(timeout=10)
    return func.HttpResponse(req.method)


def _write_late_line(text: str) -> None:
    _late_lines_may_come.wait(timeout=10)
    logger.info(text)
    _late_lines_have_come.wait(timeout=10)


@app.route("path", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def path(req: func.HttpRequest) -> func.HttpResponse:
    """Where Python looks for modules."""
    return func.HttpResponse(json.dumps(sys.path), headers={"X-Method": req.method})


@app.route("master", auth_level=func.AuthLevel.ADMIN)
def master(req: func.HttpRequest) -> func.HttpResponse:
    """Needs the master key."""
    return func.HttpResponse(os.environ.get("SAMPLE_SETTING", req.method))


@app.timer_trigger(schedule="%SAMPLE_SCHEDULE%", arg_name="timer")
def tick(timer: func.TimerRequest) -> None:
    """Says that it ran."""
    logger.info("ticked, past due: %s", timer.past_due)
