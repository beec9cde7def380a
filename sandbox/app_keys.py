"""Where the web application keeps the sandbox's state."""

from aiohttp import web

from sandbox.state import SandboxState

STATE = web.AppKey("state", SandboxState)
