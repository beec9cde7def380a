"""A small function app, to see the local host by."""

import json
import logging
import os
import threading

import azure.functions as func

app = func.FunctionApp()
_slow_may_end = threading.Event()
_all_here = threading.Barrier(4)


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
    """A literal route beside one with a parameter."""
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
    logging.getLogger("sample").info("slow has begun")
    _slow_may_end.wait(0.5)
    return func.HttpResponse(req.method)


@app.route("master", auth_level=func.AuthLevel.ADMIN)
def master(req: func.HttpRequest) -> func.HttpResponse:
    """Needs the master key."""
    return func.HttpResponse(os.environ.get("SAMPLE_SETTING", req.method))


@app.timer_trigger(schedule="%SAMPLE_SCHEDULE%", arg_name="timer")
def tick(timer: func.TimerRequest) -> None:
    """Says that it ran."""
    logging.getLogger("sample").info("ticked, past due: %s", timer.past_due)
